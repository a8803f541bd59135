from __future__ import annotations

import math

import numpy as np
import pytest
from measures_scene import binary, multiclass, regression

from tenfold.foundation.errors import InputError
from tenfold.measures.metrics import METRICS
from tenfold.measures.paired import difference


@pytest.mark.parametrize("scene", [binary, regression])
def test_the_difference_of_every_metric_is_a_minus_b(scene):
    a, b = scene(400), scene(400, noise=1.7)
    for name, metric in METRICS.items():
        if a.task not in metric.known.tasks or not metric.known.claims:
            continue
        found = difference(metric, a, b)
        assert found.value == pytest.approx(metric.compute(a) - metric.compute(b)), name
        assert found.low < found.value < found.high, name


def test_pairing_is_narrower_than_two_intervals_apart():
    a, b = binary(1000), binary(1000, noise=0.3)
    for name in ("roc_auc", "log_loss", "accuracy", "value_per_row"):
        together = difference(METRICS[name], a, b)
        shuffled = binary(1000, 99, noise=0.3)
        apart = math.hypot(*(np.std(METRICS[name].influence(o)) / math.sqrt(o.n) for o in (a, shuffled)))
        assert together.high - together.low < 0.75 * 2 * 1.96 * apart, name


def test_a_model_does_not_differ_from_itself():
    for scene in (binary, multiclass, regression):
        a = scene(200)
        for metric in METRICS.values():
            if a.task in metric.known.tasks and metric.known.claims:
                found = difference(metric, a, a)
                assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_models_that_no_row_tells_apart_may_still_differ():
    a = binary(100)
    b = binary(100)
    moved = type(b)(task="binary", truth=b.truth, scores=b.scores[:, ::-1].copy(), decision=b.decision, money=b.money)
    found = difference(METRICS["accuracy"], a, moved)
    assert found.value == 0.0
    assert found.low == pytest.approx(-(1 - 0.025**0.01))
    assert found.method == "paired, rule of three"


def test_a_worse_model_is_found_worse():
    a, b = binary(3000), binary(3000, noise=1.5)
    for name in ("roc_auc", "pr_auc", "log_loss", "brier", "accuracy", "mcc", "value_per_row"):
        found = difference(METRICS[name], a, b)
        assert (found.low > 0) if METRICS[name].greater_is_better else (found.high < 0), name


def test_other_rows_are_refused():
    with pytest.raises(InputError, match="same rows in the same order"):
        difference(METRICS["roc_auc"], binary(100, 1), binary(100, 2))


def test_a_factor_multiplies_the_reference():
    a, b = binary(300), binary(300, noise=1.0)
    metric = METRICS["value_per_row"]
    found = difference(metric, a, b, factor=1.1)
    assert found.value == pytest.approx(metric.compute(a) - 1.1 * metric.compute(b))


def test_grouped_rows_widen_the_difference():
    a, b = binary(200), binary(200, noise=0.5)
    copies = np.repeat(np.arange(200), 4)

    def tied(o):
        return type(o)(
            task="binary",
            truth=o.truth[copies],
            scores=o.scores[copies],
            decision=o.decision[copies],
            money=o.money[copies],
            group=copies,
        )

    for name in ("roc_auc", "log_loss", "value_per_row"):
        once, repeated = difference(METRICS[name], a, b), difference(METRICS[name], tied(a), tied(b))
        assert repeated.high - repeated.low == pytest.approx(once.high - once.low, rel=0.1), name


@pytest.mark.slow
@pytest.mark.parametrize("n", [200, 1000])
@pytest.mark.parametrize("name", ["roc_auc", "log_loss", "accuracy", "recall", "f1", "value_per_row", "rmse", "mae"])
def test_one_of_two_equal_models_is_seldom_called_better(name, n):
    simulations = 400
    metric = METRICS[name]
    scene = regression if metric.known.tasks == ("regression",) else binary
    better = 0
    for seed in range(simulations):
        # Both models are the same one with noise of their own on the same rows.
        rng = np.random.default_rng([seed, 1])
        base = scene(n, seed)
        a, b = (_noisy(base, rng) for _ in range(2))
        sided = "lower" if metric.greater_is_better else "upper"
        found = difference(metric, a, b, sided=sided)
        better += found.low > 0 if sided == "lower" else found.high < 0
    assert better / simulations <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / simulations)


def _noisy(base, rng):
    if base.task == "regression":
        return type(base)(task="regression", truth=base.truth, scores=base.scores + 0.4 * rng.normal(size=(base.n, 1)))
    place = np.log(base.scores[:, 1] / base.scores[:, 0]) + 0.4 * rng.normal(size=base.n)
    probability = 1 / (1 + np.exp(-place))
    decision = (probability >= 0.35).astype(np.int64)
    scores = np.column_stack([1 - probability, probability])
    earned = np.array([[0.0, -8.0], [0.0, 40.0]])[base.truth, decision]
    return type(base)(task="binary", truth=base.truth, scores=scores, decision=decision, money=earned)
