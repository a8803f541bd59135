"""What `init` writes about raw tables, and that the project then reads them so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tenfold.connectors.ingest import ingest
from tenfold.project.begin import init_project
from tenfold.project.table_reports import InitReport
from tenfold.project.tables import ingest_options
from tenfold.spec.load import parse_spec
from tenfold.spec.schema import Spec
from tenfold.stages.data.options import DataOptions
from tenfold.stages.data.profile import hold_to_contract


def begin(folder: Path, text: str, target: str, name: str = "t.csv") -> tuple[InitReport, Spec, str]:
    path = folder / name
    path.write_text(text)
    report = init_project(str(path), target, folder=folder / "project")
    written = report.path.read_text()
    return report, parse_spec(written.encode(), path="tenfold.yaml", folder=report.path.parent, environ={}), written


def rows(row: Callable[[int], str], count: int = 400) -> str:
    return "".join(row(number) + "\n" for number in range(count))


def table_of(spec: Spec, folder: Path) -> pl.DataFrame:
    return pl.read_parquet(ingest(ingest_options(spec), workdir=folder / "read").table)


def hours(number: int) -> str:
    return f"2019,{1 + number // 744},{1 + number // 24 % 28},{number % 24}"


def test_year_month_day_and_hour_become_the_time_of_the_rows(tmp_path: Path) -> None:
    text = "No,year,month,day,hour,load\n" + rows(lambda n: f"{n},{hours(n)},{(n * 7) % 23}.5")
    report, spec, written = begin(tmp_path, text, "load")
    assert (spec.problem.time, spec.data.columns["time"].role) == ("time", "ignored")
    assert "make_timestamp" in (spec.data.query or "")
    assert any("'year', 'month', 'day', 'hour'" in note for note in report.notes)
    assert "rows to predict need it too" in written
    table = table_of(spec, tmp_path)
    assert str(table["time"][25]) == "2019-01-02 01:00:00+00:00"


def test_a_day_and_a_clock_become_the_time_of_the_rows(tmp_path: Path) -> None:
    text = "date,time,load\n" + rows(lambda n: f"{1 + n // 24 % 28:02d}/03/2019,{n % 24}:30,{(n * 7) % 23}.5")
    _, spec, _ = begin(tmp_path, text, "load")
    assert spec.problem.time == "moment"
    assert str(table_of(spec, tmp_path)["moment"][25]) == "2019-03-02 01:30:00+00:00"


def test_days_that_do_not_exist_make_no_time_and_this_is_told(tmp_path: Path) -> None:
    text = "year,month,day,load\n" + rows(lambda n: f"2019,{1 + n % 12},{1 + n % 31},{(n * 7) % 23}.5")
    report, spec, _ = begin(tmp_path, text, "load")
    assert (spec.problem.time, spec.data.query) == (None, None)
    assert any("no time is made of them" in note for note in report.notes)


@pytest.mark.parametrize("header", ["birth_year,birth_month,birth_day", "year,kind,colour", "start_year,end_month,day"])
def test_years_of_something_else_make_no_time(tmp_path: Path, header: str) -> None:
    text = f"{header},load\n" + rows(lambda n: f"{1950 + n % 40},{1 + n % 12},{1 + n % 28},{(n * 7) % 23}.5")
    _, spec, _ = begin(tmp_path, text, "load")
    assert spec.data.query is None


def test_spellings_of_a_class_are_put_together_in_sight(tmp_path: Path) -> None:
    labels = [">50K", "<=50K", ">50K.", "<=50K.", "<=50K", "<=50k"]
    text = "age,hours,pay\n" + rows(lambda n: f"{20 + n % 50},{n % 60}, {labels[n % 6]}")
    report, spec, written = begin(tmp_path, text, "pay")
    assert (report.task, spec.problem.positive) == ("binary", ">50K")
    assert set(table_of(spec, tmp_path)["pay"].to_list()) == {">50K", "<=50K"}
    assert "'>50K.' is taken for '>50K'" in written
    assert any("'<=50k' is taken for '<=50K'" in note for note in report.notes)


def test_codes_are_read_as_words_by_lines_that_stand_in_the_file(tmp_path: Path) -> None:
    text = "provider_id,zip,beds,cost\n" + rows(lambda n: f"{1000 + n % 40},{1000 + 97 * (n % 30)},{n % 90},{n % 37}.5")
    _, spec, written = begin(tmp_path, text, "cost")
    assert {name: column.kind for name, column in spec.data.columns.items()} == {
        "provider_id": "categorical",
        "zip": "categorical",
    }
    assert table_of(spec, tmp_path).schema["zip"] == pl.String
    assert "codes, not quantities" in written


def test_a_column_that_knows_the_answer_is_left_out_in_sight_and_a_doubtful_one_is_told(tmp_path: Path) -> None:
    text = "x,copy,near,cost\n" + rows(
        lambda n: f"{n % 13},{(n * 37) % 401 * 2}.5,{(n * 37) % 401 + (n * 13) % 71}.5,{(n * 37) % 401}.5"
    )
    report, spec, written = begin(tmp_path, text, "cost")
    assert spec.data.columns["copy"].available == "later"
    assert "#   near: {available: later}" in written
    assert any(note.startswith("left out: 'copy'") for note in report.notes)
    assert any(note.startswith("look at: 'near'") for note in report.notes)


def test_rows_without_a_target_are_counted_and_conversions_stand_in_the_file(tmp_path: Path) -> None:
    text = "id;price;share;grade\n" + rows(
        lambda n: f"{n};{'n/a' if n % 3 else f'{n + 1}.234,50 €'};{n % 100},5 %;{1 + n % 5}", 300
    )
    report, _, written = begin(tmp_path, text, "price")
    assert (report.task, report.rows) == ("regression", 100)
    assert any("'price' is missing in 200 rows" in note for note in report.notes)
    assert "with '%', read as written" in written
    assert "with '€', which is left out" in written


def test_the_rows_without_a_target_keep_the_contract_as_well(tmp_path: Path) -> None:
    text = "seen,rank,fan\n" + rows(lambda n: f",,\n{n % 2},{n % 6},{'yes' if n % 3 else 'no'}", 200)
    report, spec, _ = begin(tmp_path, text, "fan")
    assert report.contract is not None
    read = ingest(ingest_options(spec), workdir=tmp_path / "read")
    options = DataOptions(contract=report.contract.read_text())
    held = hold_to_contract(pl.read_parquet(read.table), read.fields, options)
    assert (report.rows, [finding.message for finding in held.findings]) == (200, [])


def test_what_a_stranger_may_look_for_stands_in_the_file(tmp_path: Path) -> None:
    _, _, written = begin(tmp_path, "a,b,y\n" + rows(lambda n: f"{n % 9},{n % 7},{n % 2}"), "y")
    for key in ("users", "decision", "slices", "kpis", "signoff", "value", "baseline", "time"):
        assert f"# {key}:" in written


@pytest.mark.parametrize(
    ("values", "task", "positive"),
    [
        (("yes", "no"), "binary", "yes"),
        (("Y", "N"), "binary", "Y"),
        (("T", "F"), "binary", "T"),
        (("TRUE", "FALSE"), "binary", "true"),
        (('"1"', '"0"'), "binary", 1),
        (("1", "2", "3", "4", "5"), "multiclass", None),
        (("$1,200.50", "$80", "$7"), "multiclass", None),
    ],
)
def test_targets_are_understood(tmp_path: Path, values: tuple[str, ...], task: str, positive: object) -> None:
    text = "a;b;y\n" + rows(lambda n: f"{n % 9};{n % 7};{values[n % len(values)]}")
    if values[0].startswith("$"):
        text = "a;b;y\n" + rows(lambda n: f"{n % 9};{n % 7};${n + 1},200.5")
        task = "regression"
    report, spec, _ = begin(tmp_path, text, "y")
    assert (report.task, spec.problem.positive) == (task, None if positive is None else spec.problem.positive)
    if positive is not None:
        assert str(spec.problem.positive).lower() == str(positive).lower()
