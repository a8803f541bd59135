"""What a test would take, from what the lab knows and what traffic there is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.unit.project.readout_scene import PROBLEM, Scene

from tenfold.foundation.errors import InputError
from tenfold.project import experiment
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
    begun = Scene.begun(tmp_path / "p")
    monkeypatch.setattr(experiment, "champion_version", lambda *_: begun.project.store.registry.find("late@1"))
    return begun


def test_enough_traffic_takes_so_many_units_and_days(scene: Scene) -> None:
    plan = experiment.plan_experiment(scene.project, per_day=1000.0)
    assert plan.enough
    assert plan.units is not None
    assert plan.days is not None
    assert 8000 < plan.units < 11_000
    # Outcomes take a day.
    assert plan.days == pytest.approx(plan.units / 1000 + 1)
    assert (plan.effect, plan.metric, plan.requirement) == (0.03, "accuracy", "against_champion")
    assert [days for days, _ in plan.found_after] == [7.0, 14.0, 28.0]


def test_not_enough_traffic_is_an_answer_with_what_to_do_instead(scene: Scene) -> None:
    plan = experiment.plan_experiment(scene.project, per_day=100.0)
    assert not plan.enough
    assert "28 are the most" in plan.reason
    assert "shadow" in plan.instead
    assert "replay" in experiment.plan_experiment(scene.project, per_day=10.0).instead


def test_traffic_is_counted_in_the_log(scene: Scene) -> None:
    assert experiment.plan_experiment(scene.project).units_per_day is None
    scene.traffic(300, candidate=0.8, champion=0.8)
    assert experiment.plan_experiment(scene.project).units_per_day == pytest.approx(301, abs=1)


def test_an_effect_of_nothing_is_refused(scene: Scene) -> None:
    with pytest.raises(InputError, match="above 0"):
        experiment.plan_experiment(scene.project, effect=0.0)
    assert experiment.plan_if_known(scene.project, share=0.5) is not None
