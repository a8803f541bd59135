"""Intervals that hold the truth of a stated share of rows, from out-of-fold predictions.

Vovk, Gammerman and Shafer (2005), "Algorithmic learning in a random world": where the rows to come are drawn as these
were, an interval between order statistics of the residuals holds the truth with at least the stated chance, whatever
the model and the distribution. The model that is served averages those that made the out-of-fold predictions (Barber et
al., 2021, "Predictive inference with the jackknife+"), so that its errors are a little smaller than theirs.
"""

from __future__ import annotations

import math

import numpy as np

from tenfold.bundle.conformal import interval_of, set_of
from tenfold.measures.confusion import ACCURACY
from tenfold.measures.interval import estimate
from tenfold.measures.outcome import Floats, Outcome
from tenfold.records.evaluation import Conformal, IntervalCheck

_ROWS_A_BIN, _MOST_BINS = 250, 10


def fit_intervals(outcome: Outcome, level: float) -> tuple[Conformal | None, str]:
    """Return what makes intervals of numbers, or sets of classes, and an empty string; None and why there is nothing.

    Numbers: residuals are taken by bin of the prediction, so that intervals are wider where the model errs more
    (Boström and Johansson, 2020, "Mondrian conformal regressors"); each side has its own quantile: they may be
    lopsided.
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
    said = outcome.scores[:, 0]
    residual = outcome.truth - said
    count = max(1, min(_MOST_BINS, outcome.n // max(_ROWS_A_BIN, needed)))
    edges = np.unique(np.quantile(said, np.linspace(0.0, 1.0, count + 1)[1:-1]))
    place = np.searchsorted(edges, said, side="right")
    if len(edges) and np.bincount(place, minlength=len(edges) + 1).min() < needed:
        # Many equal predictions leave a bin too small.
        edges, place = np.empty(0), np.zeros(outcome.n, dtype=np.int64)
    bounds = [_both_sides(residual[place == number], outside) for number in range(len(edges) + 1)]
    below, above = zip(*bounds, strict=True)
    return Conformal(level=level, edges=tuple(edges.tolist()), below=below, above=above), ""


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
