"""Two models on the same rows: the difference of a metric with its interval."""

from __future__ import annotations

import numpy as np

from tenfold.foundation.errors import InputError
from tenfold.measures.interval import FEWEST_ROWS, NO_CLAIM, Sided, tail_of
from tenfold.measures.intervals.case import Bounds, carried_by_one, pull_of_units
from tenfold.measures.intervals.skewed import skewed_bounds
from tenfold.measures.metric import Metric
from tenfold.measures.outcome import Floats, Outcome
from tenfold.records.evaluation import Estimate


def difference(
    metric: Metric,
    a: Outcome,
    b: Outcome,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,  # noqa: ARG001 - one signature with `estimate`; nothing is drawn today
    sided: Sided = "two",
    factor: float = 1.0,
) -> Estimate:
    """Return the metric of ``a`` minus ``factor`` times that of ``b``, on the same rows in the same order.

    What both models do to a row is taken together, so that rows that are hard for both cancel: each row's influence on
    the one value less its influence on the other (for the AUC this is DeLong's paired test), as a mean with its
    skewness removed.

    Parameters
    ----------
    a, b : Outcome
        Their truths must agree; weights and groups are those of ``a``.
    factor : float
        Other than 1 for bounds in per cent of a reference.

    Raises
    ------
    InputError
        When the two are not about the same rows.
    """
    if a.n != b.n or not np.array_equal(a.truth, b.truth):
        raise InputError(
            f"a paired difference needs the same rows in the same order; got {a.n} and {b.n} rows of other truth"
        )
    objection = metric.objection(a) or metric.objection(b)
    if objection:
        return Estimate(metric=metric.name, value=None, n=a.n, confidence=confidence, reason=objection)
    value = metric.form.value(a) - factor * metric.form.value(b)
    if metric.interval == "none":
        return Estimate(metric=metric.name, value=value, n=a.n, confidence=confidence, reason=NO_CLAIM)
    of_a = metric.form.influence(a)
    pull = pull_of_units(of_a - factor * metric.form.influence(b), a)
    if len(pull) < 2:
        reason = "no interval: all rows belong together"
        return Estimate(metric=metric.name, value=value, n=a.n, confidence=confidence, reason=reason)
    tail = tail_of(confidence, sided)
    equal = np.array_equal(a.scores, b.scores)
    bounds = _bounds(value, pull, equal=equal, swing=float(np.ptp(of_a)), tail=tail)
    reason = bounds.reason
    if not reason and len(pull) < FEWEST_ROWS:
        reason = f"approximate: only {len(pull)} independent {'rows' if a.group is None else 'groups'}"
    return Estimate(
        metric=metric.name,
        value=value,
        low=None if sided == "upper" else bounds.low,
        high=None if sided == "lower" else bounds.high,
        n=a.n,
        confidence=confidence,
        method=bounds.method,
        reason=reason,
    )


def _bounds(value: float, pull: Floats, *, equal: bool, swing: float, tail: float) -> Bounds:
    if np.abs(pull).max() > 1e-12 * max(1.0, abs(value)):
        low, high = skewed_bounds(value, _with_one_more_each_way(pull), tails="two-sided", tail=tail)
        method = "paired, t, skewness removed (Hall)"
        return Bounds(low=low, high=high, method=method, reason=carried_by_one(pull))
    if equal:
        return Bounds(low=value, high=value, method="paired, equal", reason="both say the same of every row")
    # Not one of n rows told the two apart; more than 3 in n are not likely to (at 95 %), each by as much as a row can
    # weigh.
    reach = (1.0 - tail ** (1.0 / len(pull))) * swing
    method = "paired, rule of three"
    return Bounds(low=value - reach, high=value + reach, method=method, reason="no row tells the two apart")


def _with_one_more_each_way(pull: Floats) -> Floats:
    """Return the pulls with one more row in favour of each model.

    Where few rows tell two models apart they may all favour one by chance. Bonett and Price (2012) add one disagreement
    either way for shares; here each pulls as a row that tells them apart does (for shares the root below is exactly
    that).
    """
    squares = pull**2
    typical = float(np.sqrt((squares**2).sum() / squares.sum()))
    return np.append(pull, [typical, -typical])
