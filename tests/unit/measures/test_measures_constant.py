from __future__ import annotations

import numpy as np
import pytest
from measures_scene import REBOOKING, binary, multiclass, regression

from tenfold.measures.constant import constant_outcome
from tenfold.measures.metrics import METRICS, metric_called
from tenfold.measures.money import best_constant_action, money
from tenfold.records.problem import ValueMatrix


def test_money_looks_up_truth_by_decision():
    assert money(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), REBOOKING).tolist() == [0.0, -8.0, 0.0, 40.0]


def test_the_best_constant_action_is_that_of_brute_force():
    rng = np.random.default_rng(0)
    for _ in range(50):
        amounts = rng.normal(size=(3, 3)) * 10
        matrix = ValueMatrix(classes=("a", "b", "c"), amounts=tuple(map(tuple, amounts.tolist())))
        truth = rng.integers(0, 3, size=40)
        brute = max(range(3), key=lambda d: sum(amounts[t, d] for t in truth))
        assert best_constant_action(truth, matrix) == brute


@pytest.mark.parametrize(
    "name",
    [*(name for name, metric in METRICS.items() if "binary" in metric.known.tasks and metric.known.claims), "f2"],
)
def test_no_constant_beats_the_constant_outcome_on_the_rows_it_learned_from(name):
    o = binary(500)
    best = constant_outcome("binary", o.truth, o.truth, REBOOKING, metric=name)
    metric = metric_called(name)
    sign = 1 if metric.greater_is_better else -1
    for probability in np.linspace(0.01, 0.99, 50):
        for action in (0, 1):
            decision = np.full(o.n, action)
            other = type(o)(
                task="binary",
                truth=o.truth,
                scores=np.tile([1 - probability, probability], (o.n, 1)),
                decision=decision,
                money=money(o.truth, decision, REBOOKING),
            )
            if not metric.objection(other):
                assert sign * metric.compute(best) >= sign * metric.compute(other) - 1e-12


@pytest.mark.parametrize(
    "name", ["rmse", "mae", "r2", "mape", "smape", "poisson_deviance", "pinball_0.9", "pinball_0.2"]
)
def test_no_constant_number_beats_the_constant_outcome(name):
    o = regression(301)
    best = constant_outcome("regression", o.truth, o.truth, metric=name)
    metric = metric_called(name)
    sign = 1 if metric.greater_is_better else -1
    for value in np.linspace(o.truth.min(), o.truth.max(), 400):
        other = type(o)(task="regression", truth=o.truth, scores=np.full((o.n, 1), value))
        assert sign * metric.compute(best) >= sign * metric.compute(other) - 1e-12


def test_the_constant_learns_from_training_rows_only():
    found = constant_outcome("binary", np.array([0, 0, 0, 1]), np.array([1, 1, 1, 1]))
    assert (found.scores == [0.75, 0.25]).all()
    assert (found.decision == 0).all()


def test_a_class_that_only_the_judged_rows_have_has_its_column():
    found = constant_outcome("multiclass", np.array([0, 0, 1]), np.array([2, 0]), classes=3)
    assert found.scores.shape == (2, 3)
    assert found.scores[:, 2].tolist() == [0.0, 0.0]


def test_multiclass_constants_decide_for_the_most_frequent_class():
    o = multiclass(200)
    found = constant_outcome("multiclass", o.truth, o.truth)
    assert (found.decision == np.bincount(o.truth).argmax()).all()
