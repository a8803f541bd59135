"""Which metric ranks the models, and why; which loss the search minimises."""

from __future__ import annotations

from collections.abc import Mapping

from tenfold.foundation.errors import InputError
from tenfold.measures.names import level_of, metric_name, names_for
from tenfold.records.problem import MetricChoice, Task, ValueMatrix

RARE = 0.2
_SHARES_OF_ROWS = ("accuracy", "precision_micro", "recall_micro", "f1_micro", "recall_weighted")
_OWN_LOSS = ("mae", "mape", "smape", "poisson_deviance")


def choose_metric(
    task: Task,
    class_counts: Mapping[str, int] | None = None,
    value: ValueMatrix | None = None,
    override: str | None = None,
) -> MetricChoice:
    """Return the main metric for a problem, with the reason and what was rejected.

    Rules, the first that fits:

    1. The user's own choice, where it suits the task.
    2. A value matrix: ``value_per_row``. The matrix says what errors cost; every other metric assumes other costs
       (Elkan, 2001, "The foundations of cost-sensitive learning").
    3. Binary: ``roc_auc``. It needs no threshold, and does not move with the share of positives, so that slices and
       months with different shares can be compared. Average precision is not taken in its place under imbalance: it
       moves with prevalence by construction, and prefers improvements for frequent subgroups (McDermott et al., 2024,
       "A closer look at AUROC and AUPRC under class imbalance"; Richardson et al., 2024, "The ROC curve accurately
       assesses imbalanced datasets"). It answers another question, the quality of the top of the list (Saito and
       Rehmsmeier, 2015), and is reported beside it.
    4. Multiclass: ``log_loss``. It is proper, needs no decision, and sees every class by its probability.
    5. Regression: ``rmse``. It is smallest for the mean, which adds up over rows as money does.

    Raises
    ------
    InputError
        When ``override`` is not a metric for this task, or cannot rank models.
    """
    rarest = _rarest_share(class_counts)
    if override is not None:
        return _overridden(task, override, value, class_counts)
    if value is not None and task != "regression":
        return MetricChoice(
            metric="value_per_row",
            reason="a value matrix says what each decision brings, so models are ranked by the money they make",
            rejected=(
                ("accuracy", "counts every error alike, the value matrix does not"),
                ("roc_auc", "ranks well without regard to what errors cost; reported beside it"),
                ("f1", "weighs errors by a fixed rule, not by the value matrix"),
            ),
        )
    if task == "binary":
        return _binary(rarest)
    if task == "multiclass":
        return MetricChoice(
            metric="log_loss",
            reason="several classes: the probabilities of all classes count, without a decision rule",
            rejected=(
                (
                    "accuracy",
                    f"the rarest class has {_percent(rarest)} of the rows and would hardly count"
                    if rarest is not None and rarest < RARE / 2
                    else "looks only at the most probable class, so that close and clear errors count alike",
                ),
                ("roc_auc", "averages one curve per class and does not see whether probabilities are right"),
                ("f1", "needs a decision rule, and jumps where classes are small"),
            ),
        )
    return MetricChoice(
        metric="rmse",
        reason="regression: squared error is smallest for the mean, and stands in the target's own unit",
        rejected=(
            ("mae", "is smallest for the median, which differs from the mean when the target is skewed"),
            ("r2", "orders models as rmse does, but depends on the spread of the rows it is measured on"),
            ("mape", "has no meaning where the target is 0, and rewards predictions that are too low"),
        ),
    )


def training_loss(metric: str, task: Task) -> str:
    """Return the name of the loss that the search minimises when models are ranked by ``metric``.

    For numbers the metric itself, wherever it is a mean over rows. For classes a proper score: its differences between
    near-equal models are less noisy than those of ranks, decisions or money, and the best probabilities give the best
    ranks and, with the threshold of the value matrix, the most money.

    Raises
    ------
    InputError
        When ``metric`` is not a metric for this task.
    """
    if metric_name(metric, task).operational:
        raise InputError(f"'{metric}' is measured on the running model; it cannot be the loss of a search")
    if task != "regression":
        return "brier" if metric == "brier" else "log_loss"
    if level_of(metric) is not None:
        return metric
    return metric if metric in _OWN_LOSS else "rmse"


def _overridden(
    task: Task, override: str, value: ValueMatrix | None, class_counts: Mapping[str, int] | None
) -> MetricChoice:
    known = metric_name(override, task)
    if known.operational:
        fitting = ", ".join(names_for(task))
        raise InputError(f"'{override}' cannot rank models by their predictions; choose one of: {fitting}")
    if not known.claims:
        raise InputError(
            f"'{override}' cannot rank models: it has no interval, and a constant can be perfect by it;"
            " take log_loss or brier, which are smallest for true probabilities"
        )
    if override == "value_per_row" and value is None:
        raise InputError(
            "the metric 'value_per_row' needs a value matrix: write what each decision brings under `value`"
        )
    ours = choose_metric(task, None, value).metric
    rejected = () if ours == override else ((ours, "would have been chosen, but the file says otherwise"),)
    reason = f"the file says so: metric {override}"
    warning = accuracy_warning(override, class_counts)
    return MetricChoice(metric=override, reason=f"{reason}; {warning}" if warning else reason, rejected=rejected)


def accuracy_warning(metric: str, class_counts: Mapping[str, int] | None) -> str:
    """Return what is wrong with ranking models by a share of rows where a class is rare; empty where nothing is."""
    rarest = _rarest_share(class_counts)
    if (
        metric not in _SHARES_OF_ROWS
        or not class_counts
        or rarest is None
        or rarest >= RARE / max(len(class_counts) / 2, 1)
    ):
        return ""
    commonest = max(class_counts.values()) / sum(class_counts.values())
    name = metric if metric == "accuracy" else f"{metric}, here the accuracy,"
    return (
        f"{name} hardly sees the rarest class ({_percent(rarest)} of the rows): always saying the most frequent one"
        f" would score {_percent(commonest)}; roc_auc, pr_auc, balanced_accuracy or a value matrix would see it"
    )


def _binary(rarest: float | None) -> MetricChoice:
    rare = rarest is not None and rarest < RARE
    share = "" if rarest is None else f" ({_percent(rarest)} of the rows are of the rarer class)"
    reason = (
        f"classes are imbalanced{share}: ranking quality that does not move with the share of positives"
        if rare
        else f"two classes{share}: ranking quality without a threshold"
    )
    accuracy = (
        f"always saying the frequent class would already score {_percent(1 - rarest)}"
        if rare and rarest is not None
        else "depends on one threshold, chosen before anyone said what errors cost"
    )
    return MetricChoice(
        metric="roc_auc",
        reason=reason,
        rejected=(
            ("accuracy", accuracy),
            (
                "pr_auc",
                "moves with the share of positives, so that slices and months cannot be compared; reported beside it",
            ),
            ("f1", "depends on one threshold, and ignores rows rightly left alone"),
            ("log_loss", "is what the search minimises, but has no scale that a person can read"),
        ),
    )


def _rarest_share(class_counts: Mapping[str, int] | None) -> float | None:
    if not class_counts or not sum(class_counts.values()):
        return None
    return min(class_counts.values()) / sum(class_counts.values())


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if min(share, 1 - share) < 0.1 else f"{100 * share:.0f} %"
