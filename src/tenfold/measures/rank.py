"""Metrics of the order of scores: area under the ROC curve, average precision; both with ties and weights.

Several classes: the mean over the classes that occur, each against the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.measures.metric import Metric, Ranks
from tenfold.measures.outcome import Floats, Outcome

Positive = NDArray[np.bool_]


def roc_auc(positive: Positive, score: Floats, weight: Floats | None = None) -> float:
    """Return the chance that a positive row scores above a negative one, ties counted half.

    Parameters
    ----------
    positive : ndarray of bool, shape (n,)
        Both kinds must occur.
    score : ndarray of shape (n,)
        Any monotone score.
    """
    if weight is not None:
        above, _ = _placements(positive, score, weight)
        return float(np.average(above, weights=weight[positive]))
    high, low = np.sort(score[positive]), np.sort(score[~positive])
    # Looking up the smaller side in the larger is the cheaper way round; both sides sorted keeps the lookups in cache.
    if len(high) <= len(low):
        wins = np.searchsorted(low, high, "left").sum() + np.searchsorted(low, high, "right").sum()
    else:
        losses = np.searchsorted(high, low, "left").sum() + np.searchsorted(high, low, "right").sum()
        wins = 2 * len(high) * len(low) - losses
    return float(wins) / (2.0 * len(high) * len(low))


def roc_auc_influence(positive: Positive, score: Floats, weight: Floats | None = None) -> Floats:
    """Return the influence of each row on the AUC, shape (n,): DeLong's structural components.

    DeLong, DeLong and Clarke-Pearson (1988). Each class's part is scaled as if its mean were known, so that the plain
    variance of the influences is DeLong's unbiased one.
    """
    mass = np.ones(len(score)) if weight is None else weight
    above, below = _placements(positive, score, mass)
    value = np.average(above, weights=mass[positive])
    share = mass[positive].sum() / mass.sum()
    influence = np.empty(len(score))
    influence[positive] = _unshrunk(above - value) / share
    influence[~positive] = _unshrunk(below - value) / (1.0 - share)
    if weight is not None:
        influence = influence * (weight / weight.mean())
    return influence


def _unshrunk(deviation: Floats) -> Floats:
    unshrunk: Floats = deviation * np.sqrt(len(deviation) / max(len(deviation) - 1, 1))
    return unshrunk


def _placements(positive: Positive, score: Floats, mass: Floats) -> tuple[Floats, Floats]:
    """Return for each positive the share of negatives below it, and for each negative the share of positives above."""
    high, low = score[positive], score[~positive]
    return _share_below(high, low, mass[~positive]), 1.0 - _share_below(low, high, mass[positive])


def _share_below(queries: Floats, others: Floats, mass: Floats) -> Floats:
    order = np.argsort(others)
    ordered = others[order]
    below = np.concatenate([[0.0], np.cumsum(mass[order])])
    turn = np.argsort(queries)
    asked = queries[turn]
    share: Floats = np.empty(len(queries))
    share[turn] = below[np.searchsorted(ordered, asked, "left")] + below[np.searchsorted(ordered, asked, "right")]
    share /= 2.0 * below[-1]
    return share


def average_precision(positive: Positive, score: Floats, weight: Floats | None = None) -> float:
    """Return the mean, over positive rows, of the precision among rows that score at least as high."""
    steps = _thresholds(positive, score, weight)
    return float((steps.precision * steps.positive).sum() / steps.positive.sum())


def average_precision_influence(positive: Positive, score: Floats, weight: Floats | None = None) -> Floats:
    """Return the influence of each row on the average precision, shape (n,).

    With A(t) the share of rows scoring at least t and P(t) the precision among them, the numerator of the average
    precision is E[y P(s)]. Moving mass to a row (s0, y0) adds y0 P(s0) and changes P at every t <= s0 by
    (y0 - P(t)) / A(t).
    """
    steps = _thresholds(positive, score, weight)
    total = steps.above[-1]
    prevalence = steps.positive.sum() / total
    value = (steps.precision * steps.positive).sum() / steps.positive.sum()
    density = steps.positive / steps.above  # E[y ...; s = t] / A(t), the totals cancel
    at_or_below = np.cumsum(density[::-1])[::-1]
    weighted = np.cumsum((density * steps.precision)[::-1])[::-1]
    y = positive.astype(np.float64)
    of_row = y * (steps.precision + at_or_below)[steps.index] - weighted[steps.index]
    influence: Floats = (of_row - value * y) / prevalence
    influence = influence - np.average(influence, weights=weight)
    if weight is not None:
        influence = influence * (weight / weight.mean())
    return influence


@dataclass(frozen=True, slots=True, kw_only=True)
class _Thresholds:
    """Masses at each distinct score, highest first; ``index`` says at which each row stands."""

    positive: Floats
    above: Floats
    precision: Floats
    index: NDArray[np.int64]


def _thresholds(positive: Positive, score: Floats, weight: Floats | None) -> _Thresholds:
    order = np.argsort(-score)
    ordered = score[order]
    starts = np.concatenate([[0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1])
    mass = np.ones(len(score)) if weight is None else weight[order]
    at_score = np.add.reduceat(positive[order] * mass, starts)
    above = np.cumsum(np.add.reduceat(mass, starts))
    begins = np.zeros(len(score), dtype=np.int64)
    begins[starts[1:]] = 1
    index = np.empty(len(score), dtype=np.int64)
    index[order] = np.cumsum(begins)
    return _Thresholds(positive=at_score, above=above, precision=np.cumsum(at_score) / above, index=index)


def _positives(outcome: Outcome) -> list[tuple[Positive, Floats]]:
    """Return (is it this class, its score) for each class whose curve counts."""
    if outcome.task == "binary":
        return [(outcome.truth == 1, outcome.scores[:, -1])]
    present = np.flatnonzero(np.bincount(outcome.truth.astype(np.int64), minlength=outcome.classes))
    return [(outcome.truth == code, outcome.scores[:, code]) for code in present]


def _mean_value(of: Callable[[Positive, Floats, Floats | None], float]) -> Callable[[Outcome], float]:
    def value(outcome: Outcome) -> float:
        return float(np.mean([of(positive, score, outcome.weight) for positive, score in _positives(outcome)]))

    return value


def _mean_influence(of: Callable[[Positive, Floats, Floats | None], Floats]) -> Callable[[Outcome], Floats]:
    def influence(outcome: Outcome) -> Floats:
        curves = _positives(outcome)
        total = np.zeros(outcome.n)
        for positive, score in curves:
            total += of(positive, score, outcome.weight)
        return total / len(curves)

    return influence


def _single_class(outcome: Outcome) -> str:
    if len(outcome.truth) and (outcome.truth == outcome.truth[0]).all():
        return "only one class occurs among these rows"
    return ""


ROC_AUC = Metric(
    name="roc_auc",
    form=Ranks(of=_mean_value(roc_auc), linearised=_mean_influence(roc_auc_influence)),
    needs=("scores",),
    interval="curve",
    scale="logit",
    undefined=_single_class,
)
PR_AUC = Metric(
    name="pr_auc",
    form=Ranks(of=_mean_value(average_precision), linearised=_mean_influence(average_precision_influence)),
    needs=("scores",),
    interval="linearised",
    scale="logit",
    undefined=_single_class,
)
