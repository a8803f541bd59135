from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from bundle_scene import FIELDS, table

from tenfold.bundle.signature import Signature
from tenfold.foundation.errors import DataError
from tenfold.records.dataset import Field

SIGNATURE = Signature(fields=FIELDS)
ROW = {
    "age": 30,
    "income": 1234.5,
    "colour": "red",
    "town": "Tówn 1",
    "member": True,
    "joined": datetime(2026, 5, 1, 12, tzinfo=UTC),
    "note": "hello",
}


def conformed(**changes: object) -> dict[str, object]:
    """One row, read as a list of mappings; the single-row reading must agree."""
    row = {**ROW, **changes}
    found = SIGNATURE.conform([row]).to_dicts()[0]
    assert found == SIGNATURE.conform_row(row)
    return found


def test_canonical_rows_pass_as_they_are() -> None:
    rows = table()
    assert SIGNATURE.conform(rows).equals(rows)
    assert SIGNATURE.conform(rows.to_dicts()).equals(rows)


def test_pandas_rows_pass_with_their_own_missing_values() -> None:
    rows = table()
    assert SIGNATURE.conform(rows.to_pandas()).equals(rows)
    frame = rows.to_pandas()
    frame["age"] = frame["age"].astype("Int64")
    frame["colour"] = frame["colour"].astype("category")
    frame["member"] = frame["member"].astype("boolean")
    frame["town"] = frame["town"].astype(object)
    assert SIGNATURE.conform(frame).equals(rows)


def test_columns_may_come_in_any_order_and_others_are_left_out() -> None:
    rows = table()
    turned = rows.select(reversed(rows.columns)).with_columns(pl.lit(1).alias("more"))
    assert SIGNATURE.conform(turned).equals(rows)


@pytest.mark.parametrize("missing", [None, math.nan, "", "  ", "?", " ? ", pd.NA, pd.NaT, np.float64("nan")])
def test_whatever_means_missing_is_missing(missing: object) -> None:
    found = conformed(age=missing, colour=missing)
    assert found["age"] is None
    assert found["colour"] is None


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (7, 7.0), (Decimal("7.25"), 7.25), (np.int8(7), 7.0), (np.float32(0.5), 0.5), ("7", 7.0), (" -7.5e2 ", -750.0),
        (".5", 0.5), ("5.", 5.0), (10**20, 1e20),
    ],
)  # fmt: skip
def test_numbers_are_read_however_they_come(given: object, read: float) -> None:
    assert conformed(age=given)["age"] == read


def test_numbers_in_text_are_read_as_their_column_writes_them() -> None:
    assert conformed(income="1.234.567,5")["income"] == 1234567.5


@pytest.mark.parametrize(
    ("given", "read"),
    [(7, "7"), (7.0, "7"), (7.5, "7.5"), (True, "true"), (" red ", "red"), ("0", "0"), ("007", "007")],
)
def test_a_category_is_text_whatever_it_was(given: object, read: str) -> None:
    assert conformed(colour=given)["colour"] == read


def test_a_float_column_for_a_category_has_no_trailing_zeros() -> None:
    rows = table(3, missing=0.0).with_columns(pl.Series("colour", [1.0, 2.5, None]))
    assert SIGNATURE.conform(rows)["colour"].to_list() == ["1", "2.5", None]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (datetime(2026, 7, 1, 12), datetime(2026, 7, 1, 10, tzinfo=UTC)),  # noqa: DTZ001  # its zone is the column's
        (datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=-3))), datetime(2026, 7, 1, 15, tzinfo=UTC)),
        (date(2026, 7, 1), datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-07-01 12:30", datetime(2026, 7, 1, 10, 30, tzinfo=UTC)),
        ("2026-07-01T12:30:15.25Z", datetime(2026, 7, 1, 12, 30, 15, 250_000, tzinfo=UTC)),
        ("2026-07-01T12:30:15+0200", datetime(2026, 7, 1, 10, 30, 15, tzinfo=UTC)),
        (np.datetime64("2026-07-01T12:00:00.123456789"), datetime(2026, 7, 1, 10, 0, 0, 123456, tzinfo=UTC)),
        (pd.Timestamp("2026-07-01 12:00", tz="UTC"), datetime(2026, 7, 1, 12, tzinfo=UTC)),
        # In Paris the clock showed 2:30 twice on 25 October, and not at all on 29 March.
        ("2026-10-25 02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-03-29 02:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
    ],
)
def test_times_are_moments_in_utc(given: object, read: datetime) -> None:
    assert conformed(joined=given)["joined"] == read


def test_times_written_by_a_pattern_are_read_by_it() -> None:
    field = Field(name="t", kind="datetime", datetime_format="%d/%m/%Y %H:%M")
    assert Signature(fields=(field,)).conform_row({"t": "31/01/2026 18:00"}) == {
        "t": datetime(2026, 1, 31, 18, tzinfo=UTC)
    }
    with pytest.raises(DataError, match="a time written as '%d/%m/%Y %H:%M' is needed"):
        Signature(fields=(field,)).conform_row({"t": "2026-01-31"})


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("age", "old", "the text 'old' where a number is needed"),
        ("age", "1_000", "where a number is needed"),
        ("age", "٣", "where a number is needed"),
        ("age", "inf", "where a number is needed"),
        ("age", "1e999", "where a finite number"),
        ("age", math.inf, "the number inf where a finite number"),
        ("age", 10**400, "where a number of ordinary size is needed"),
        ("age", True, "the truth value True where a number is needed"),
        ("age", [1], "a value of type list, \\[1\\] where a number is needed"),
        ("age", datetime(2026, 1, 1, tzinfo=UTC), "where a number is needed"),
        ("member", "perhaps", "where true or false is needed"),
        ("member", 2, "the number 2 where true or false is needed"),
        ("colour", {"r": 1}, "where a text is needed"),
        ("colour", b"red", "where a text is needed"),
        ("colour", "\ud800", "text in valid Unicode is needed"),
        ("joined", 1_700_000_000, "the number 1700000000 where a time is needed"),
        ("joined", "yesterday", "where a time written as ISO 8601"),
        ("joined", "2026-02-30", "where a time written as ISO 8601"),
        ("joined", datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "between the years 1 and 9999"),
    ],
)
def test_a_value_of_another_nature_is_refused_with_column_and_row(column: str, value: object, message: str) -> None:
    with pytest.raises(DataError, match=f"column '{column}', row 2: .*{message}"):
        SIGNATURE.conform([ROW, {**ROW, column: value}])
    with pytest.raises(DataError, match=f"column '{column}': .*{message}"):
        SIGNATURE.conform_row({**ROW, column: value})


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("age", [1.0, math.inf, 2.0], "column 'age', row 2: the number inf"),
        ("age", ["1", "2", "x"], "column 'age', row 3: the text 'x'"),
        ("age", [True, False, None], "column 'age', row 1: the truth value True"),
        ("joined", [1, 2, 3], "column 'joined', row 1: the number 1"),
        ("colour", [["a"], ["b"], None], "column 'colour', row 1: a value of type list"),
    ],
)
def test_a_column_of_another_type_is_refused_with_its_first_such_row(
    column: str, values: list[object], message: str
) -> None:
    rows = table(3).with_columns(pl.Series(column, values))
    with pytest.raises(DataError, match=message):
        SIGNATURE.conform(rows)


def test_a_missing_column_is_named_with_the_nearest() -> None:
    with pytest.raises(DataError, match=r"the column 'colour' .* is not there .*Did you mean 'color'\?"):
        SIGNATURE.conform(table().rename({"colour": "color"}))
    with pytest.raises(DataError, match="row 2: the column 'age'"):
        SIGNATURE.conform([ROW, {key: value for key, value in ROW.items() if key != "age"}])
    with pytest.raises(DataError, match="the column 'age'"):
        SIGNATURE.conform_row({})
    frame = table(2).to_pandas()
    with pytest.raises(DataError, match="2 columns called 'age'"):
        SIGNATURE.conform(pd.concat([frame, frame[["age"]]], axis=1))


@pytest.mark.parametrize("rows", [ROW, "age", 7, [1], None])
def test_what_is_no_table_is_refused(rows: object) -> None:
    with pytest.raises(DataError):
        SIGNATURE.conform(rows)


def test_no_rows_are_an_empty_table_of_the_right_types() -> None:
    empty = table().clear()
    assert SIGNATURE.conform(empty).equals(empty)
    assert SIGNATURE.conform([]).schema == empty.schema
