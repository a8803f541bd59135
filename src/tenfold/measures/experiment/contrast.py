"""Two arms, or one, by a metric: the value with bounds that hold at every look together.

Where the metric is the mean of bounded values of rows, and each unit has one row, bounds are exact: each row counts as
``(y - g) / p`` in the candidate's arm and as ``-f (y - g) / (1 - p)`` in the champion's, p being the candidate's share
when the row was answered and g what its value was expected to be beforehand (Horvitz and Thompson, 1952, augmented).
The division being random, the mean of these is the difference of the arms, at every row anew, so that neither rising
shares nor odd days bias it. Elsewhere bounds hold in the limit of many units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tenfold.measures.experiment import asymptotic
from tenfold.measures.experiment.bounded import Sample, bounds, counted
from tenfold.measures.experiment.mixture import HORIZON
from tenfold.measures.experiment.side import Side, row_reach, row_values
from tenfold.measures.metric import Metric
from tenfold.measures.outcome import Floats
from tenfold.records.evaluation import Estimate
from tenfold.records.experiment import Guarantee
from tenfold.records.problem import ValueMatrix

METHODS: dict[Guarantee, str] = {
    "exact": "confidence sequence by betting (exact at every look)",
    "asymptotic": "asymptotic confidence sequence (normal mixture)",
    "none": "",
}
FEWEST_ROWS = 30
# Two versions of one model differ on few rows: a paired difference is taken to scatter half as much as its values.
_PAIRED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What is fixed before the first row.

    Attributes
    ----------
    confidence : float
        Chance with which both bounds hold at every look together.
    centre : float or None
        What the metric is expected to be, from the lab; None: the middle of its reach. A wrong one costs width alone.
    deviation : float or None
        What a row's value is expected to scatter by, likewise; None: as much as its mean allows.
    share : float
        The candidate's share of the units of both arms when the test begins.
    horizon : float
        Units after which bounds are narrowest.
    value : ValueMatrix or None
        What decisions bring; ``by_row``: amounts differ from row to row.
    paired : bool
        Both versions answered every row (a shadow); sides then hold the same rows in the same order.
    """

    confidence: float = 0.95
    centre: float | None = None
    deviation: float | None = None
    share: float = 0.5
    horizon: float = HORIZON
    value: ValueMatrix | None = None
    by_row: bool = False
    paired: bool = False

    @property
    def tail(self) -> float:
        """The chance of error of either bound."""
        return (1.0 - self.confidence) / 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found, and what is promised of its bounds."""

    estimate: Estimate
    guarantee: Guarantee


def one_arm(metric: Metric, side: Side, design: Design) -> Found:
    """Return the metric of one arm."""
    objection = metric.objection(side.outcome)
    if objection:
        return _nothing(metric, side.outcome.n, design, objection)
    value = metric.compute(side.outcome)
    reach = _exact_reach(metric, (side,), design)
    if reach is not None:
        values = row_values(metric, side.outcome)
        assert values is not None  # `_exact_reach` asked
        atoms, weights, counts = counted(values)
        sample = Sample(
            atoms=atoms,
            weights=weights,
            counts=counts,
            low=reach[0],
            high=reach[1],
            loss_below=reach[1] - reach[0],
            loss_above=reach[1] - reach[0],
            deviation=_deviation(reach, design),
        )
        return _exact(metric, value, sample, design)
    reason = asymptotic.too_few(metric, side)
    if reason:
        return _without_bounds(metric, value, side.outcome.n, design, reason)
    if metric.interval == "none":
        return _without_bounds(metric, value, side.outcome.n, design, "no interval is claimed of this metric")
    value, low, high = asymptotic.one_arm(metric, side, horizon=design.horizon, tail=design.tail)
    return _asymptotic(metric, value, low, high, side.outcome.n, design)


def difference(metric: Metric, candidate: Side, champion: Side, design: Design, *, factor: float = 1.0) -> Found:
    """Return the metric of the candidate less ``factor`` times that of the champion, in the metric's unit."""
    n = candidate.outcome.n if design.paired else candidate.outcome.n + champion.outcome.n
    for side, name in ((candidate, "candidate"), (champion, "champion")):
        objection = metric.objection(side.outcome)
        if objection:
            return _nothing(metric, n, design, f"of the {name}: {objection}")
    reach = _exact_reach(metric, (candidate, champion), design)
    if reach is not None:
        sample = differences(metric, candidate, champion, design, factor=factor)
        value = metric.compute(candidate.weighted()) - factor * metric.compute(champion.weighted())
        return _exact(metric, value, sample, design)
    reason = asymptotic.too_few(metric, candidate) or asymptotic.too_few(metric, champion)
    method = asymptotic.paired if design.paired else asymptotic.two_arms
    if reason or metric.interval == "none":
        value = metric.compute(candidate.weighted()) - factor * metric.compute(champion.weighted())
        return _without_bounds(metric, value, n, design, reason or "no interval is claimed of this metric")
    value, low, high = method(metric, candidate, champion, factor=factor, horizon=design.horizon, tail=design.tail)
    return _asymptotic(metric, value, low, high, n, design)


def differences(metric: Metric, candidate: Side, champion: Side, design: Design, *, factor: float = 1.0) -> Sample:
    """Return values of which the difference of the arms is the mean; the metric must allow exact bounds."""
    reach = _exact_reach(metric, (candidate, champion), design)
    assert reach is not None  # the callers asked
    least, most = reach
    ends = [factor * least, factor * most]
    low, high = least - max(ends), most - min(ends)
    of_a, of_b = row_values(metric, candidate.outcome), row_values(metric, champion.outcome)
    assert of_a is not None  # `_exact_reach` asked
    assert of_b is not None
    spread = _deviation(reach, design)
    if design.paired:
        atoms, weights, counts = counted(of_a - factor * of_b)
        return Sample(
            atoms=atoms,
            weights=weights,
            counts=counts,
            low=low,
            high=high,
            loss_below=high - low,
            loss_above=high - low,
            deviation=spread * _PAIRED,
        )
    centre = _centre(reach, design.centre)
    expected_a, expected_b = (_expected(metric, side, reach, centre) for side in (candidate, champion))
    # What is expected cancels between the arms, but for the factor.
    left = 1.0 - factor
    values = np.concatenate(
        [
            (of_a - expected_a) / candidate.share + left * expected_a,
            -factor * (of_b - expected_b) / champion.share + left * expected_b,
        ]
    )
    # The variance of a value is as 1 / (p (1 - p)): each counts by the inverse, which bounds it for every p as well.
    share = np.concatenate([candidate.share, 1.0 - champion.share])
    atoms, weights, counts = counted(values, 4.0 * share * (1.0 - share))
    guessed = metric.name in candidate.expected or metric.name in champion.expected
    apart = most - least if guessed else max(most - centre, centre - least)
    furthest = 4.0 * apart * max(1.0, abs(factor)) + abs(left) * max(abs(least), abs(most))
    return Sample(
        atoms=atoms,
        weights=weights,
        counts=counts,
        low=low,
        high=high,
        loss_below=furthest + max(high, 0.0),
        loss_above=furthest + max(-low, 0.0),
        deviation=4.0 * spread * math.sqrt(design.share * (1.0 - design.share)),
    )


def _expected(metric: Metric, side: Side, reach: tuple[float, float], centre: float) -> Floats:
    found = side.expected.get(metric.name)
    return np.full(side.outcome.n, centre) if found is None else np.clip(found, *reach)


def _exact_reach(metric: Metric, sides: tuple[Side, ...], design: Design) -> tuple[float, float] | None:
    """Return between which values each row must lie, where bounds can be exact; else None."""
    for side in sides:
        if side.outcome.group is not None or side.covariate is not None or row_values(metric, side.outcome) is None:
            return None
    return row_reach(metric, sides[0].outcome.task, design.value, by_row=design.by_row)


def _deviation(reach: tuple[float, float], design: Design) -> float:
    """Return what values are taken to scatter by: as in the lab, else as much as their mean allows.

    The latter by Bhatia and Davis (2000); of zeros and ones it is what they do scatter by.
    """
    least, most = reach
    mean = _centre(reach, design.centre)
    largest = math.sqrt(max((most - mean) * (mean - least), 0.01 * (most - least) ** 2))
    return largest if design.deviation is None else min(max(design.deviation, 0.01 * largest), largest)


def _centre(reach: tuple[float, float], centre: float | None) -> float:
    return 0.5 * (reach[0] + reach[1]) if centre is None else min(max(centre, reach[0]), reach[1])


def _exact(metric: Metric, value: float, sample: Sample, design: Design) -> Found:
    n = int(sample.n)
    if n < FEWEST_ROWS:
        reason = f"too few rows: {n}, and at least {FEWEST_ROWS} are needed"
        return _without_bounds(metric, value, n, design, reason)
    low, high = bounds(sample, horizon=design.horizon, tail=design.tail)
    estimate = Estimate(
        metric=metric.name,
        value=value,
        low=low,
        high=high,
        n=n,
        confidence=design.confidence,
        method=METHODS["exact"],
    )
    return Found(estimate=estimate, guarantee="exact")


def _asymptotic(  # noqa: PLR0917 - an estimate, spelled out
    metric: Metric, value: float, low: float, high: float, n: int, design: Design
) -> Found:
    estimate = Estimate(
        metric=metric.name,
        value=value,
        low=low,
        high=high,
        n=n,
        confidence=design.confidence,
        method=METHODS["asymptotic"],
    )
    return Found(estimate=estimate, guarantee="asymptotic")


def _without_bounds(metric: Metric, value: float, n: int, design: Design, reason: str) -> Found:
    estimate = Estimate(metric=metric.name, value=value, n=n, confidence=design.confidence, reason=reason)
    return Found(estimate=estimate, guarantee="none")


def _nothing(metric: Metric, n: int, design: Design, reason: str) -> Found:
    estimate = Estimate(metric=metric.name, value=None, n=n, confidence=design.confidence, reason=reason)
    return Found(estimate=estimate, guarantee="none")
