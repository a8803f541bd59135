"""The data stage as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.foundation.errors import DataError
from tenfold.foundation.events import Event
from tenfold.foundation.fingerprint import hash_bytes
from tenfold.foundation.serial import from_json, to_json
from tenfold.measures.contract.read import contract_from_text
from tenfold.records.dataset import Dataset, Field, Kind
from tenfold.records.problem import MetricChoice, Problem, Task
from tenfold.stages.data.options import ColumnOptions, DataOptions
from tenfold.stages.data.run import run

KINDS: Mapping[type[pl.DataType], Kind] = {pl.Float64: "numeric", pl.String: "categorical", pl.Boolean: "boolean"}


class Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


def fields_of(frame: pl.DataFrame, texts: Sequence[str] = ()) -> tuple[Field, ...]:
    fields = []
    for name, dtype in frame.schema.items():
        kind: Kind = "datetime" if dtype.is_temporal() else KINDS[type(dtype)]
        levels: tuple[str, ...] = ()
        whole = False
        if kind == "categorical":
            levels = tuple(frame[name].drop_nulls().unique().sort())
            kind = "text" if name in texts else kind
        elif kind == "numeric":
            whole = bool((frame[name] == frame[name].floor()).all())
        fields.append(Field(name=name, kind=kind, integer=whole, levels=levels if len(levels) < 1000 else ()))
    return tuple(fields)


def prepare(
    frame: pl.DataFrame,
    tmp_path: Path,
    *,
    target: str = "y",
    task: Task = "binary",
    time: str | None = None,
    options: DataOptions | None = None,
    heard: Heard | None = None,
    texts: Sequence[str] = (),
) -> StageResult[Dataset]:
    path = tmp_path / "ingested.parquet"
    frame.write_parquet(path)
    problem = Problem(name="p", task=task, target=target, time=time, metric=MetricChoice(metric="roc_auc", reason=""))
    context = StageContext(rng=np.random.default_rng(0), events=heard or Heard())
    return run(Received(record=problem), path, fields_of(frame, texts), (), options or DataOptions(), context)


def rows_of(result: StageResult[Dataset], name: str = "table.parquet") -> pl.DataFrame:
    content = result.files[name]
    assert isinstance(content, bytes)
    return pl.read_parquet(content)


@pytest.fixture
def frame() -> pl.DataFrame:
    count = 200
    return pl.DataFrame(
        {
            "id": [f"c{number}" for number in range(count)],
            "age": [float(20 + number % 50) if number % 7 else None for number in range(count)],
            "city": [["Bonn", "Ulm", "Köln"][number % 3] for number in range(count)],
            "empty": pl.Series([None] * count, dtype=pl.String),
            "same": [1.0] * count,
            "y": ["yes" if number % 3 else "no" for number in range(count)],
        }
    )


def test_rows_stay_in_order_and_columns_as_their_fields_say(frame: pl.DataFrame, tmp_path: Path) -> None:
    result = prepare(frame, tmp_path)
    assert rows_of(result).equals(frame)
    assert result.record.rows == 200
    assert result.record.snapshot == hash_bytes(result.files["table.parquet"])  # type: ignore[arg-type]


def test_roles_are_found_with_reasons(frame: pl.DataFrame, tmp_path: Path) -> None:
    dataset = prepare(frame, tmp_path).record
    assert {column.name: column.role for column in dataset.columns} == {
        "id": "id",
        "age": "feature",
        "city": "feature",
        "empty": "ignored",
        "same": "ignored",
        "y": "target",
    }
    assert all(column.reason for column in dataset.columns)


def test_columns_are_profiled(frame: pl.DataFrame, tmp_path: Path) -> None:
    dataset = prepare(frame, tmp_path).record
    age = dataset.column("age")
    known = frame["age"].drop_nulls()
    assert (age.missing, age.low, age.high) == (29, known.min(), known.max())
    assert age.mean == pytest.approx(known.mean())
    assert age.deviation == pytest.approx(known.std())
    assert age.quartiles == pytest.approx([known.quantile(share, "linear") for share in (0.25, 0.5, 0.75)])
    assert sum(count for _, count in age.histogram) == len(known)
    assert dataset.column("city").top[0] == ("Bonn", 67)
    assert dataset.column("city").distinct == 3


def test_the_same_rows_give_the_same_snapshot_however_they_were_chunked(frame: pl.DataFrame, tmp_path: Path) -> None:
    pieces = pl.concat([frame[:50], frame[50:51], frame[51:]], rechunk=False)
    assert prepare(frame, tmp_path).record.snapshot == prepare(pieces, tmp_path).record.snapshot


def test_the_record_can_be_stored(frame: pl.DataFrame, tmp_path: Path) -> None:
    dataset = prepare(frame, tmp_path).record
    assert from_json(Dataset, to_json(dataset)) == dataset


def test_rows_without_a_target_are_left_out_and_counted(frame: pl.DataFrame, tmp_path: Path) -> None:
    holed = frame.with_columns(y=pl.when(pl.int_range(pl.len()) % 10 > 0).then("y"))
    result = prepare(holed, tmp_path)
    assert result.record.dropped == {"missing target": 20}
    assert rows_of(result)["id"].to_list() == holed.filter(pl.col("y").is_not_null())["id"].to_list()


@pytest.mark.parametrize(
    ("values", "labels"),
    [([1.0, 2.0], ["1", "2"]), ([0.5, 1.0], ["0.5", "1"]), ([True, False], ["true", "false"])],
)
def test_class_labels_are_strings(values: list[object], labels: list[str], tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": values * 2})
    assert rows_of(prepare(frame, tmp_path))["y"].to_list() == labels * 2


def test_the_target_of_a_regression_is_a_number(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": ["a", "b", "c"], "y": [1.0, 2.5, None]})
    result = prepare(frame, tmp_path, task="regression")
    assert rows_of(result)["y"].to_list() == [1.0, 2.5]
    with pytest.raises(DataError, match="'x' holds words, but a regression needs numbers"):
        prepare(frame, tmp_path, target="x", task="regression")


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pl.DataFrame({"x": [1.0], "z": ["a"]}), r"'y' is not a column"),
        (pl.DataFrame({"x": [], "y": []}, schema={"x": pl.Float64, "y": pl.String}), "has no rows"),
        (pl.DataFrame({"x": [1.0, 2.0], "y": pl.Series([None, None], dtype=pl.String)}), "missing in all 2 rows"),
        (pl.DataFrame({"x": [1.0, 2.0], "y": ["a", None]}), "only one row has a value"),
        (pl.DataFrame({"x": [1.0, 2.0], "y": ["a", "a"]}), r"a single class \('a'\)"),
    ],
)
def test_what_cannot_be_learned_gets_one_sentence(frame: pl.DataFrame, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        prepare(frame, tmp_path)


def test_copies_are_numbered_for_the_split(frame: pl.DataFrame, tmp_path: Path) -> None:
    spread = frame.with_columns(weight_g=pl.int_range(pl.len()).cast(pl.Float64) * 1.37)
    doubled = pl.concat([spread, spread[10:13], spread[10:11]])
    result = prepare(doubled, tmp_path)
    assert result.record.duplicate_rows == 4
    numbers = rows_of(result, "copies.parquet")
    assert numbers.width == 1
    copies = numbers.to_series().to_list()
    assert copies[10] == copies[200] == copies[203]
    assert copies[11] == copies[201]
    assert len(set(copies)) == 200
    assert "copies.parquet" not in prepare(spread, tmp_path).files


def test_copies_can_be_dropped(frame: pl.DataFrame, tmp_path: Path) -> None:
    doubled = pl.concat([frame, frame[10:13]])
    result = prepare(doubled, tmp_path, options=DataOptions(duplicates="drop"))
    assert result.record.dropped == {"duplicate": 3}
    assert rows_of(result).equals(frame)
    assert "copies.parquet" not in result.files


def test_findings_are_told_as_events(frame: pl.DataFrame, tmp_path: Path) -> None:
    heard = Heard()
    dataset = prepare(frame, tmp_path, heard=heard).record
    assert [event.message for event in heard.events] == [finding.message for finding in dataset.findings]


def test_an_inferred_contract_is_kept_by_the_data_it_came_from(frame: pl.DataFrame, tmp_path: Path) -> None:
    first = prepare(frame, tmp_path).record
    again = prepare(frame, tmp_path, options=DataOptions(contract=first.contract)).record
    assert again.contract == first.contract
    assert again.findings == first.findings


def test_a_broken_contract_is_a_finding(frame: pl.DataFrame, tmp_path: Path) -> None:
    text = prepare(frame, tmp_path).record.contract
    assert text is not None
    other = frame.with_columns(city=pl.lit("Atlantis")).drop("age")
    findings = prepare(other, tmp_path, options=DataOptions(contract=text)).record.findings
    severities = {(finding.rule, finding.column): finding.severity for finding in findings}
    assert severities["column", "age"] == "critical"
    assert severities["values", "city"] == "warning"


def test_the_contract_speaks_of_rows_as_they_are_read_not_of_the_final_target(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0, 3.0, 2.5], "y": [1.0, 2.0, 1.0, None]})
    text = prepare(frame, tmp_path).record.contract
    assert text is not None
    target = next(column for column in contract_from_text(text).columns if column.name == "y")
    assert (target.kind, target.missing, target.optional) == ("numeric", 1.0, True)
    assert not prepare(frame, tmp_path, options=DataOptions(contract=text)).record.findings


def test_declared_settings_reach_the_columns(frame: pl.DataFrame, tmp_path: Path) -> None:
    columns = {"age": ColumnOptions(impute="median", scale="robust", available="later")}
    age = prepare(frame, tmp_path, options=DataOptions(columns=columns)).record.column("age")
    assert (age.impute, age.scale, age.available) == ("median", "robust", "later")
