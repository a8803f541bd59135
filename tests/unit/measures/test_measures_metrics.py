from __future__ import annotations

import time

import numpy as np
import pytest
import sklearn.metrics as reference
from measures_scene import binary, multiclass, regression

from tenfold.foundation.errors import InputError
from tenfold.measures.metrics import METRICS, metric_called
from tenfold.measures.names import FAMILIES, METRIC_NAMES
from tenfold.measures.outcome import Outcome, UndefinedMetric
from tenfold.measures.rank import roc_auc

BINARY_OUTCOMES = {
    "plain": binary(400),
    "ties": binary(400, ties=True),
    "weighted": binary(400, weighted=True),
    "ties and weights": binary(400, ties=True, weighted=True),
}


def of_sklearn_binary(name: str, o: Outcome) -> float:
    score, w = o.scores[:, 1], o.weight
    return {
        "roc_auc": lambda: reference.roc_auc_score(o.truth, score, sample_weight=w),
        "pr_auc": lambda: reference.average_precision_score(o.truth, score, sample_weight=w),
        "log_loss": lambda: reference.log_loss(o.truth, o.scores, sample_weight=w),
        "brier": lambda: reference.brier_score_loss(o.truth, score, sample_weight=w),
        "accuracy": lambda: reference.accuracy_score(o.truth, o.decision, sample_weight=w),
        "balanced_accuracy": lambda: reference.balanced_accuracy_score(o.truth, o.decision, sample_weight=w),
        "precision": lambda: reference.precision_score(o.truth, o.decision, sample_weight=w),
        "recall": lambda: reference.recall_score(o.truth, o.decision, sample_weight=w),
        "f1": lambda: reference.f1_score(o.truth, o.decision, sample_weight=w),
        "mcc": lambda: reference.matthews_corrcoef(o.truth, o.decision, sample_weight=w),
        "value_per_row": lambda: np.average(o.money, weights=w),
        "kappa": lambda: reference.cohen_kappa_score(o.truth, o.decision, sample_weight=w),
        "f2": lambda: reference.fbeta_score(o.truth, o.decision, beta=2, sample_weight=w),
        "f0.5": lambda: reference.fbeta_score(o.truth, o.decision, beta=0.5, sample_weight=w),
        **averaged_by_sklearn(o),
    }[name]()


def averaged_by_sklearn(o: Outcome):
    scores = {"precision": reference.precision_score, "recall": reference.recall_score, "f1": reference.f1_score}
    return {
        f"{name}_{average}": lambda score=score, average=average: score(
            o.truth, o.decision, average=average, sample_weight=o.weight
        )
        for name, score in scores.items()
        for average in ("macro", "micro", "weighted")
    }


CLAIMED = {name: metric for name, metric in METRICS.items() if metric.known.claims}
BINARY = [name for name, metric in CLAIMED.items() if "binary" in metric.known.tasks]


@pytest.mark.parametrize("kind", list(BINARY_OUTCOMES))
@pytest.mark.parametrize("name", [*BINARY, "f2", "f0.5"])
def test_binary_metrics_agree_with_scikit_learn(name, kind):
    outcome = BINARY_OUTCOMES[kind]
    assert metric_called(name).compute(outcome) == pytest.approx(of_sklearn_binary(name, outcome), abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_multiclass_metrics_agree_with_scikit_learn(weighted):
    o = multiclass(500, weighted=weighted)
    w = o.weight
    macro = {"average": "macro", "sample_weight": w}
    expected = {
        "log_loss": reference.log_loss(o.truth, o.scores, sample_weight=w),
        "accuracy": reference.accuracy_score(o.truth, o.decision, sample_weight=w),
        "balanced_accuracy": reference.balanced_accuracy_score(o.truth, o.decision, sample_weight=w),
        "precision": reference.precision_score(o.truth, o.decision, **macro),
        "recall": reference.recall_score(o.truth, o.decision, **macro),
        "f1": reference.f1_score(o.truth, o.decision, **macro),
        "mcc": reference.matthews_corrcoef(o.truth, o.decision, sample_weight=w),
        "roc_auc": reference.roc_auc_score(o.truth, o.scores, multi_class="ovr", **macro),
        "pr_auc": reference.average_precision_score(np.eye(4)[o.truth], o.scores, **macro),
        "kappa": reference.cohen_kappa_score(o.truth, o.decision, sample_weight=w),
        "f2": reference.fbeta_score(o.truth, o.decision, beta=2, **macro),
        "top2_accuracy": reference.top_k_accuracy_score(o.truth, o.scores, k=2, sample_weight=w),
        "top3_accuracy": reference.top_k_accuracy_score(o.truth, o.scores, k=3, sample_weight=w),
        **{name: score() for name, score in averaged_by_sklearn(o).items()},
    }
    for name, value in expected.items():
        assert metric_called(name).compute(o) == pytest.approx(value, abs=1e-12), name


def test_multiclass_brier_is_the_squared_distance_to_the_truth():
    o = multiclass(300)
    assert METRICS["brier"].compute(o) == pytest.approx(((o.scores - np.eye(4)[o.truth]) ** 2).sum(axis=1).mean())


@pytest.mark.parametrize("weighted", [False, True])
def test_regression_metrics_agree_with_scikit_learn(weighted):
    o = regression(300, weighted=weighted)
    predicted, w = o.scores[:, 0], o.weight
    expected = {
        "rmse": reference.root_mean_squared_error(o.truth, predicted, sample_weight=w),
        "mae": reference.mean_absolute_error(o.truth, predicted, sample_weight=w),
        "r2": reference.r2_score(o.truth, predicted, sample_weight=w),
        "mape": reference.mean_absolute_percentage_error(o.truth, predicted, sample_weight=w),
        "pinball_0.9": reference.mean_pinball_loss(o.truth, predicted, alpha=0.9, sample_weight=w),
        "poisson_deviance": reference.mean_poisson_deviance(o.truth, predicted, sample_weight=w),
        "smape": np.average(2 * abs(o.truth - predicted) / (abs(o.truth) + abs(predicted)), weights=w),
    }
    for name, value in expected.items():
        assert metric_called(name).compute(o) == pytest.approx(value, abs=1e-12), name


def test_r2_is_exact_for_targets_far_from_zero():
    o = regression(300)
    moved = Outcome(task="regression", truth=o.truth + 1e9, scores=o.scores + 1e9)
    assert METRICS["r2"].compute(moved) == pytest.approx(METRICS["r2"].compute(o), abs=1e-6)


SCENES = [("binary", binary), ("multiclass", multiclass), ("regression", regression)]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("task", "scene"), SCENES)
def test_influence_is_what_leaving_a_row_out_changes(task, scene, weighted):
    # Integer weights make leaving one copy out the same as lowering a weight; unequal ones test the weighting.
    o = scene(1500, weighted=weighted)
    mass = np.ones(o.n) if o.weight is None else o.weight
    for name, metric in (*CLAIMED.items(), *((name, metric_called(name)) for name in FAMILIES)):
        if task not in metric.known.tasks:
            continue
        value, influence = metric.compute(o), metric.influence(o)
        assert abs(influence.mean()) < 1e-9
        for row in (0, 7, 500, 1499):
            kept = np.arange(o.n) != row
            moved = metric.compute(o.take(kept)) - value
            expected = -influence[row] / (mass.sum() / mass.mean())
            assert moved == pytest.approx(expected, abs=3e-6 * max(1.0, abs(influence[row])) + 2e-3 * abs(expected)), (
                name
            )


def test_every_computed_metric_has_a_name_and_every_name_is_computed_or_operational():
    assert set(METRICS) == {known.name for known in METRIC_NAMES.values() if not known.operational}
    assert all(name == metric.name for name, metric in METRICS.items())


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("roc_auc", {"truth": np.zeros(50, dtype=np.int64)}, "only one class"),
        ("recall", {"truth": np.zeros(50, dtype=np.int64)}, "no row is truly positive"),
        ("precision", {"decision": np.zeros(50, dtype=np.int64)}, "no row is decided positive"),
        ("accuracy", {"decision": None}, "needs decisions"),
        ("value_per_row", {"money": None}, "needs a value matrix"),
    ],
)
def test_a_metric_without_a_value_says_why(name, change, reason):
    o = binary(50)
    parts = {"task": "binary", "truth": o.truth, "scores": o.scores, "decision": o.decision, "money": o.money} | change
    with pytest.raises(UndefinedMetric, match=reason):
        METRICS[name].compute(Outcome(**parts))


def test_relative_error_is_undefined_where_the_truth_is_zero():
    o = Outcome(task="regression", truth=np.array([0.0, 1.0]), scores=np.ones((2, 1)))
    assert "1 rows" in METRICS["mape"].objection(o)


def test_a_metric_of_another_task_is_refused_with_those_that_fit():
    with pytest.raises(InputError, match="not defined for a regression task; choose one of: rmse, mae"):
        metric_called("roc_auc", "regression")


def test_a_misspelled_metric_names_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'roc_auc'"):
        metric_called("roc_acu")


def test_an_operational_metric_is_not_computed_from_predictions():
    with pytest.raises(InputError, match="measured on the running model"):
        metric_called("latency_p99_ms")


def test_precision_counts_a_class_that_is_never_decided_as_zero():
    truth = np.array([0, 1, 2, 2])
    decision = np.array([0, 1, 1, 1])
    o = Outcome(task="multiclass", truth=truth, scores=np.full((4, 3), 1 / 3), decision=decision)
    assert METRICS["precision"].compute(o) == pytest.approx((1 + 1 / 3 + 0) / 3)


def test_auc_of_a_million_rows_takes_less_than_a_third_of_a_second():
    rng = np.random.default_rng(0)
    positive = rng.random(1_000_000) < 0.4
    score = rng.random(1_000_000)
    spent = []
    for _ in range(3):
        start = time.process_time()
        value = roc_auc(positive, score)
        spent.append(time.process_time() - start)
    assert value == pytest.approx(0.5, abs=0.005)
    assert min(spent) < 0.3
