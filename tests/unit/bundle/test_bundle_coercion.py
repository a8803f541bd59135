"""Values are never read as something else in silence: each is refused, or read as its column writes values."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tenfold.bundle.signature import Signature
from tenfold.connectors.read import read_for_model
from tenfold.foundation.errors import DataError
from tenfold.records.dataset import Field

FIELDS = {
    "number": Field(name="x", kind="numeric"),
    "declared number": Field(name="x", kind="numeric", padded=True),
    "decimal comma": Field(name="x", kind="numeric", decimal_comma=True, thousands="."),
    "comma alone": Field(name="x", kind="numeric", decimal_comma=True),
    "thousands": Field(name="x", kind="numeric", thousands=","),
    "code": Field(name="x", kind="categorical", padded=True),
    "word": Field(name="x", kind="categorical"),
    "truth": Field(name="x", kind="boolean"),
    "moment": Field(name="x", kind="datetime"),
    "day first": Field(name="x", kind="datetime", datetime_format="%d.%m.%Y"),
    "day last": Field(name="x", kind="datetime", datetime_format="%Y-%d-%m"),
}
REFUSED = object()
CASES: list[tuple[str, object, object]] = [
    ("number", "001", REFUSED),
    ("number", "-07", REFUSED),
    ("number", "0", 0.0),
    ("number", "0.5", 0.5),
    ("declared number", "001", 1.0),
    ("number", "1,5", REFUSED),
    ("number", "1,234", REFUSED),
    ("number", True, REFUSED),
    ("number", "true", REFUSED),
    ("number", "0x10", REFUSED),
    ("number", "31/12/25", REFUSED),
    ("decimal comma", "1,5", 1.5),
    ("decimal comma", "1.234,5", 1234.5),
    ("decimal comma", "1.5", REFUSED),
    ("decimal comma", "31.12.25", REFUSED),
    ("decimal comma", "31.12.2025", REFUSED),
    ("comma alone", "1.5", REFUSED),
    ("thousands", "1,5", REFUSED),
    ("thousands", "1,234", 1234.0),
    ("code", "001", "001"),
    ("code", 1, REFUSED),
    ("code", 1.0, REFUSED),
    ("word", 1, "1"),
    ("word", True, "true"),
    ("truth", "0", REFUSED),
    ("truth", "1", REFUSED),
    ("truth", "yes", REFUSED),
    ("truth", 2, REFUSED),
    ("truth", 0.5, REFUSED),
    ("truth", 1, True),
    ("moment", "31/12/25", REFUSED),
    ("moment", "25-12-31", REFUSED),
    ("moment", "12/31/2025", REFUSED),
    ("moment", 20251231, REFUSED),
    ("moment", "20251231", REFUSED),
    ("day first", "31.12.25", REFUSED),
    ("day first", "12/31/2025", REFUSED),
    ("day last", "2025-12-31", REFUSED),
]


def as_one(field: Field, value: object, folder: Path) -> object:
    return Signature(fields=(field,)).conform_row({"x": value})["x"]


def as_table(field: Field, value: object, folder: Path) -> object:
    return Signature(fields=(field,)).conform(pl.DataFrame({"x": [value]}))["x"][0]


def from_parquet(field: Field, value: object, folder: Path) -> object:
    pl.DataFrame({"x": [value], "y": [1]}).write_parquet(folder / "rows.parquet")
    return next(read_for_model(str(folder / "rows.parquet"), (field,)))["x"][0]


@pytest.mark.parametrize("read", [as_one, as_table, from_parquet])
def test_nothing_is_coerced_in_silence(read, tmp_path: Path) -> None:
    wrong = []
    for name, value, wanted in CASES:
        field = FIELDS[name]
        try:
            found: object = read(field, value, tmp_path)
        except DataError as error:
            found = REFUSED if "'x'" in str(error) else "refused without the column's name"
        if found is not wanted and found != wanted:
            wrong.append((name, value, found))
    assert not wrong


def test_text_is_read_in_a_file_as_in_a_request(tmp_path: Path) -> None:
    wrong = []
    for name, value, wanted in CASES:
        if not isinstance(value, str) or name in {"moment", "word"}:
            continue
        (tmp_path / "rows.csv").write_text(f'x;y\n"{value}";q\n"{value}";r\n', encoding="utf-8")
        try:
            found: object = next(read_for_model(str(tmp_path / "rows.csv"), (FIELDS[name],)))["x"][0]
        except DataError as error:
            found = REFUSED if "'x'" in str(error) else "refused without the column's name"
        if found is not wanted and found != wanted:
            wrong.append((name, value, found))
    assert not wrong


def test_a_day_in_iso_is_read_where_its_order_cannot_be_mistaken(tmp_path: Path) -> None:
    assert from_parquet(FIELDS["day first"], "2025-12-31", tmp_path) == datetime(2025, 12, 31, tzinfo=UTC)
