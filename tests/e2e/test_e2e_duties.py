"""A high risk: with every duty done a version goes live; whichever one is taken away, nothing does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tenfold.cli.elapsed import Elapsed
from tenfold.cli.main import execute
from tenfold.foundation.clock import ManualClock
from tenfold.foundation.errors import CheckFailed
from tenfold.project.open import open_project
from tests.e2e.life_scene import FIRST, visits

TODAY = datetime(2026, 5, 1, tzinfo=UTC)
YAML = """
tenfold: 1
name: visits
problem:
  objective: Send a voucher to those who will not buy by themselves
  owner: shop
  users: [desk]
  decision: send a voucher
  oversight: the desk reads each list before it is sent, and may strike names out
  target: bought
  positive: "yes"
  time: at
  risk: high
  requirements:
    - {id: ranks-well, that: "roc_auc >= 0.55"}
    - {id: in-the-east, that: "roc_auc >= 0.50", slices: [east]}
  slices: {east: "shop = 'east'"}
  feasibility: check
  signoff:
    - {who: A. Rossi, role: owner, on: 2026-04-01}
    - {who: B. Keller, role: risk, on: 2026-04-02}
data:
  path: visits.csv
  contract: contract.yaml
  columns: {shop: {role: sensitive, feature: true}}
validation: {test: 0.2}
training: {budget: {trials: 1}, learners: [linear]}
deployment: {promote: ask}
monitoring: {window: 1d, alerts: ["json://127.0.0.1:9/alerts"]}
retraining: {promote: ask}
"""
CONTRACT = "contract: 1\ncolumns:\n  spent: {kind: numeric}\n"
TAKEN_AWAY = {
    "purpose": ("  owner: shop\n", ""),
    "owner-sign-off": ("role: owner", "role: reader"),
    "second-sign-off": ("    - {who: B. Keller, role: risk, on: 2026-04-02}\n", ""),
    "sign-off-in-force": ("on: 2026-04-01}", "on: 2025-04-01}"),
    "fairness-slices": (", slices: [east]}", "}"),
    "fairness-live": ("slices: [east]}", "slices: [east], where: [test]}"),
    "human-review": ("  oversight: the desk reads each list before it is sent, and may strike names out\n", ""),
    "approval": ("deployment: {promote: ask}", "deployment: {promote: auto}"),
    "sealed-rows": ("validation: {test: 0.2}", "validation: {test: 0}"),
    "data-contract": ("  contract: contract.yaml\n", ""),
    "alerts": (', alerts: ["json://127.0.0.1:9/alerts"]', ""),
    "feasibility": ("feasibility: check", "feasibility: warn"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("duties")
    visits(FIRST, 100, 20, seed=1).write_csv(folder / "visits.csv")
    (folder / "contract.yaml").write_text(CONTRACT, encoding="utf-8")
    (folder / "tenfold.yaml").write_text(YAML, encoding="utf-8")
    with open_project(folder).store:
        open_project(folder).run(workers="inline")
    return folder


def written(folder: Path, duty: str) -> None:
    before, after = TAKEN_AWAY[duty]
    assert before in YAML
    (folder / "tenfold.yaml").write_text(YAML.replace(before, after), encoding="utf-8")


@pytest.mark.parametrize("duty", TAKEN_AWAY)
def test_without_a_duty_no_version_goes_live(trained: Path, duty: str) -> None:
    written(trained, duty)
    project = open_project(trained, clock=ManualClock(at=TODAY))
    with project.store, pytest.raises(CheckFailed, match=rf"{duty} \(line \d+: "):
        project.promote("visits@1", reason="try", by="desk")


@pytest.mark.slow
@pytest.mark.parametrize("duty", TAKEN_AWAY)
def test_without_a_duty_check_and_promote_end_in_one(
    trained: Path, duty: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written(trained, duty)
    assert execute(["check", "--project", str(trained)], Elapsed.begin()) == 1
    assert duty in capsys.readouterr().out
    assert execute(["model", "promote", "visits@1", "--project", str(trained)], Elapsed.begin()) == 1


def test_with_every_duty_done_it_goes_live(trained: Path) -> None:
    (trained / "tenfold.yaml").write_text(YAML, encoding="utf-8")
    project = open_project(trained, clock=ManualClock(at=TODAY))
    with project.store:
        report = project.promote("visits@1", reason="every duty is done", by="desk")
    assert report.changed
    assert report.release.number == 1
