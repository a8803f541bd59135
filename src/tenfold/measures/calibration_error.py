"""How far probabilities lie from the shares that happened, without what chance adds to it.

In each bin the gap between the mean probability said and the share that happened has an error of its own, so that even
true probabilities show gaps, the more the fewer rows there are (Roelofs et al., 2022, "Mitigating bias in calibration
error estimation"). From the size of each gap is taken what chance adds to it: all of it where the gap is no larger than
its error, nothing where it is many times as large. Between the two the estimate is a little too low. No interval for it
is known to hold, so none is claimed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.measures.metric import Metric, Shown
from tenfold.measures.outcome import Floats, Outcome

MOST_BINS = 15
_ROWS_A_BIN = 20
# Chosen so that the expectation over a gap of pure chance is exactly taken off: E|Z| = sqrt(2 / pi) = A / sqrt(1 + 2).
_CHANCE = math.sqrt(2.0 / math.pi) * math.sqrt(3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Rows with neighbouring probabilities: what was said, what happened, and how many rows of which mass."""

    said: float
    happened: float
    rows: int
    mass: float
    error: float


def said_and_happened(outcome: Outcome) -> tuple[Floats, NDArray[np.bool_]]:
    """Return a probability for each row, and whether it came true: of the positive class, else of the likeliest."""
    if outcome.classes == 2:
        return outcome.scores[:, 1], outcome.truth == 1
    return outcome.scores.max(axis=1), outcome.scores.argmax(axis=1) == outcome.truth


def calibration_bins(outcome: Outcome, most: int = MOST_BINS) -> tuple[Bin, ...]:
    """Return bins of about equal numbers of rows, at most ``most``; rows with equal probabilities stay together."""
    said, happened = said_and_happened(outcome)
    mass = np.ones(outcome.n) if outcome.weight is None else outcome.weight
    _, place = np.unique(said, return_inverse=True)
    rows = np.bincount(place)
    count = max(1, min(most, outcome.n // _ROWS_A_BIN))
    # A value goes into the bin in which the middle one of its rows would lie.
    middle = np.cumsum(rows) - rows / 2.0
    bin_of_value = np.minimum((middle * count / outcome.n).astype(np.int64), count - 1)
    index = bin_of_value[place]
    bins = []
    for number in np.unique(index):
        inside = index == number
        weight = mass[inside]
        total = float(weight.sum())
        if total <= 0.0:
            continue
        mean = float(np.average(said[inside], weights=weight))
        share = float(np.average(happened[inside], weights=weight))
        gaps = happened[inside] - said[inside] - (share - mean)
        error = math.sqrt(float((weight**2 * gaps**2).sum())) / total
        bins.append(Bin(said=mean, happened=share, rows=int(inside.sum()), mass=total, error=error))
    return tuple(bins)


def expected_calibration_error(outcome: Outcome) -> float:
    """Return the mean gap over rows, less what chance adds to it; never below 0."""
    bins = calibration_bins(outcome)
    total = sum(each.mass for each in bins)
    return max(0.0, sum(each.mass * _gap(each) for each in bins) / total)


def _gap(one: Bin) -> float:
    gap = abs(one.happened - one.said)
    if one.error <= 0.0:
        return gap
    return gap - _CHANCE * one.error * math.exp(-((gap / one.error) ** 2))


ECE = Metric(name="ece", form=Shown(of=expected_calibration_error), needs=("scores",), interval="none", scale="logit")
