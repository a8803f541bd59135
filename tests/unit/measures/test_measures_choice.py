from __future__ import annotations

import pytest
from measures_scene import REBOOKING

from tenfold.foundation.errors import InputError
from tenfold.measures.choice import choose_metric, training_loss
from tenfold.measures.metrics import METRICS, metric_called
from tenfold.measures.names import FAMILIES


@pytest.mark.parametrize("positives", [1, 20, 100, 500, 980])
def test_two_classes_are_never_ranked_by_accuracy(positives):
    choice = choose_metric("binary", {"no": 1000 - positives, "yes": positives})
    assert choice.metric == "roc_auc"
    assert "accuracy" in dict(choice.rejected)


def test_imbalance_is_named_as_the_reason_against_accuracy():
    choice = choose_metric("binary", {"no": 980, "yes": 20})
    assert "2.0 %" in choice.reason
    assert dict(choice.rejected)["accuracy"] == "always saying the frequent class would already score 98.0 %"


def test_a_value_matrix_ranks_models_by_money():
    for task in ("binary", "multiclass"):
        choice = choose_metric(task, {"a": 5, "b": 5}, REBOOKING)
        assert choice.metric == "value_per_row"
        assert "value matrix" in choice.reason


def test_several_classes_and_numbers_have_their_metric_with_reasons():
    assert choose_metric("multiclass", {"a": 10, "b": 10, "c": 1}).metric == "log_loss"
    assert choose_metric("regression").metric == "rmse"
    for task in ("binary", "multiclass", "regression"):
        choice = choose_metric(task, {"a": 1, "b": 1, "c": 1})
        assert len(choice.rejected) >= 3
        assert choice.metric not in dict(choice.rejected)
        assert all(reason for _, reason in choice.rejected)


def test_the_file_overrides_and_says_what_would_have_been():
    choice = choose_metric("binary", {"a": 1, "b": 1}, None, "f1")
    assert (choice.metric, choice.reason) == ("f1", "the file says so: metric f1")
    assert choice.rejected[0][0] == "roc_auc"


@pytest.mark.parametrize(
    ("task", "override", "said"),
    [
        ("binary", "rmse", "not defined for a binary task"),
        ("binary", "rocauc", "Did you mean 'roc_auc'"),
        ("binary", "latency_p99_ms", "cannot rank models by their predictions"),
        ("binary", "value_per_row", "needs a value matrix"),
        ("binary", "ece", "cannot rank models"),
        ("binary", "top3_accuracy", "not defined for a binary task"),
        ("regression", "pinball_1.5", "is not a metric"),
        ("multiclass", "f2.0", "is not a metric"),
    ],
)
def test_an_override_that_cannot_rank_models_is_refused(task, override, said):
    with pytest.raises(InputError, match=said):
        choose_metric(task, {"a": 1, "b": 1}, None, override)


def test_the_search_minimises_a_mean_over_rows_whatever_ranks_the_models():
    for name in (*METRICS, *FAMILIES):
        for task in metric_called(name).known.tasks:
            loss = metric_called(training_loss(name, task))
            assert not loss.greater_is_better
            assert loss.interval in ("mean", "root-mean")
            assert task in loss.known.tasks
    assert training_loss("roc_auc", "binary") == "log_loss"
    assert training_loss("mae", "regression") == "mae"
    assert training_loss("r2", "regression") == "rmse"
    assert training_loss("pinball_0.9", "regression") == "pinball_0.9"
    assert training_loss("poisson_deviance", "regression") == "poisson_deviance"


@pytest.mark.parametrize("metric", ["accuracy", "f1_micro", "recall_weighted"])
def test_accuracy_named_for_two_percent_of_positives_is_warned_about(metric):
    said = choose_metric("binary", {"no": 980, "yes": 20}, None, metric).reason
    assert "2.0 %" in said
    assert "would score 98.0 %" in said
    assert "hardly sees" not in choose_metric("binary", {"no": 600, "yes": 400}, None, metric).reason
    assert "hardly sees" not in choose_metric("binary", {"no": 980, "yes": 20}, None, "f1").reason


def test_a_rare_class_of_three_is_warned_about_and_even_ones_are_not():
    assert "would score 60 %" in choose_metric("multiclass", {"a": 600, "b": 380, "c": 20}, None, "accuracy").reason
    even = dict.fromkeys("abcdefghij", 100)
    assert "hardly sees" not in choose_metric("multiclass", even, None, "accuracy").reason


def test_no_search_minimises_latency():
    with pytest.raises(InputError, match="cannot be the loss"):
        training_loss("latency_p50_ms", "binary")
