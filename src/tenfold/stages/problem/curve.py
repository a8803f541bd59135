"""What more rows would bring, and how many are needed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tenfold.records.problem import CurvePoint, LearningCurve, Requirement, Task
from tenfold.stages.problem.learning import Growth, Said, best, growths
from tenfold.stages.problem.power_law import fit_power_laws
from tenfold.stages.problem.sample import Sample

METRIC: dict[Task, str] = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
_TAIL = 0.05
_WIDEST = 30.0
"""A range whose ends differ by more than this factor tells nobody what to do."""
_FARTHEST = 50.0
"""Nothing is said of more than so many times the rows there are."""


def estimate_curve(sample: Sample, said: Said, requirements: Sequence[Requirement], chance: float) -> LearningCurve:
    """Return the rows from which on quick models reach what is asked, or why that cannot be said.

    Parameters
    ----------
    chance : float
        The constant model's value of the metric.
    """
    metric = METRIC[sample.task]
    leader = best(growths(sample, said, metric))
    laws = fit_power_laws(leader.rows, leader.losses, leader.covariance)
    level, source = _level(sample, requirements, chance)
    needed = laws.rows_to(_loss_of(metric, level))
    low, middle, high = (laws.quantile(needed, share) for share in (_TAIL, 0.5, 1.0 - _TAIL))
    says, reason = _said(metric, level, laws.last, low, high)
    twice = laws.at(2.0 * laws.last)
    bounds = sorted(_value_of(metric, laws.quantile(twice, share)) for share in (_TAIL, 1.0 - _TAIL))
    told = says in ("range", "enough")
    return LearningCurve(
        metric=metric,
        level=level,
        level_from=source,
        says=says,  # type: ignore[arg-type]  # one of the four words
        reason=reason,
        points=_points(metric, leader),
        rows=_whole(middle) if told else None,
        rows_low=_whole(low) if told else None,
        rows_high=_whole(high) if told else None,
        doubled=_value_of(metric, laws.quantile(twice, 0.5)),
        doubled_low=bounds[0],
        doubled_high=bounds[1],
    )


def too_few(sample: Sample) -> str:
    """Return why no curve can be laid through these rows; empty when one can."""
    if sample.task != "regression":
        counts = np.bincount(sample.truth.astype(np.int64), minlength=len(sample.classes))
        if counts.min() < 10 and sample.task == "binary":
            return f"{int(counts.min())} rows of the rarer class are too few to see how a model grows"
    return f"{len(sample.truth)} rows are too few to see how a model grows" if len(sample.truth) < 120 else ""


def _said(metric: str, level: float, last: float, low: float, high: float) -> tuple[str, str]:
    asked = f"{metric} {level:.4g}"
    if high <= last:
        return "enough", f"{asked} is reached on the rows there are"
    if not math.isfinite(low):
        return "out of reach", f"quick models level off before {asked}: other columns are needed rather than more rows"
    if not math.isfinite(high) or high > _FARTHEST * last or high > _WIDEST * max(low, 1.0):
        return "cannot say", f"{last:.0f} training rows do not tell how many {asked} takes: {low:.0f} or very many more"
    return "range", f"{asked} takes between {low:.0f} and {high:.0f} training rows"


def _level(sample: Sample, requirements: Sequence[Requirement], chance: float) -> tuple[float, str]:
    """Return the strictest must of the same metric, or what is asked where no requirement says more."""
    metric = METRIC[sample.task]
    found = []
    for requirement in requirements:
        if requirement.level != "must" or requirement.slices or requirement.bound.reference == "champion":
            continue
        if requirement.metric == metric:
            found.append((requirement.bound.against(chance), requirement.id))
        elif metric == "rmse" and requirement.metric == "r2" and requirement.bound.reference is None:
            left = max(1.0 - requirement.bound.offset, 0.0)
            found.append((float(sample.truth.std()) * math.sqrt(left), requirement.id))
    if not found:
        return (chance + 0.10, "default") if metric == "roc_auc" else (0.9 * chance, "default")
    return max(found) if metric == "roc_auc" else min(found)


def _points(metric: str, grown: Growth) -> tuple[CurvePoint, ...]:
    errors = np.sqrt(np.diag(grown.covariance))
    return tuple(
        CurvePoint(rows=int(rows), value=_value_of(metric, float(loss)), error=float(error))
        for rows, loss, error in zip(grown.rows, grown.losses, errors, strict=True)
    )


def _loss_of(metric: str, level: float) -> float:
    return 1.0 - level if metric == "roc_auc" else level


def _value_of(metric: str, loss: float) -> float:
    return 1.0 - loss if metric == "roc_auc" else loss


def _whole(rows: float) -> int | None:
    return math.ceil(rows) if math.isfinite(rows) else None
