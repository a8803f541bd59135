"""What more rows would bring, and how many are needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tenfold.records.problem import CurvePoint, LearningCurve, Requirement, Task
from tenfold.stages.problem.learning import Growth, Said, best, growths
from tenfold.stages.problem.power_law import Floats, PowerLaws, fit_power_laws, pool
from tenfold.stages.problem.sample import Sample

METRIC: dict[Task, str] = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
_TAIL = 0.03
"""A little less than 90 % asks for: so the range keeps to it where a curve strays from every law."""
_WIDEST = 50.0
"""A range whose ends differ by more than this factor tells nobody what to do."""
_FARTHEST = 50.0
"""Nothing is said of more than so many times the rows there are."""
_DOUBT = 0.5
"""Where it is likelier that no such number of rows reaches the level, none is named."""
_WORTH_TELLING = 0.05
_RIVAL = 2.0
"""By so many standard errors a quick model may lie behind the best and still be the best one with more rows."""
_UNEVEN = 0.02
"""By this share of itself a loss moves with the choice of the rows that train: repetitions are too few to see it."""


def estimate_curve(sample: Sample, said: Said, requirements: Sequence[Requirement], chance: float) -> LearningCurve:
    """Return the rows from which on the best of the quick models reaches what is asked, or why that cannot be said.

    Which of them is best with more rows is not known: the laws of all that are not clearly behind count alike. The
    range is that of the laws that reach the level within fifty times the rows; the share of the others is told as
    ``beyond``.

    Parameters
    ----------
    chance : float
        The constant model's value of the metric.
    """
    metric = METRIC[sample.task]
    grown = growths(sample, said, metric)
    laws = _laws_of(grown)
    level, source = _level(sample, requirements, chance)
    needed = _needed(laws, _loss_of(metric, level))
    says, reason = _said(metric, level, needed)
    twice = laws.at(2.0 * laws.last)
    bounds = sorted(_value_of(metric, laws.quantile(twice, share)) for share in (_TAIL, 1.0 - _TAIL))
    told = says in ("range", "enough")
    return LearningCurve(
        metric=metric,
        level=level,
        level_from=source,
        says=says,  # type: ignore[arg-type]  # one of the four words
        reason=reason,
        points=_points(metric, best(grown)),
        rows=_whole(needed.middle) if told else None,
        rows_low=_whole(needed.low) if told else None,
        rows_high=_whole(needed.high) if told else None,
        beyond=needed.beyond,
        doubled=_value_of(metric, laws.quantile(twice, 0.5)),
        doubled_low=bounds[0],
        doubled_high=bounds[1],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Rows from which on a level is reached, at 90 %, where fifty times the rows reach it at all.

    ``beyond`` is the share of the laws by which they do not, ``never`` whether hardly any does with however many rows;
    ``reached`` is whether the rows there are suffice, with all laws counted, and ``last`` how many these are.
    """

    low: float
    middle: float
    high: float
    beyond: float
    never: bool
    reached: bool
    last: float


def _laws_of(grown: Sequence[Growth]) -> PowerLaws:
    """Return the laws of every quick model that may be the best one with more rows."""
    leader = best(grown)
    behind = _RIVAL * float(np.sqrt(leader.covariance[-1, -1]))
    rivals = [one for one in grown if one.losses[-1] - leader.losses[-1] <= behind]
    return pool([fit_power_laws(one.rows, one.losses, _scattered(one)) for one in rivals])


def _scattered(grown: Growth) -> Floats:
    scatter: Floats = grown.covariance + np.diag(np.full(len(grown.rows), (_UNEVEN * grown.losses[-1]) ** 2))
    return scatter


def _needed(laws: PowerLaws, loss: float) -> Needed:
    rows = laws.rows_to(loss)
    near = rows <= _FARTHEST * laws.last
    beyond = 1.0 - float(laws.weight[near].sum())
    last = laws.last
    never, reached = math.isinf(laws.quantile(rows, _TAIL)), laws.quantile(rows, 1.0 - _TAIL) <= last
    if beyond > _DOUBT:
        low = laws.quantile(rows, _TAIL)
        return Needed(low=low, middle=math.inf, high=math.inf, beyond=beyond, never=never, reached=reached, last=last)
    kept = laws.among(near)
    low, middle, high = (kept.quantile(rows[near], share) for share in (_TAIL, 0.5, 1.0 - _TAIL))
    # What may still be missing can't be bounded by fewer rows than there are.
    high = high if reached else max(high, last)
    low, high = _about(low, down=True), _about(high, down=False)
    return Needed(low=low, middle=middle, high=high, beyond=beyond, never=never, reached=reached, last=last)


def too_few(sample: Sample) -> str:
    """Return why no curve can be laid through these rows; empty when one can."""
    if sample.task != "regression":
        counts = np.bincount(sample.truth.astype(np.int64), minlength=len(sample.classes))
        if counts.min() < 10 and sample.task == "binary":
            return f"{int(counts.min())} rows of the rarer class are too few to see how a model grows"
    return f"{len(sample.truth)} rows are too few to see how a model grows" if len(sample.truth) < 120 else ""


def _said(metric: str, level: float, needed: Needed) -> tuple[str, str]:
    # Prices are read in full, not as powers of ten.
    asked = f"{metric} {level:,.0f}" if abs(level) >= 1e4 else f"{metric} {level:.4g}"
    if needed.reached:
        return "enough", f"{asked} is reached on the rows there are"
    if needed.never:
        return "out of reach", f"quick models level off before {asked}: other columns are needed rather than more rows"
    if needed.low > _FARTHEST * needed.last:
        most = f"{_FARTHEST * needed.last:,.0f}"
        return "out of reach", f"{asked} takes more than {most} training rows, if any number of them is enough"
    if needed.high > _WIDEST * max(needed.low, 1.0):
        return (
            "cannot say",
            f"{needed.last:,.0f} training rows do not tell how many {asked} takes: {needed.low:,.0f} or very many more",
        )
    told = f"{asked} takes between {needed.low:,.0f} and {needed.high:,.0f} training rows"
    if needed.beyond < _WORTH_TELLING:
        return "range", told
    farthest = f"{_FARTHEST * needed.last:,.0f}"
    return "range", f"{told}, if up to {farthest} reach it at all: the chance that they do not is {needed.beyond:.0%}"


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


def _about(rows: float, *, down: bool) -> float:
    """Return an end of the range with two digits, rounded outwards: it is not known to the row."""
    if not math.isfinite(rows) or rows < 100:
        return math.floor(rows) if down and math.isfinite(rows) else rows
    unit = 10.0 ** (math.floor(math.log10(rows)) - 1)
    return (math.floor(rows / unit) if down else math.ceil(rows / unit)) * unit
