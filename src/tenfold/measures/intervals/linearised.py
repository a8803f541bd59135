"""Smooth functions of the rows: the delta method on the scale where the estimate is most nearly normal.

The variance is that of the influences (the infinitesimal jackknife), its degrees of freedom follow their kurtosis.
"""

from __future__ import annotations

import math

from tenfold.measures.intervals.case import Bounds, Case, carried_by_one, degrees_of_freedom, student
from tenfold.measures.metric import Scale

_LEAST = 1e-12


def linearised_bounds(case: Case) -> Bounds:
    """Return the bounds of a smooth function of the rows."""
    scale = case.metric.scale
    if case.error == 0.0 or at_the_end(case.value, scale):
        return flawless_bounds(case)
    quantile = student(degrees_of_freedom(case.pull, "heavy"), case.tail)
    reach = quantile * case.error * _slope(case.value, scale)
    centre = _to_scale(case.value, scale)
    named = "linearised, t" if scale == "identity" else f"linearised on the {_NAMES[scale]} scale, t"
    return Bounds(
        low=_from_scale(centre - reach, scale),
        high=_from_scale(centre + reach, scale),
        method=named,
        reason=carried_by_one(case.pull),
    )


def flawless_bounds(case: Case) -> Bounds:
    """Return the bounds where no row pulls: what never happened in n rows happens in no more than about 3 in n.

    A metric that is constant without being perfect (one decision for every row) is known exactly.
    """
    value, scale = case.value, case.metric.scale
    if not at_the_end(value, scale) or scale == "log":
        return Bounds(low=value, high=value, method="constant", reason="every row pulls alike")
    unseen = 1.0 - case.tail ** (1.0 / max(_smallest_class(case), 1))
    reason = "approximate: not one row pulls the other way"
    if value > 0.0:
        return Bounds(low=value - unseen, high=value, method="rule of three", reason=reason)
    return Bounds(low=value, high=value + unseen, method="rule of three", reason=reason)


def at_the_end(value: float, scale: Scale) -> bool:
    """Return whether the value lies where the scale ends, so that no slope can be taken."""
    if scale == "logit":
        return value <= _LEAST or value >= 1.0 - _LEAST
    if scale == "atanh":
        return abs(value) >= 1.0 - _LEAST
    if scale == "log-complement":
        return value >= 1.0 - _LEAST
    return scale == "log" and value <= _LEAST


def _smallest_class(case: Case) -> int:
    if case.outcome.task == "regression":
        return len(case.pull)
    codes = case.outcome.truth
    return min(int((codes == code).sum()) for code in set(codes.tolist()))


def _to_scale(value: float, scale: Scale) -> float:
    if scale == "logit":
        return math.log(value / (1.0 - value))
    if scale == "atanh":
        return math.atanh(value)
    if scale == "log-complement":
        return -math.log(1.0 - value)
    return math.log(value) if scale == "log" else value


def _from_scale(place: float, scale: Scale) -> float:
    if scale == "logit":
        return 0.5 * (1.0 + math.tanh(place / 2.0))
    if scale == "atanh":
        return math.tanh(place)
    if scale == "log-complement":
        return 1.0 - math.exp(min(-place, 700.0))
    return math.exp(min(place, 700.0)) if scale == "log" else place


def _slope(value: float, scale: Scale) -> float:
    if scale == "logit":
        return 1.0 / (value * (1.0 - value))
    if scale == "atanh":
        return 1.0 / (1.0 - value**2)
    if scale == "log-complement":
        return 1.0 / (1.0 - value)
    return 1.0 / value if scale == "log" else 1.0


_NAMES = {"logit": "logit", "atanh": "Fisher z", "log-complement": "log(1 - value)", "log": "log"}
