from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from training_tables import BackwardsMap, MemoryCheckpoints, TickingClock

from tenfold.bundle.member import Member as ServedMember
from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import InlineMap
from tenfold.stages.training import learners
from tenfold.stages.training.forest import Forest
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.training.protocols import FitFailed, Fitted
from tenfold.stages.training.run import run
from tenfold.stages.training.trainer import open_trainer

QUICK = TrainingOptions(budget_trials=3, learners=("linear", "lightgbm"))


def without_seconds(candidates):
    return tuple(replace(each, seconds=0.0, row_cpu_us=None) for each in candidates)


def models_and_predictions(files):
    return {name: content for name, content in files.items() if not name.endswith("scored.json")}


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_ladder_leaves_references_and_models_best_first(make_inputs, context, task):
    inputs = make_inputs(task)
    result = run(*inputs, QUICK, context())
    keys = [candidate.key for candidate in result.record.candidates]
    assert set(keys) == {"constant", "linear", "lightgbm-usual", "lightgbm-shallow"}
    losses = [candidate.loss for candidate in result.record.candidates if not candidate.note.startswith("left")]
    assert losses == sorted(losses)
    assert keys[-1] == "constant"
    assert sum(member.weight for member in result.record.members) == pytest.approx(1.0)
    best = result.record.candidates[0]
    assert best.low < best.score < best.high
    assert best.seconds > 0
    held = [np.load(io.BytesIO(result.files[f"{best.key}/held/{fold}.npy"])) for fold in (0, 1)]
    assert sum(len(part) for part in held) == 204
    assert {part.shape[1] for part in held} == {{"binary": 2, "multiclass": 3, "regression": 1}[task]}


def test_with_a_budget_in_trials_two_runs_are_equal_in_whatever_order_fits_end(make_inputs, context):
    inputs = make_inputs()
    clock = TickingClock(tick=1000.0)
    one = run(*inputs, QUICK, context())
    other = run(*inputs, QUICK, context(map=BackwardsMap(), deadline=Deadline.after(1.0, clock)))
    assert models_and_predictions(one.files) == models_and_predictions(other.files)
    assert without_seconds(one.record.candidates) == without_seconds(other.record.candidates)
    assert one.record.members == other.record.members


def test_the_number_of_trials_is_kept(make_inputs, context):
    result = run(*make_inputs(), TrainingOptions(budget_trials=1), context())
    assert [each.key for each in result.record.candidates if each.origin != "reference"] == ["lightgbm-usual"]
    assert not result.record.complete
    assert "budget" in result.record.note


def test_with_no_time_at_all_the_constant_stands(make_inputs, context):
    clock = TickingClock()
    ctx = context(deadline=Deadline.after(0.0, clock), clock=clock)
    inputs = make_inputs()
    result = run(*inputs, TrainingOptions(), ctx)
    assert [member.key for member in result.record.members] == ["constant"]
    with open_trainer(inputs, result.files, ctx) as trainer:
        made = trainer.assemble(ctx.deadline)
    files = {name.removeprefix("constant/"): content for name, content in made.files.items()}
    member = ServedMember.from_files(files)
    shares = member.scores_row({})[0]
    assert shares.sum() == pytest.approx(1.0)
    assert 0.2 < shares[1] < 0.8


def test_the_deadline_holds_with_a_slow_learner(make_inputs, context, monkeypatch):
    clock = TickingClock()

    class Slow(Forest):
        def fit(self, fit):
            trees = 0
            while not fit.deadline.expired and trees < 200:
                clock.seconds += 1.0
                trees += 10
            return Fitted(
                predictor=Forest(kind="random").fit(replace(fit, iterations=max(trees, 1), params={})).predictor,
                iterations=max(trees, 1),
            )

    slow = Slow(kind="random")
    monkeypatch.setattr(learners, "LEARNERS", {**learners.LEARNERS, "random_forest": slow, "extra_trees": slow})
    deadline = Deadline.after(30.0, clock)
    inputs = make_inputs("regression")
    options = TrainingOptions(learners=("random_forest", "extra_trees"))
    result = run(*inputs, options, context(deadline=deadline, clock=clock))
    assert clock.seconds <= 30.0
    assert any(candidate.learner == "random_forest" for candidate in result.record.candidates)


class Killed(Exception):
    """The process went away."""


class DyingMap(InlineMap):
    def __init__(self, calls: int):
        self.left = calls

    def __call__(self, function, items, *, deadline=None):
        for index, item in enumerate(items):
            if self.left == 0:
                raise Killed
            self.left -= 1
            yield index, function(item)


@pytest.mark.parametrize("calls", [8, 9])
def test_a_killed_run_goes_on_after_the_last_finished_rung_and_ends_the_same(make_inputs, context, calls):
    inputs = make_inputs()
    whole = run(*inputs, QUICK, context())
    kept = MemoryCheckpoints()
    with pytest.raises(Killed):
        run(*inputs, QUICK, context(checkpoint=kept, map=DyingMap(calls)))
    assert list(kept.kept) == ["rung-00"]
    counting = DyingMap(1000)
    resumed = run(*inputs, QUICK, context(checkpoint=kept, map=counting))
    assert models_and_predictions(resumed.files) == models_and_predictions(whole.files)
    assert without_seconds(resumed.record.candidates) == without_seconds(whole.record.candidates)
    # Two layouts of the native view and two fits: the first rung was not repeated.
    assert 1000 - counting.left == 4


def test_a_rule_stands_on_the_leaderboard_and_never_in_the_ensemble(make_inputs, context):
    result = run(*make_inputs(rule="x > 0"), TrainingOptions(budget_trials=0), context())
    keys = [candidate.key for candidate in result.record.candidates]
    assert keys == ["rule", "constant"]
    rule = result.record.candidate("rule")
    assert 0.6 < rule.score < 0.95
    assert rule.origin == "reference"
    assert [member.key for member in result.record.members] == ["constant"]


def test_a_rule_for_a_number_is_its_own_prediction(make_inputs, context):
    result = run(*make_inputs("regression", rule="1.5 * x"), TrainingOptions(budget_trials=0), context())
    assert result.record.candidates[0].key == "rule"


@pytest.mark.parametrize("metric", ["f1", "accuracy", "log_loss", "brier"])
def test_any_metric_can_rank(make_inputs, context, metric):
    result = run(*make_inputs(metric=metric), TrainingOptions(budget_trials=1), context())
    assert result.record.metric == metric
    assert 0 < result.record.candidate("lightgbm-usual").score < 1


def test_weights_reach_the_fits(make_inputs, context):
    plain = run(*make_inputs("regression"), TrainingOptions(budget_trials=2), context())
    weighted = run(*make_inputs("regression", weighted=True), TrainingOptions(budget_trials=2), context())
    for name in ("linear/held/0.npy", "lightgbm-usual/held/0.npy"):
        assert plain.files[name] != weighted.files[name]
    assert plain.record.candidate("constant").score != weighted.record.candidate("constant").score


def test_a_candidate_that_failed_is_told_and_not_ranked(make_inputs, context, monkeypatch):
    class Failing(Forest):
        def fit(self, fit):
            raise FitFailed("the forest would take a thousand years")

    monkeypatch.setattr(learners, "LEARNERS", {**learners.LEARNERS, "random_forest": Failing(kind="random")})
    kept = MemoryCheckpoints()
    options = TrainingOptions(learners=("linear", "random_forest"), budget_trials=2)
    result = run(*make_inputs(), options, context(checkpoint=kept))
    assert "random-forest" not in {candidate.key for candidate in result.record.candidates}
    assert result.record.facts["left_out"] == {"random-forest": "the forest would take a thousand years"}
    again = run(*make_inputs(), options, context(checkpoint=kept))
    assert without_seconds(again.record.candidates) == without_seconds(result.record.candidates)
    assert again.files == result.files


def test_an_error_that_nobody_foresaw_costs_the_run_one_candidate(make_inputs, context, monkeypatch, caplog):
    class Broken(Forest):
        def fit(self, fit):
            return len(None)

    monkeypatch.setattr(learners, "LEARNERS", {**learners.LEARNERS, "random_forest": Broken(kind="random")})
    options = TrainingOptions(learners=("linear", "random_forest"), budget_trials=2)
    result = run(*make_inputs(), options, context())
    assert "linear" in {candidate.key for candidate in result.record.candidates}
    told = result.record.facts["left_out"]["random-forest"]
    assert told.startswith("an error nobody foresaw: TypeError: object of type 'NoneType' has no len()")
    assert told.endswith("(test_training_run.py, fit)")
    assert "random_forest ended with an error nobody foresaw" in caplog.text
