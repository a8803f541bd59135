"""What a trial would take, before it begins: when a canary's steps have their judged requests."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from tests.unit.project.readout_scene import PROBLEM, Scene

from tenfold.cli.readout import show_plan
from tenfold.foundation.errors import InputError
from tenfold.project import experiment
from tenfold.project.experiment import plan_document
from tenfold.project.planned_trial import days_of_steps, plan_trial
from tenfold.records.evaluation import Estimate, Evaluation


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A project whose champion was right on 8 of 10 rows of the lab."""
    measured = {"accuracy": Estimate(metric="accuracy", value=0.8, low=0.77, high=0.83, n=700)}
    kept = {
        "problem": SimpleNamespace(record=PROBLEM),
        "evaluation": SimpleNamespace(record=Evaluation(judged_on="test", metrics={"test": measured})),
    }
    monkeypatch.setattr(experiment, "kept_results", lambda *_: kept)
    return Scene.begun(tmp_path / "p")


def test_a_canary_is_planned_by_its_steps_and_begins_nothing(scene: Scene) -> None:
    before = scene.project.store.releases.history()
    plan = plan_trial(scene.project, "2", "canary", 0.02, per_day=10_000.0)
    assert scene.project.store.releases.history() == before
    assert (plan.strategy, plan.candidate) == ("canary", "late@2")
    shares = [step.share for step in plan.steps]
    assert shares[0] == 0.02
    assert shares == sorted(shares)
    days = [step.days for step in plan.steps]
    assert days[0] == pytest.approx(plan.steps[0].requests / 200 + 1)
    assert plan.share == max(share for share in shares if share < 1.0)
    assert plan.most_after_days is not None
    assert plan.most_after_days >= (days[-1] or 0.0)
    told = io.StringIO()
    show_plan(plan_document(plan), Console(file=told, width=160))
    assert "late@2 as a canary" in told.getvalue()
    assert "judged requests of its own" in told.getvalue()


def test_an_ab_test_of_a_version_has_its_share_and_no_steps(scene: Scene) -> None:
    plan = plan_trial(scene.project, "late@2", "ab", 0.3, per_day=10_000.0)
    assert (plan.share, plan.strategy, plan.steps, plan.objection) == (0.3, "ab", (), "")


def test_a_version_that_is_not_there_and_a_shadow_cannot_be_planned(scene: Scene) -> None:
    with pytest.raises(InputError, match="late@9"):
        plan_trial(scene.project, "9", "canary", per_day=100.0)
    with pytest.raises(InputError, match="--ab or --canary"):
        plan_trial(scene.project, "2", "shadow", per_day=100.0)


def test_a_step_begins_when_the_one_before_it_has_its_judged_requests():
    # 100 a day, then 500 a day.
    assert days_of_steps([100, 200], [100.0, 500.0], 0.0) == [1.0, 1.2]


def test_what_was_answered_while_outcomes_were_waited_for_counts():
    # By day 11, when the first hundred are judged, 1,100 were answered: the second hundred by day 2.
    assert days_of_steps([100, 200], [100.0, 500.0], 10.0) == [11.0, 12.0]
    assert days_of_steps([100, 1_600], [100.0, 500.0], 10.0) == [11.0, pytest.approx(22.0)]


def test_days_are_as_a_count_day_by_day_gives_them():
    wanted, per_day, wait = [300, 600, 900], [50.0, 200.0, 400.0], 2.0
    moments = days_of_steps(wanted, per_day, wait)
    step, minute, answered, history = 0, 0, 0.0, {0: 0.0}
    found = []
    while step < 3:
        minute += 1
        answered += per_day[step] / 1440
        history[minute] = answered
        judged = history.get(minute - round(wait * 1440), 0.0)
        if judged >= wanted[step] - 1e-6:
            found.append(minute / 1440)
            step += 1
    assert moments == pytest.approx(found, abs=0.01)


def test_nothing_is_promised_where_nothing_comes():
    assert days_of_steps([100, 200], [0.0, 0.0], 1.0) == [None, None]
