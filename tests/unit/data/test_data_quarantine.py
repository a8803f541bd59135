"""Rows that break the contract, and what becomes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from test_data_run import Heard, fields_of

from tenfold.foundation.clock import ManualClock
from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.gates.stops import stop_if_broken
from tenfold.measures.contract.age import with_age
from tenfold.measures.states.saved import SavedStates
from tenfold.records.dataset import Dataset
from tenfold.records.problem import MetricChoice, Problem
from tenfold.stages.data.options import DataOptions
from tenfold.stages.data.quarantine import divide
from tenfold.stages.data.run import run

CONTRACT = """\
contract: 1
columns:
  age: {kind: numeric, missing: 0.0, range: [0, 120], severity: critical}
  city: {kind: categorical, pattern: "[A-Z][a-zö]+", severity: {pattern: info}}
  y: {kind: categorical, optional: true}
rules:
  - {id: grown-up, that: "age >= 18 OR city = 'Bonn'"}
"""
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def frame() -> pl.DataFrame:
    count = 100
    age = [float(20 + number % 60) for number in range(count)]
    age[3], age[7], age[50] = -1.0, 400.0, 12.0
    city = [["Bonn", "Ulm", "Köln"][number % 3] for number in range(count)]
    city[9] = "ulm"
    return pl.DataFrame(
        {
            "age": pl.Series(age).scatter(20, None),
            "city": city,
            "y": ["yes" if number % 2 else "no" for number in range(count)],
        }
    )


def prepare(frame: pl.DataFrame, folder: Path, **options: object) -> StageResult[Dataset]:
    path = folder / "ingested.parquet"
    frame.write_parquet(path)
    problem = Problem(name="p", task="binary", target="y", metric=MetricChoice(metric="roc_auc", reason=""))
    context = StageContext(rng=np.random.default_rng(0), events=Heard(), clock=ManualClock(at=NOW))
    asked = replace(DataOptions(contract=CONTRACT), **options)  # type: ignore[arg-type]  # named by each test
    return run(Received(record=problem), path, fields_of(frame), (), asked, context)


def payload(result: StageResult[Dataset], name: str) -> pl.DataFrame:
    content = result.files[name]
    assert isinstance(content, bytes)
    return pl.read_parquet(content)


def test_failing_rows_are_listed_with_their_rules_and_stay_by_default(frame: pl.DataFrame, tmp_path: Path) -> None:
    result = prepare(frame, tmp_path)
    listed = payload(result, "quarantine.parquet")
    assert dict(listed.select("quarantine_row", "quarantine_rules").iter_rows()) == {
        3: ["range:age"],
        7: ["range:age"],
        20: ["missing:age"],
        50: ["grown-up"],
    }
    assert listed.select(frame.columns).equals(frame[[3, 7, 20, 50]])
    assert (result.record.rows, result.record.quarantined, result.record.dropped) == (100, 4, {})
    assert "critical" in {finding.severity for finding in result.record.findings}
    assert stop_if_broken(Received(record=result.record)) is not None


def test_dropped_rows_are_counted_and_do_not_stop_the_run(frame: pl.DataFrame, tmp_path: Path) -> None:
    result = prepare(frame, tmp_path, quarantine="drop")
    kept = [row for row in range(100) if row not in {3, 7, 20, 50}]
    assert payload(result, "table.parquet").equals(frame[kept])
    assert (result.record.rows, result.record.quarantined) == (96, 4)
    assert result.record.dropped == {"contract": 4}
    assert stop_if_broken(Received(record=result.record)) is None
    told = [finding for finding in result.record.findings if finding.message.endswith("these rows are in quarantine")]
    assert {(finding.rule, finding.column) for finding in told} == {
        ("missing", "age"),
        ("range", "age"),
        ("grown-up", None),
    }
    assert result.record.column("age").low == 20.0


def test_too_many_rows_in_quarantine_stop_the_run(frame: pl.DataFrame, tmp_path: Path) -> None:
    result = prepare(frame, tmp_path, quarantine="drop", quarantine_at_most=0.03)
    reason = stop_if_broken(Received(record=result.record))
    assert reason is not None
    assert "4 rows (4.0%) break the contract; at most 3.0% may be put in quarantine" in reason


def test_rules_of_mere_information_set_nothing_aside(frame: pl.DataFrame, tmp_path: Path) -> None:
    result = prepare(frame, tmp_path)
    assert 9 not in payload(result, "quarantine.parquet")["quarantine_row"].to_list()
    assert ("pattern", "info", 1) in {
        (finding.rule, finding.severity, finding.rows) for finding in result.record.findings
    }


def test_a_table_that_keeps_its_contract_has_no_quarantine(frame: pl.DataFrame, tmp_path: Path) -> None:
    result = prepare(frame.filter(pl.col("age").is_between(18, 100)), tmp_path, quarantine="drop")
    assert "quarantine.parquet" not in result.files
    assert result.record.quarantined == 0


def test_columns_called_as_ours_keep_their_names(frame: pl.DataFrame) -> None:
    named = frame.rename({"age": "quarantine_row"})
    failing = pl.DataFrame({"row": pl.Series([2, 5], dtype=pl.UInt32), "rule": ["a", "b"]})
    aside = divide(named, failing).quarantined
    assert aside.columns == ["_quarantine_row", "quarantine_rules", *named.columns]
    assert aside["_quarantine_row"].to_list() == [2, 5]


def test_freshness_is_judged_by_the_project_s_clock(frame: pl.DataFrame, tmp_path: Path) -> None:
    text = "contract: 1\ncolumns: {}\nfreshness: [{column: at, within: 2d, severity: critical}]\n"
    hours = pl.datetime_range(datetime(2026, 2, 20, tzinfo=UTC), NOW, "1h", eager=True, time_zone="UTC")
    old = frame.with_columns(at=hours[:100])
    new = frame.with_columns(at=hours[-100:])
    kept = prepare(old, tmp_path, contract=text).record
    assert not [each for each in kept.findings if each.rule == "freshness"], "a kept result has no age"
    (finding,) = (each for each in with_age(kept, NOW).findings if each.rule == "freshness")
    assert finding.message == "the newest 'at' is 2026-02-24 03:00, 117 h 00 m old; at most 2d is allowed"
    assert stop_if_broken(Received(record=kept)) is None
    assert "117 h 00 m old" in str(stop_if_broken(Received(record=kept), now=NOW))
    fresh = prepare(new, tmp_path, contract=text).record
    assert with_age(fresh, NOW) == fresh
    assert stop_if_broken(Received(record=fresh), now=NOW + timedelta(days=3)) is not None


def test_the_states_of_the_table_are_kept_for_comparison(frame: pl.DataFrame, tmp_path: Path) -> None:
    content = prepare(frame, tmp_path).files["states.json"]
    assert isinstance(content, bytes)
    saved = SavedStates.from_json(content)
    assert saved.state.rows == 100
    assert {shape.name: shape.kind for shape in saved.shapes} == {
        "age": "numeric",
        "city": "categorical",
        "y": "categorical",
    }
    assert saved.state.columns["age"].missing == 1
