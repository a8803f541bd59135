from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from exports_scene import model, subject, table

from tenfold.exports.hard_rows import hard_rows
from tenfold.exports.protocols import Refused
from tenfold.exports.sql.export import SqlExport
from tenfold.exports.sql.query import number
from tenfold.exports.write import write_export
from tenfold.foundation.errors import InputError
from tenfold.records.evaluation import Recalibration


@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize("names", ["plain", "forest", "constant", "plain+forest"])
def test_a_query_says_what_its_model_says(names: str, classes: int, tmp_path: Path) -> None:
    given = subject(model(names.split("+"), classes), tmp_path)
    written = write_export(SqlExport(), given, tmp_path / "out", hard=hard_rows(given.model, count=500))
    assert written.proof.greatest_difference <= 1e-11


@pytest.mark.parametrize(
    "recalibration",
    [
        Recalibration(method="logistic", params=(0.1, 1.2)),
        Recalibration(method="isotonic", params=(), before=(0.2, 0.5, 0.9), after=(0.1, 0.4, 0.95)),
    ],
)
def test_what_a_query_says_is_recalibrated(recalibration: Recalibration, tmp_path: Path) -> None:
    given = subject(model(["plain"], 2, recalibration=recalibration), tmp_path)
    written = write_export(SqlExport(), given, tmp_path / "out", hard=hard_rows(given.model, count=200))
    assert written.proof.greatest_difference <= 1e-11


def test_a_query_gives_the_rows_of_a_users_table_and_its_other_columns(tmp_path: Path) -> None:
    given = replace(subject(model(["plain"], 2), tmp_path), options={"table": 'my "rows"'})
    written = write_export(SqlExport(), given, tmp_path / "out", hard=hard_rows(given.model, count=50))
    rows = table(30, seed=3).with_row_index("number")
    rows.write_parquet(tmp_path / "rows.parquet")
    with duckdb.connect() as database:
        database.execute('CREATE TABLE "my ""rows""" AS FROM read_parquet(?)', [str(tmp_path / "rows.parquet")])
        found = database.execute((written.folder / "predict.sql").read_text()).fetchnumpy()
    assert list(found) == [*rows.columns, "prediction", "proba_no", "proba_yes"]
    assert sorted(found["number"]) == list(range(30))
    assert set(found["prediction"]) == {"no", "yes"}


@pytest.mark.parametrize("value", [0.1, -1 / 3, 5e-324, 1.7976931348623157e308, 123456789.0, -0.0])
def test_numbers_are_doubles_to_the_last_bit(value: float) -> None:
    (found,) = duckdb.sql(f"SELECT {number(value)}, typeof({number(value)})").fetchall()
    assert found == (value, "DOUBLE")


def test_what_a_query_has_no_words_for_is_refused_by_name(tmp_path: Path) -> None:
    given = subject(model(["boosted"], 2), tmp_path)
    with pytest.raises(Refused, match=r"SQL has no operation for the step dates\(joined\)"):
        write_export(SqlExport(), given, tmp_path / "out")


def test_a_model_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = subject(model(["forest"], 2), tmp_path)
    monkeypatch.setattr("tenfold.exports.sql.query._MOST_PARTS", 400)
    with pytest.raises(Refused, match=r"the trees of 'forest' have \d+ nodes, too many for a query"):
        write_export(SqlExport(), given, tmp_path / "out")


def test_another_dialect_is_refused_by_name(tmp_path: Path) -> None:
    given = subject(model(["plain"], 2), tmp_path)
    with pytest.raises(Refused, match="no query is written for postgresql"):
        SqlExport().files(replace(given, options={"dialect": "postgresql"}))
    with pytest.raises(InputError, match="dialect is duckdb; found 'duck'"):
        SqlExport().files(replace(given, options={"dialect": "duck"}))
