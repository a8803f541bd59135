"""Means of skewed rows: Student's t with the skewness taken out.

Hall (1992), "On the removal of skewness by transformation": the studentised mean T has, to order 1 / n, the
distribution of a normal variable bent by a cubic that depends on the rows' skewness alone. Inverting the cubic gives
bounds that are right on each side separately, at the cost of one pass over the rows and without resampling; in
simulation (benchmarks/coverage.py) they cover as the bootstrap-t does. Student's quantile stands in place of the normal
one, and where rows have heavy tails its degrees of freedom follow their kurtosis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from tenfold.measures.intervals.case import Bounds, Case, carried_by_one, degrees_of_freedom, standard_error, student
from tenfold.measures.metric import Tails
from tenfold.measures.outcome import Floats

# How much of the sample's skewness is removed; found by simulation at n = 200 to 2,000. Heavy-tailed rows rarely show
# their whole skewness in one sample; elsewhere the cubic's next order, which is left out, takes a little of it back.
_REMOVED: Mapping[Tails, float] = {"light": 0.9, "two-sided": 0.9, "heavy": 1.2}


def mean_bounds(case: Case) -> Bounds:
    """Return the bounds of a mean over rows."""
    low, high = skewed_bounds(case.value, case.pull, tails=case.metric.tails, tail=case.tail)
    return Bounds(low=low, high=high, method="t, skewness removed (Hall)", reason=carried_by_one(case.pull))


def root_mean_bounds(case: Case) -> Bounds:
    """Return the bounds of the root of a mean: the root of the mean's bounds."""
    pull = 2.0 * case.value * case.pull
    low, high = skewed_bounds(case.value**2, pull, tails=case.metric.tails, tail=case.tail)
    return Bounds(
        low=math.sqrt(max(low, 0.0)),
        high=math.sqrt(max(high, 0.0)),
        method="root of the mean's, t, skewness removed (Hall)",
        reason=carried_by_one(case.pull),
    )


def skewed_bounds(value: float, pull: Floats, *, tails: Tails, tail: float) -> tuple[float, float]:
    """Return the lower and the upper bound of a mean-like value.

    Parameters
    ----------
    pull : ndarray of shape (n_units,)
        Influences of the units, mean zero.
    tails : str
        ``light``, ``two-sided`` or ``heavy``: which kurtosis enters the degrees of freedom.
    tail : float
        Chance of error on each side.
    """
    units = len(pull)
    error = standard_error(pull)
    if error == 0.0:
        return value, value
    bend = float((pull**3).mean() / (pull**2).mean() ** 1.5) / math.sqrt(units)
    bend *= _REMOVED[tails]
    quantile = student(degrees_of_freedom(pull, tails), tail)
    return value - _unbend(quantile, bend) * error, value - _unbend(-quantile, bend) * error


def _unbend(quantile: float, bend: float) -> float:
    """Return the point that Hall's cubic takes to ``quantile``; ``bend`` is the skewness over the root of n."""
    if abs(bend) < 1e-8:
        return quantile
    return float(3.0 / bend * (np.cbrt(1.0 + bend * (quantile - bend / 6.0)) - 1.0))
