"""The metrics that a requirement may name: direction, tasks and unit of each, without any numerics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.records.problem import Task

CLASSIFICATION: tuple[Task, ...] = ("binary", "multiclass")
REGRESSION: tuple[Task, ...] = ("regression",)
EVERY_TASK: tuple[Task, ...] = (*CLASSIFICATION, *REGRESSION)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricName:
    """What is known of a metric before anything is computed.

    Attributes
    ----------
    greater_is_better : bool
        The metric's own direction; ``latency_p99_ms`` is better when smaller.
    tasks : tuple of str
        The tasks for which it is defined.
    unit : str
        ``fraction`` (0 to 1), ``nats``, ``target`` (the target's own unit), ``money`` (per row), ``ms``, ``MB``;
        empty for a number without one.
    meaning : str
        One sentence for a person.
    operational : bool
        Measured on the running model or its files, not on predictions against outcomes.
    exact : bool
        Has no sampling error: the value is its own interval.
    """

    name: str
    greater_is_better: bool
    tasks: tuple[Task, ...]
    unit: str
    meaning: str
    operational: bool = False
    exact: bool = False

    @property
    def direction(self) -> str:
        """The comparison under which a requirement on it makes sense: ``>=`` or ``<=``."""
        return ">=" if self.greater_is_better else "<="


def metric_name(name: str, task: Task | None = None) -> MetricName:
    """Return what is known of the metric called ``name``, and make sure that it suits ``task``.

    Raises
    ------
    InputError
        When no metric has this name, or it is not defined for the task.
    """
    known = METRIC_NAMES.get(name)
    if known is None:
        raise InputError(
            f"'{name}' is not a metric (known are: {', '.join(METRIC_NAMES)}).{did_you_mean(name, METRIC_NAMES)}"
        )
    if task is not None and task not in known.tasks:
        fitting = ", ".join(names_for(task))
        raise InputError(f"'{name}' is not defined for a {task} task; choose one of: {fitting}")
    return known


def names_for(task: Task, *, operational: bool = False) -> tuple[str, ...]:
    """Return the names of the metrics of ``task``; with ``operational``, of those measured on the running model."""
    return tuple(
        known.name for known in METRIC_NAMES.values() if task in known.tasks and known.operational == operational
    )


_ALL = (
    MetricName(
        name="roc_auc",
        greater_is_better=True,
        tasks=CLASSIFICATION,
        unit="fraction",
        meaning="chance that a positive ranks above a negative row (multiclass: mean of each class against the rest)",
    ),
    MetricName(
        name="pr_auc",
        greater_is_better=True,
        tasks=CLASSIFICATION,
        unit="fraction",
        meaning="average precision over all thresholds (multiclass: mean of each class against the rest)",
    ),
    MetricName(
        name="log_loss",
        greater_is_better=False,
        tasks=CLASSIFICATION,
        unit="nats",
        meaning="mean negative log probability given to what happened",
    ),
    MetricName(
        name="brier",
        greater_is_better=False,
        tasks=CLASSIFICATION,
        unit="",
        meaning="mean squared error of the probabilities (multiclass: summed over classes)",
    ),
    MetricName(
        name="accuracy",
        greater_is_better=True,
        tasks=CLASSIFICATION,
        unit="fraction",
        meaning="share of rows decided rightly",
    ),
    MetricName(
        name="balanced_accuracy",
        greater_is_better=True,
        tasks=CLASSIFICATION,
        unit="fraction",
        meaning="mean over classes of the share decided rightly",
    ),
    MetricName(
        name="precision",
        greater_is_better=True,
        tasks=CLASSIFICATION,
        unit="fraction",
        meaning="share of positive decisions that are right (multiclass: mean over classes)",
    ),
    MetricName(
        name="recall",
        greater_is_better=True,
        tasks=CLASSIFICATION,
        unit="fraction",
        meaning="share of positives that are found (multiclass: mean over classes)",
    ),
    MetricName(
        name="f1",
        greater_is_better=True,
        tasks=CLASSIFICATION,
        unit="fraction",
        meaning="harmonic mean of precision and recall (multiclass: mean over classes)",
    ),
    MetricName(
        name="mcc",
        greater_is_better=True,
        tasks=CLASSIFICATION,
        unit="",
        meaning="correlation between decision and truth",
    ),
    MetricName(
        name="value_per_row",
        greater_is_better=True,
        tasks=CLASSIFICATION,
        unit="money",
        meaning="mean money that a decision brings, by the value matrix",
    ),
    MetricName(
        name="rmse",
        greater_is_better=False,
        tasks=REGRESSION,
        unit="target",
        meaning="root of the mean squared error",
    ),
    MetricName(
        name="mae",
        greater_is_better=False,
        tasks=REGRESSION,
        unit="target",
        meaning="mean absolute error",
    ),
    MetricName(
        name="r2",
        greater_is_better=True,
        tasks=REGRESSION,
        unit="",
        meaning="share of the target's variance that is explained",
    ),
    MetricName(
        name="mape",
        greater_is_better=False,
        tasks=REGRESSION,
        unit="fraction",
        meaning="mean absolute error as a fraction of the true value",
    ),
    MetricName(
        name="latency_p50_ms",
        greater_is_better=False,
        tasks=EVERY_TASK,
        unit="ms",
        meaning="median time to answer a request of one row",
        operational=True,
    ),
    MetricName(
        name="latency_p99_ms",
        greater_is_better=False,
        tasks=EVERY_TASK,
        unit="ms",
        meaning="time within which 99 of 100 requests of one row are answered",
        operational=True,
    ),
    MetricName(
        name="size_mb",
        greater_is_better=False,
        tasks=EVERY_TASK,
        unit="MB",
        meaning="size of the bundle on disk, in millions of bytes",
        operational=True,
        exact=True,
    ),
)

METRIC_NAMES: Mapping[str, MetricName] = {known.name: known for known in _ALL}
