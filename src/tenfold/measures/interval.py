"""The value of a metric with its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from tenfold.measures.intervals.case import Bounds, Case, pull_of_units
from tenfold.measures.intervals.curve import curve_bounds
from tenfold.measures.intervals.linearised import linearised_bounds
from tenfold.measures.intervals.proportion import proportion_bounds
from tenfold.measures.intervals.resample import resampled_bounds
from tenfold.measures.intervals.skewed import mean_bounds, root_mean_bounds
from tenfold.measures.metric import Interval, Metric, Scale
from tenfold.measures.outcome import Outcome
from tenfold.records.evaluation import Estimate

Sided = Literal["two", "lower", "upper"]
FEWEST_ROWS = 30
NO_CLAIM = "no interval is claimed: it is biased on few rows, which is allowed for in the value alone"


def estimate(
    metric: Metric, outcome: Outcome, *, confidence: float = 0.95, rng: np.random.Generator, sided: Sided = "two"
) -> Estimate:
    """Return the metric's value on these rows with its confidence interval.

    Parameters
    ----------
    confidence : float
        Chance with which the interval covers the value that the model has on all such rows.
    rng : numpy.random.Generator
        Drawn from only by metrics whose interval is resampled.
    sided : str
        ``two``: an equal-tailed interval. ``lower``: ``high`` is None and the whole error stands below ``low``;
        ``upper`` the other way round.

    Returns
    -------
    Estimate
        ``method`` names how the interval was found; a ``reason`` beside an interval says why it is only approximate.
        Value, low and high are None, with the reason, where the metric is undefined; low and high alone where there are
        too few rows for any interval.
    """
    objection = metric.objection(outcome)
    if objection:
        return Estimate(metric=metric.name, value=None, n=outcome.n, confidence=confidence, reason=objection)
    value = metric.form.value(outcome)
    if metric.interval == "none":
        return Estimate(metric=metric.name, value=value, n=outcome.n, confidence=confidence, reason=NO_CLAIM)
    pull = pull_of_units(metric.form.influence(outcome), outcome)
    if len(pull) < 2:
        reason = "no interval: all rows belong together" if outcome.n > 1 else "no interval: there is one row only"
        return Estimate(metric=metric.name, value=value, n=outcome.n, confidence=confidence, reason=reason)
    tail = tail_of(confidence, sided)
    case = Case(metric=metric, outcome=outcome, value=value, pull=pull, tail=tail, rng=rng)
    bounds = METHODS[_method(metric, outcome)](case)
    least, most = _REACH[metric.scale]
    reason = bounds.reason
    if not reason and len(pull) < FEWEST_ROWS:
        reason = f"approximate: only {len(pull)} independent {'rows' if outcome.group is None else 'groups'}"
    return Estimate(
        metric=metric.name,
        value=value,
        low=None if sided == "upper" else max(bounds.low, least),
        high=None if sided == "lower" else min(bounds.high, most),
        n=outcome.n,
        confidence=confidence,
        method=bounds.method,
        reason=reason,
    )


def tail_of(confidence: float, sided: Sided) -> float:
    """Return the chance of error on each side that is bounded."""
    return (1.0 - confidence) / 2.0 if sided == "two" else 1.0 - confidence


def _method(metric: Metric, outcome: Outcome) -> Interval:
    """Return how the interval is found on these rows: a mean over classes needs another method than one class."""
    if metric.interval == "proportion" and metric.trials(outcome) is None:
        return "resample"
    if metric.interval == "curve" and outcome.task != "binary":
        return "linearised"
    return metric.interval


_INFINITE = float("inf")
_REACH: Mapping[Scale, tuple[float, float]] = {
    "identity": (-_INFINITE, _INFINITE),
    "logit": (0.0, 1.0),
    "log": (0.0, _INFINITE),
    "log-complement": (-_INFINITE, 1.0),
    "atanh": (-1.0, 1.0),
}

METHODS: Mapping[Interval, Callable[[Case], Bounds]] = {
    "proportion": proportion_bounds,
    "mean": mean_bounds,
    "root-mean": root_mean_bounds,
    "curve": curve_bounds,
    "linearised": linearised_bounds,
    "resample": resampled_bounds,
}
