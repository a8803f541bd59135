"""Intervals that hold the truth of a stated share of rows, from out-of-fold predictions.

Vovk, Gammerman and Shafer (2005), "Algorithmic learning in a random world": where the rows to come are drawn as these
were, an interval between order statistics of the residuals holds the truth with at least the stated chance, whatever
the model and the distribution. The model that is served averages those that made the out-of-fold predictions (Barber et
al., 2021, "Predictive inference with the jackknife+"), so that its errors are a little smaller than theirs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tenfold.bundle.conformal import interval_of, set_of
from tenfold.measures.confusion import ACCURACY
from tenfold.measures.interval import estimate
from tenfold.measures.outcome import Floats, Outcome
from tenfold.records.evaluation import Conformal, IntervalCheck

_ROWS_A_BIN, _MOST_BINS = 250, 10
_ROWS_A_KNOT, _MOST_KNOTS = 50, 20
_FOLDS = 5
_FAR = 0.95
"""Errors beyond this quantile among their neighbours count as this one in the size of errors there."""

_SURE = 2.0
_LEAST_SPREAD = 1e-3
"""Part of the mean error that the size of errors is at least, anywhere."""


def fit_intervals(outcome: Outcome, level: float) -> tuple[Conformal | None, str]:
    """Return what makes intervals of numbers, or sets of classes, and an empty string; None and why there is nothing.

    Numbers: residuals are divided by how large errors are where the model predicts so much, a line through the mean
    errors of neighbours in the prediction, so that intervals are wider where the model errs more (Lei et al., 2018,
    "Distribution-free predictive inference for regression", locally weighted). Each side has its own quantile: they may
    be lopsided. Where quantiles by bin of the prediction (Boström and Johansson, 2020, "Mondrian conformal regressors")
    make clearly better intervals out of fold, they are taken: the shape of errors differs there, not only their size.
    Classes: each class has a bound of its own, so that the truth of rare classes is held as often as that of frequent
    ones; a class with too few rows for a bound is in every set.

    Parameters
    ----------
    outcome : Outcome
        Out-of-fold predictions beside the truth.
    level : float
        The share of rows whose truth is to be held.
    """
    outside = 1.0 - level
    needed = (
        math.ceil(2.0 / outside - 1e-9) - 1 if outcome.task == "regression" else math.ceil(1.0 / outside - 1e-9) - 1
    )
    if outcome.n < needed:
        return None, f"no intervals: {outcome.n} rows are too few for {100 * level:g} %, at least {needed} are needed"
    if outcome.task != "regression":
        least = tuple(_least_of_class(outcome, code, outside) for code in range(outcome.classes))
        return Conformal(level=level, least=least), ""
    return _of_numbers(outcome.scores[:, 0], outcome.truth - outcome.scores[:, 0], level, needed), ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bounds:
    """Quantiles of scaled residuals, below and above, by bin of the prediction."""

    edges: Floats
    ends: Floats

    def around(self, said: Floats) -> Floats:
        """Return both bounds of each row, of shape (n, 2)."""
        return self.ends[np.searchsorted(self.edges, said, side="right")]


def _of_numbers(said: Floats, residual: Floats, level: float, needed: int) -> Conformal:
    outside = 1.0 - level
    knots, spread = _spread_of(said, residual)
    # Each row is divided by a size that it had no part in; folds are spread evenly over the predictions.
    fold = np.empty(len(said), dtype=np.int64)
    fold[np.argsort(said, kind="stable")] = np.arange(len(said)) % _FOLDS
    size = np.empty(len(said))
    for number in range(_FOLDS):
        inside = fold == number
        size[inside] = np.interp(said[inside], *_spread_of(said[~inside], residual[~inside]))
    scaled = residual / size
    count = max(1, min(_MOST_BINS, len(said) // max(_ROWS_A_BIN, needed)))
    bounds = _bounds(said, scaled, outside, 1, needed)
    if count > 1 and _bins_are_better(said, scaled, size, fold, outside, count, needed):
        bounds = _bounds(said, scaled, outside, count, needed)
    below, above = bounds.ends.T.tolist()
    return Conformal(
        level=level,
        edges=tuple(bounds.edges.tolist()),
        below=tuple(below),
        above=tuple(above),
        knots=tuple(knots.tolist()),
        spread=tuple(spread.tolist()),
    )


def _spread_of(said: Floats, residual: Floats) -> tuple[Floats, Floats]:
    """Return rising predictions, and how large errors are there: mean errors of neighbours, smoothed by 1-2-1."""
    order = np.argsort(said, kind="stable")
    error = np.abs(residual - np.median(residual))[order]
    parts = np.array_split(np.arange(len(said)), max(1, min(_MOST_KNOTS, len(said) // _ROWS_A_KNOT)))
    knots = np.array([said[order][part].mean() for part in parts])
    means = np.array([np.minimum(error[part], np.quantile(error[part], _FAR)).mean() for part in parts])
    apart = np.append(True, np.diff(knots) > _LEAST_SPREAD * (knots[-1] - knots[0]))
    if not apart.all() or len(knots) < 3:
        # Many equal predictions have no neighbours: one size for all.
        knots, spread = said[order][len(said) // 2 :][:1], np.array([error.mean()])
    else:
        smooth = np.concatenate([means[:1], (means[:-2] + 2.0 * means[1:-1] + means[2:]) / 4.0, means[-1:]])
        ends = said[order][[0, -1]]
        slopes = np.diff(smooth)[[0, -1]] / np.diff(knots)[[0, -1]]
        beyond = smooth[[0, -1]] + slopes * (ends - knots[[0, -1]])
        beyond = np.maximum(beyond, smooth.min() / 2.0)
        knots = np.concatenate([ends[:1], knots, ends[1:]])
        spread = np.concatenate([beyond[:1], smooth, beyond[1:]])
        rising = np.append(True, np.diff(knots) > 0.0)
        knots, spread = knots[rising], spread[rising]
    least = _LEAST_SPREAD * float(error.mean())
    return knots, np.maximum(spread, least if least > 0.0 else 1.0)


def _bounds(said: Floats, scaled: Floats, outside: float, count: int, needed: int) -> _Bounds:
    edges = np.unique(np.quantile(said, np.linspace(0.0, 1.0, count + 1)[1:-1]))
    place = np.searchsorted(edges, said, side="right")
    if len(edges) and np.bincount(place, minlength=len(edges) + 1).min() < needed:
        # Many equal predictions leave a bin too small.
        edges, place = np.empty(0), np.zeros(len(said), dtype=np.int64)
    ends = [_both_sides(scaled[place == number], outside) for number in range(len(edges) + 1)]
    return _Bounds(edges=edges, ends=np.array(ends))


def _bins_are_better(  # noqa: PLR0917 - rows with all that belongs to them
    said: Floats, scaled: Floats, size: Floats, fold: npt.NDArray[np.int64], outside: float, count: int, needed: int
) -> bool:
    """Return whether quantiles by bin make better intervals out of fold, by two standard errors.

    By the interval score: the width, and for a truth outside 2 / ``outside`` times how far (Gneiting and Raftery, 2007,
    "Strictly proper scoring rules").
    """
    gain = np.empty(len(said))
    for number in range(_FOLDS):
        inside = fold == number
        one, several = (
            _bounds(said[~inside], scaled[~inside], outside, bins, needed).around(said[inside]) for bins in (1, count)
        )
        truth = scaled[inside]
        before, after = (
            ends[:, 1]
            - ends[:, 0]
            + 2.0 / outside * (np.maximum(ends[:, 0] - truth, 0.0) + np.maximum(truth - ends[:, 1], 0.0))
            for ends in (one, several)
        )
        gain[inside] = size[inside] * (before - after)
    return float(gain.mean()) > _SURE * float(gain.std()) / math.sqrt(len(gain))


def check_intervals(step: Conformal, outcome: Outcome, judged_on: str, rng: np.random.Generator) -> IntervalCheck:
    """Return how often they hold the truth of these rows, with its interval, and how wide they are."""
    if outcome.task == "regression":
        low, high = interval_of(outcome.scores, step)
        held = (low <= outcome.truth) & (outcome.truth <= high)
        width = float(np.average(high - low, weights=outcome.weight))
    else:
        inside = set_of(outcome.scores, step)
        held = inside[np.arange(outcome.n), outcome.truth.astype(np.int64)]
        width = float(np.average(inside.sum(axis=1), weights=outcome.weight))
    ones = np.ones(outcome.n, dtype=np.int64)
    as_decision = Outcome(
        task="binary",
        truth=ones,
        scores=np.column_stack([1.0 - held, held]).astype(np.float64),
        decision=held.astype(np.int64),
        weight=outcome.weight,
        group=outcome.group,
    )
    coverage = estimate(ACCURACY, as_decision, rng=rng)
    reason = ""
    if coverage.high is not None and coverage.high < step.level:
        reason = (
            f"the {100 * step.level:g} % intervals hold the truth of {100 * held.mean():.0f} % of the {judged_on} rows"
            f" (at most {100 * coverage.high:.0f} %): these rows are not drawn as those were that made the intervals"
        )
    return IntervalCheck(
        level=step.level, coverage=coverage, width=width, judged_on=judged_on, rows=outcome.n, reason=reason
    )


def _both_sides(residual: Floats, outside: float) -> tuple[float, float]:
    """Return the order statistics between which a further residual lies with at least the stated chance."""
    ordered, n = np.sort(residual), len(residual)
    tail = math.floor((n + 1) * outside / 2.0 + 1e-9)
    return float(ordered[tail - 1]), float(ordered[n - tail])


def _least_of_class(outcome: Outcome, code: int, outside: float) -> float:
    given = np.sort(outcome.scores[outcome.truth == code, code])
    tail = math.floor((len(given) + 1) * outside + 1e-9)
    return float(given[tail - 1]) if tail > 0 else 0.0
