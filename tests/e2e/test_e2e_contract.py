"""A contract from end to end: rows in quarantine, rows grown old, a table of which a sample is learned from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tenfold.foundation.clock import ManualClock
from tenfold.project.open import open_project
from tests.e2e.conftest import Command

pytestmark = pytest.mark.slow

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 1200
BROKEN = (3, 40, 41, 777)
FILE = """
name: calls
problem: {{target: leaves, positive: "yes"{time}}}
data: {{path: calls.csv, contract: contract.yaml{data}}}
training: {{budget: {{trials: 1}}, learners: [linear]}}
features: {{measure: false}}
"""
CONTRACT = """
contract: 1
rows: 100
columns:
  age: {kind: numeric, range: [18, 100], severity: critical}
rules:
  - {id: pays-when-grown, that: "plan IN ('basic', 'full') AND NOT (plan = 'full' AND age BETWEEN 18 AND 20)"}
"""


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    age = rng.integers(21, 80, ROWS).astype(float)
    age[list(BROKEN[:3])] = [5.0, 240.0, 17.0]
    plan = rng.choice(["basic", "full"], ROWS)
    age[BROKEN[3]], plan[BROKEN[3]] = 19.0, "full"
    calls = rng.poisson(3, ROWS)
    leaves = calls + rng.normal(0, 1.5, ROWS) > 3
    moment = [(START + timedelta(hours=hour)).isoformat() for hour in range(ROWS)]
    table = {"age": age, "plan": plan, "calls": calls, "at": moment, "leaves": np.where(leaves, "yes", "no")}
    pl.DataFrame(table).write_csv(tmp_path / "calls.csv")
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    return tmp_path


def written(folder: Path, data: str = "", time: str = "") -> Path:
    (folder / "tenfold.yaml").write_text(FILE.format(data=data, time=time))
    return folder


def test_rows_that_break_the_contract_are_told_left_out_and_predicted_all_the_same(
    calls: Path, tenfold: Command
) -> None:
    kept = open_project(written(calls)).check()
    assert not kept.ok, "a critical rule is broken and its rows are kept"
    assert kept.document()["quarantine"] == {
        "rows": 4,
        "of": ROWS,
        "dropped": 0,
        "by_rule": {"range:age": 3, "pays-when-grown": 1},
        "override": "data: {quarantine: drop}",
    }
    (broken,) = (each for each in kept.document()["warnings"] if each["rule"] == "pays-when-grown")
    assert (broken["source"], broken["override"]) == ("contract", "contract.yaml: pays-when-grown")

    checked = tenfold("check", cwd=written(calls, ", quarantine: drop"))
    assert checked.code == 0, checked.err
    assert "a run leaves out 4 of them" in " ".join(checked.out.split())

    ran = tenfold("run", "--json", cwd=calls)
    assert ran.code == 0, ran.err
    project = open_project(calls)
    kept_data = project.store.results.find(ran.document()["stages"][1]["fingerprint"])
    assert kept_data is not None
    passed, aside = (
        pl.read_parquet(project.store.blobs.path(kept_data.files[name]))
        for name in ("table.parquet", "quarantine.parquet")
    )
    assert aside["quarantine_row"].to_list() == list(BROKEN)
    assert passed.height + aside.height == ROWS
    report = Path(ran.document()["report"])
    data_page = report.with_suffix(".data.html").read_text()
    assert "4 contract" in data_page
    assert "quarantine" in data_page

    rows = pl.read_csv(calls / "calls.csv")[list(BROKEN)].drop("leaves")
    rows.write_csv(calls / "broken.csv")
    scored = tenfold("predict", "calls@1", "broken.csv", "--output", "scored.csv", cwd=calls)
    assert scored.code == 0, scored.err
    assert pl.read_csv(calls / "scored.csv").height == 4


def test_rows_that_were_fresh_when_they_were_read_are_judged_again_by_the_project_s_clock(calls: Path) -> None:
    text = CONTRACT + "freshness: [{column: at, within: 2d, severity: critical}]\n"
    (calls / "contract.yaml").write_text(text)
    written(calls, ", quarantine: drop")
    end = START + timedelta(hours=ROWS - 1)
    then = open_project(calls, clock=ManualClock(at=end + timedelta(hours=5)))
    assert then.check().ok
    first = then.run(until="data", workers="inline")
    assert first.status == "stopped"
    assert first.outcome.stopped is None

    later = open_project(calls, clock=ManualClock(at=end + timedelta(days=9)))
    again = later.run(until="data", workers="inline")
    assert [stage.cached for stage in again.outcome.stages] == [True, True]
    assert again.status == "failed"
    assert "216 h 00 m old; at most 2d is allowed" in str(again.outcome.stopped)
    checked = later.check()
    assert not checked.ok
    assert "freshness" in {each.rule for each in checked.warnings}


@pytest.mark.parametrize("time", ["", ", time: at"])
def test_a_sample_is_learned_from_while_all_rows_are_profiled(calls: Path, time: str) -> None:
    project = open_project(written(calls, ", quarantine: drop, rows: 1000", time))
    report = project.run(until="validation", workers="inline")
    data = report.outcome.results["data"].record
    assert data.whole is not None
    assert data.whole.rows == ROWS
    assert data.rows + data.dropped["contract"] == 1000
    (told,) = (each for each in data.findings if each.rule == "sample")
    assert "`data: {rows: all}`" in told.message
    broken = {each.rule: each.rows for each in data.findings if each.rule in {"range", "pays-when-grown"}}
    assert broken["pays-when-grown"] == 1, "the contract is held against all rows"
    assert sum(bar for _, bar in data.whole.columns[0].histogram) == ROWS
    table = pl.read_parquet(report.outcome.results["data"].files["table.parquet"])
    moments = table["at"].to_list()
    assert moments == sorted(moments)
    if time:
        assert moments[0] == START + timedelta(hours=200), "the newest rows"
    every = open_project(written(calls, ", quarantine: drop, rows: all", time))
    assert every.run(until="data", workers="inline").outcome.results["data"].record.whole is None
