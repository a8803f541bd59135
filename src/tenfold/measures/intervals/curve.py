"""The area under the ROC curve: DeLong's variance, followed along the curve of possible areas.

A bound is the area t at which the observed area lies as far off as chance allows, with the variance taken at t and not
at the observed area (a score interval, as Wilson's is for a share; Newcombe, 2006). The shape of the variance is that
of Hanley and McNeil (1982); its height is DeLong's estimate. Where almost all pairs are ranked rightly, few rows tell
how much the area varies and DeLong's estimate is too small; there the height leans towards that of the shape itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tenfold.measures.intervals.case import Bounds, Case, student
from tenfold.measures.outcome import Floats

# Found by simulation: the height that is leant on where nothing is known, relative to Hanley and McNeil's, and the
# number of wrongly ranked units that weighs as much.
_PRIOR_HEIGHT = 1.15
_PRIOR_ERRORS = 1.0


def curve_bounds(case: Case) -> Bounds:
    """Return the bounds of a binary AUC."""
    positives = int((case.outcome.truth == 1).sum())
    negatives = case.outcome.n - positives
    area = case.value
    # Units of the smaller side that are ranked wrongly (or, for an area near 0, rightly): how well the variance is
    # known.
    errors = 2.0 * min(positives, negatives) * min(area, 1.0 - area)

    def shape(t: float) -> float:
        return _hanley_mcneil(t, positives, negatives)

    found = case.error**2
    trust = errors / (errors + _PRIOR_ERRORS)
    height = _PRIOR_HEIGHT
    if found > 0.0:
        height = math.exp(trust * math.log(found / shape(area)) + (1.0 - trust) * math.log(_PRIOR_HEIGHT))
    quantile = student(_degrees(case, positives), case.tail)

    def off(t: float) -> float:
        return quantile * math.sqrt(height * shape(t))

    low = 0.0 if area <= 0.0 else _root(lambda t: area - t - off(t), 0.0, area)
    high = 1.0 if area >= 1.0 else _root(lambda t: area - t + off(t), area, 1.0)
    few = ""
    if min(positives, negatives) < 10:
        few = f"approximate: only {min(positives, negatives)} rows of one class"
    elif errors < 5.0:
        few = "approximate, on the wide side: hardly any row is ranked wrongly"
    return Bounds(low=low, high=high, method="DeLong, score", reason=few)


def _hanley_mcneil(area: float, positives: int, negatives: int) -> float:
    """Return the variance of an AUC for exponential scores, sizes made even (Newcombe, 2006, method 5)."""
    even = (positives + negatives) / 2.0 - 1.0
    spread = (1.0 - area) / (2.0 - area) + area / (1.0 + area)
    return max(area * (1.0 - area), 0.0) * (1.0 + even * spread) / (positives * negatives)


def _degrees(case: Case, positives: int) -> float:
    """Return the degrees of freedom of DeLong's variance, the sum of one per class (Welch and Satterthwaite)."""
    units = len(case.pull)
    smaller = min(positives, case.outcome.n - positives)
    if case.outcome.group is not None:
        return float(max(min(units, 2 * smaller) - 1, 1))
    positive = case.outcome.truth == 1
    of_positives = _sum_of_squares(case.pull[positive])
    of_negatives = _sum_of_squares(case.pull[~positive])
    if of_positives + of_negatives == 0.0:
        return float(max(smaller - 1, 1))
    parts = of_positives**2 / max(positives - 1, 1) + of_negatives**2 / max(case.outcome.n - positives - 1, 1)
    return max((of_positives + of_negatives) ** 2 / parts, 1.0)


def _sum_of_squares(pull: Floats) -> float:
    return float((pull**2).sum())


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function that is positive above ``low`` and then falls crosses zero, by bisection."""
    for _ in range(60):
        middle = (low + high) / 2.0
        if function(middle) > 0.0:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
