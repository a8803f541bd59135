"""The numbers behind the plots: curves of each class, points where the curve bends, residuals along the predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tenfold.measures.metrics import METRICS
from tenfold.measures.outcome import Outcome
from tenfold.records.problem import MetricChoice, Problem, Task
from tenfold.stages.evaluation.plots import plot_data


def drawn(task: Task, outcome: Outcome, names: tuple[str, ...] = ()) -> dict[str, Any]:
    problem = Problem(name="p", task=task, target="y", metric=MetricChoice(metric="m", reason=""), classes=names)
    return plot_data(problem, outcome, np.random.default_rng(0))


def classes(count: int, rows: int = 2_000) -> tuple[Outcome, tuple[str, ...]]:
    rng = np.random.default_rng(count)
    truth = rng.integers(0, count, rows)
    # The later a class comes, the better it is told apart.
    place = rng.normal(size=(rows, count)) + np.eye(count)[truth] * np.linspace(0.5, 3.0, count)
    powers = np.exp(place)
    scores = powers / powers.sum(axis=1, keepdims=True)
    outcome = Outcome(task="multiclass", truth=truth, scores=scores, decision=scores.argmax(axis=1))
    return outcome, tuple(f"c{code}" for code in range(count))


def test_each_class_has_its_curves_against_all_others() -> None:
    outcome, names = classes(3)
    roc, curve = (drawn("multiclass", outcome, names)[name] for name in ("roc_classes", "precision_recall_classes"))
    assert [one["class"] for one in roc["classes"]] == list(names) == [one["class"] for one in curve["classes"]]
    for code, (one, other) in enumerate(zip(roc["classes"], curve["classes"], strict=True)):
        score = outcome.scores[:, code]
        alone = Outcome(
            task="binary",
            truth=(outcome.truth == code).astype(np.int64),
            scores=np.column_stack([1.0 - score, score]),
            decision=outcome.truth,
        )
        assert one["area"] == pytest.approx(METRICS["roc_auc"].compute(alone), abs=1e-4)
        area = np.trapezoid(one["true_positive_rate"], one["false_positive_rate"])
        assert area == pytest.approx(one["area"], abs=0.005)
        assert other["share"] == pytest.approx((outcome.truth == code).mean())
        assert other["precision"][-1] == pytest.approx(other["share"], abs=1e-4)


def test_of_many_classes_those_that_are_told_apart_worst_are_drawn() -> None:
    outcome, names = classes(8)
    roc = drawn("multiclass", outcome, names)["roc_classes"]
    assert [one["class"] for one in roc["classes"]] == ["c0", "c1", "c2", "c3", "c4"]
    assert roc["left_out"] == 3


def test_the_steep_beginning_of_rare_positives_has_points() -> None:
    rng = np.random.default_rng(2)
    truth = (rng.random(50_000) < 0.01).astype(np.int64)
    score = 1 / (1 + np.exp(-(3.0 * truth + rng.normal(size=50_000))))
    outcome = Outcome(task="binary", truth=truth, scores=np.column_stack([1 - score, score]), decision=truth)
    plots = drawn("binary", outcome, ("no", "yes"))
    for name, up in (("roc", "true_positive_rate"), ("precision_recall", "recall"), ("gain", "found")):
        reached = np.array(plots[name][up])
        assert len(reached) <= 122
        assert np.diff(reached).max() < 0.03, name
        assert reached[-1] == 1.0


def test_residuals_are_shown_along_the_predictions() -> None:
    rng = np.random.default_rng(4)
    said = rng.uniform(0.0, 4.0, 4_000)
    outcome = Outcome(task="regression", truth=said + (0.1 + said) * rng.normal(size=4_000), scores=said[:, None])
    bins = drawn("regression", outcome)["residual_spread"]["bins"]
    assert len(bins) == 10
    assert sum(one["n"] for one in bins) == 4_000
    assert bins[-1]["high"] - bins[-1]["low"] > 5 * (bins[0]["high"] - bins[0]["low"])
    assert all(one["low"] < one["middle"] < one["high"] for one in bins)
