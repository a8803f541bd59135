"""From a promise to its proof: run, trace, ask what another bound would mean, hold a high risk to its duties, rank."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.e2e.conftest import Command

pytestmark = pytest.mark.slow

FILE = """
name: calls
problem:
  target: leaves
  positive: "yes"
  objective: keep those who would leave
  owner: sales
  users: [desk]
  decision: call
  risk: {risk}
  value: {{true_positive: "amount * 0.5", false_positive: -8}}
  slices: {{women: "sex = 'f'", men: "sex = 'm'"}}
  requirements:
    - {{id: ranks, that: roc_auc >= 0.8}}
    - {{id: worth-it, that: value_per_row >= baseline - 4}}
    - {{id: fair, that: roc_auc >= 0.6, slices: [women, men]}}
  kpis:
    - {{id: kept, unit: customers, target: 10, window: 30d, measured_by: [ranks]}}
  functions:
    - {{id: names-them, what: names those to call, proved_by: [ranks, worth-it]}}
  use: {{within: 1d, rows_per_day: 100}}
  effort: 10d
data: {{path: customers.csv, columns: {{sex: {{role: sensitive}}}}}}
training: {{budget: {{trials: 1}}, learners: [linear]}}
"""


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(900, 3))
    leaves = values[:, 0] + values[:, 1] + rng.normal(0, 0.7, 900) > 0
    table = {f"x{place}": values[:, place].round(4) for place in range(3)}
    table |= {
        "amount": rng.lognormal(3.0, 1.0, 900).round(2),
        "sex": rng.choice(["f", "m"], 900),
        "leaves": np.where(leaves, "yes", "no"),
    }
    pl.DataFrame(table).write_csv(tmp_path / "customers.csv")
    (tmp_path / "tenfold.yaml").write_text(FILE.format(risk="minimal"))
    return tmp_path


def test_promises_are_traced_and_impact_is_told_from_what_is_kept(calls: Path, tenfold: Command) -> None:
    before = tenfold("evidence", "trace", "--json", cwd=calls)
    assert before.code == 1
    assert set(before.document()["unproved"]) == {"ranks", "worth-it", "fair", "names-them"}

    ran = tenfold("run", "--json", cwd=calls)
    assert ran.code == 0, ran.err
    value = ran.document()["metrics"]["test"]["value_per_row"]["value"]
    assert value > 0

    traced = tenfold("evidence", "trace", "--json", cwd=calls).document()
    standing = {line["id"]: line["standing"] for line in traced["promises"]}
    assert standing["ranks"] == standing["kept"] == "pass"
    assert traced["subject"] == "calls@1"
    (ranks,) = (line for line in traced["promises"] if line["id"] == "ranks")
    assert ranks["serves"] == ["kept", "names-them"]
    assert ranks["line"] == 14

    judgement = ranks["evidence"][0]["evidence"]
    back = tenfold("evidence", "trace", judgement, "--json", cwd=calls).document()
    assert back["judgement"]["id"] == "ranks"
    assert {line["id"] for line in back["promises"]} == {"ranks", "kept", "names-them"}

    assert tenfold("model", "promote", "calls@1", cwd=calls).code == 0
    stricter = tenfold("evidence", "impact", "ranks=0.995", "--json", cwd=calls)
    assert stricter.code == 1
    assert stricter.document()["failing"] == ["calls@1"]
    assert stricter.document()["versions"][0]["live"]
    looser = tenfold("evidence", "impact", "ranks=0.7", "--json", cwd=calls)
    assert looser.code == 0
    assert looser.document()["versions"][0]["then"] == "pass"
    assert len(tenfold("runs", "list", "--json", cwd=calls).document()["runs"]) == 1
    moved = tenfold("evidence", "impact", "worth-it=5", "--json", cwd=calls).document()
    assert moved["versions"][0]["then"] == "pending"
    wrong = tenfold("evidence", "impact", "rank=0.7", cwd=calls)
    assert wrong.code == 2
    assert "Did you mean 'ranks'" in wrong.err


def test_a_high_risk_keeps_to_its_duties_or_stays_where_it_is(calls: Path, tenfold: Command) -> None:
    (calls / "tenfold.yaml").write_text(FILE.format(risk="high"))
    checked = tenfold("check", "--json", cwd=calls)
    document = checked.document()
    assert checked.code == 1
    missing = {duty["id"] for duty in document["duties"] if duty["missing"]}
    assert missing == {"owner-sign-off", "second-sign-off", "data-contract", "alerts", "human-review"}
    assert document["serving"]["strategy"] == "batch"
    assert {test["proves"] for test in document["tests"]} >= {"ranks", "worth-it", "fair"}
    assert document["feasibility"]["ceiling"]["low"] < document["feasibility"]["ceiling"]["high"]

    assert tenfold("run", "--json", cwd=calls).code == 0
    refused = tenfold("model", "promote", "calls@1", cwd=calls)
    assert refused.code == 1
    assert "owner-sign-off" in refused.err


def test_three_use_cases_are_ranked_with_what_was_measured(calls: Path, tenfold: Command) -> None:
    amounts = "name: amounts\nproblem: {target: amount, effort: 40d}\ndata: {path: customers.csv}\n"
    sexes = "name: sexes\nproblem: {target: sex, risk: high}\ndata: {path: customers.csv}\n"
    (calls / "amounts.yaml").write_text(amounts)
    (calls / "sexes.yaml").write_text(sexes)
    ranked = tenfold("assess", "sexes.yaml", "amounts.yaml", "tenfold.yaml", "--page", "p.html", "--json", cwd=calls)
    assert ranked.code == 0, ranked.err
    document = ranked.document()
    assert [case["rank"] for case in document["cases"]] == [1, 2, 3]
    first = document["cases"][0]
    assert first["name"] == "calls"
    assert first["parts"]["value"]["measured"]
    assert first["feasibility"]["gain_low"] < first["feasibility"]["gain"]
    assert {case["feasibility"]["status"] for case in document["cases"][1:]} == {"infeasible"}
    assert 0.0 <= document["stability"]["same_order"] <= document["stability"]["same_first"] <= 1.0
    page = (calls / "p.html").read_text()
    assert "calls" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert tenfold("assess", "tenfold.yaml", cwd=calls).code == 2
