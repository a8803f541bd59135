"""Bounds on a metric, or on the difference of two arms, that hold at every look together in the limit of many units.

The metric is taken as its linear part, the mean of its rows' influences, with their own variance in the place of the
true one. The bound is that of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central limit
theory and asymptotic confidence sequences": it approaches an exact one almost surely as units come, for a metric whose
influences have a finite variance, be it a smooth function of means or a U-statistic such as the AUC. It promises
nothing at a stated number of units. So no bound is given before each arm has ``FEWEST_UNITS``, and
``FEWEST_OF_A_CLASS`` rows of every class where the metric orders rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tenfold.measures.experiment.mixture import radius
from tenfold.measures.experiment.side import Side
from tenfold.measures.intervals.case import degrees_of_freedom, pull_of_units
from tenfold.measures.metric import Metric
from tenfold.measures.outcome import Floats, Outcome

FEWEST_UNITS = 100
FEWEST_OF_A_CLASS = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A metric on one arm's rows: its value and the influence of each row, shape (n,)."""

    value: float
    influence: Floats


def linear(metric: Metric, outcome: Outcome) -> Linear:
    """Return the metric with its influences; the metric must have a value on these rows."""
    return Linear(value=metric.compute(outcome), influence=metric.influence(outcome))


def too_few(metric: Metric, side: Side) -> str:
    """Return why no bound is given on these rows yet; empty when one is."""
    if side.units < FEWEST_UNITS:
        return f"{side.units} units of an arm, and no bound is given before there are {FEWEST_UNITS}"
    if metric.ranking:
        counts = np.bincount(side.outcome.truth.astype(np.int64), minlength=side.outcome.classes)
        if counts.min() < FEWEST_OF_A_CLASS:
            return f"{counts.min()} rows of one class in an arm, and {FEWEST_OF_A_CLASS} are needed for an order"
    return ""


def one_arm(metric: Metric, side: Side, *, horizon: float, tail: float) -> tuple[float, float, float]:
    """Return the metric's value, lower and upper bound."""
    found = linear(metric, side.outcome)
    pulls = pull_of_units(found.influence, side.outcome)
    degrees = degrees_of_freedom(pulls, metric.tails)
    reach = _reach(_variance(pulls), len(pulls), degrees, horizon=horizon, tail=tail)
    return found.value, found.value - reach, found.value + reach


def two_arms(
    metric: Metric, candidate: Side, champion: Side, *, factor: float, horizon: float, tail: float
) -> tuple[float, float, float]:
    """Return the candidate's metric less ``factor`` times the champion's, adjusted, with lower and upper bound.

    With a covariate on both sides, what goes with it is taken out of both (Deng, Xu, Kohavi and Walker, 2013).
    """
    a, b = linear(metric, candidate.weighted()), linear(metric, champion.weighted())
    difference = a.value - factor * b.value
    of_a, of_b = a.influence, factor * b.influence
    known, known_there = covariate(metric, candidate), covariate(metric, champion)
    if known is not None and known_there is not None:
        mean, mean_there = _mean(known, candidate), _mean(known_there, champion)
        x, there = _centred(known, mean, candidate), _centred(known_there, mean_there, champion)
        slope = _slope(x, of_a, there, of_b)
        of_a, of_b = of_a - slope * x, of_b - slope * there
        difference -= slope * (mean - mean_there)
    pulls_a, pulls_b = pull_of_units(of_a, candidate.outcome), pull_of_units(of_b, champion.outcome)
    own, other = _variance(pulls_a), _variance(pulls_b)
    # Welch: the variance of the difference is known as well as its parts are.
    spread = own**2 / degrees_of_freedom(pulls_a, metric.tails) + other**2 / degrees_of_freedom(pulls_b, metric.tails)
    degrees = (own + other) ** 2 / spread if spread > 0.0 else math.inf
    reach = _reach(own + other, len(pulls_a) + len(pulls_b), degrees, horizon=horizon, tail=tail)
    return difference, difference - reach, difference + reach


def paired(
    metric: Metric, candidate: Side, champion: Side, *, factor: float, horizon: float, tail: float
) -> tuple[float, float, float]:
    """Return the same for two versions that answered the same rows in the same order."""
    a, b = linear(metric, candidate.weighted()), linear(metric, champion.weighted())
    difference = a.value - factor * b.value
    pulls = pull_of_units(a.influence - factor * b.influence, candidate.outcome)
    degrees = degrees_of_freedom(pulls, metric.tails)
    reach = _reach(_variance(pulls), len(pulls), degrees, horizon=horizon, tail=tail)
    return difference, difference - reach, difference + reach


def _reach(variance: float, units: int, degrees: float, *, horizon: float, tail: float) -> float:
    """Return the bound's distance from a mean of ``units`` with this variance.

    A variance that few units tell of, or heavy ones, is often too small where the mean is far off: so far in standard
    deviations as the normal distribution would lie, the bound lies by Student's with its degrees of freedom.
    """
    from scipy.special import ndtr, stdtrit

    far = float(radius(np.array(float(units)), horizon=horizon, tail=tail)) / math.sqrt(units)
    chance = float(ndtr(-far))
    if math.isfinite(degrees) and chance > 0.0:
        far = max(far, -float(stdtrit(degrees, chance)))
    return math.sqrt(variance) * far


def _variance(pulls: Floats) -> float:
    return float((pulls**2).sum()) / (len(pulls) * max(len(pulls) - 1, 1))


def covariate(metric: Metric, side: Side) -> Floats | None:
    """Return what is known of each row beforehand and goes with its value; None where nothing is."""
    return side.expected.get(metric.name, side.covariate)


def _mean(known: Floats, side: Side) -> float:
    return float(np.average(known, weights=1.0 - side.share))


def _centred(known: Floats, mean: float, side: Side) -> Floats:
    weight = 1.0 - side.share
    apart: Floats = (known - mean) * (weight / weight.mean())
    return apart


def _slope(x: Floats, of_x: Floats, there: Floats, of_there: Floats) -> float:
    """Return the slope that leaves the least variance to the difference."""
    shared = float(x @ of_x) / len(x) ** 2 + float(there @ of_there) / len(there) ** 2
    own = float(x @ x) / len(x) ** 2 + float(there @ there) / len(there) ** 2
    return shared / own if own > 0.0 else 0.0
