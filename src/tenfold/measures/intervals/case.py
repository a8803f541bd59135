"""What every interval method is given, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tenfold.measures.metric import Metric, Tails
from tenfold.measures.outcome import Floats, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A metric's value on some rows, waiting for its interval.

    Attributes
    ----------
    pull : ndarray of shape (n_units,)
        Influence of each independent unit: a row, or a group of rows that belong together. Mean zero; its variance over
        ``n_units`` is that of the value.
    tail : float
        Chance of error allowed on either side, each bound taken by itself.
    """

    metric: Metric
    outcome: Outcome
    value: float
    pull: Floats
    tail: float
    rng: np.random.Generator

    @property
    def error(self) -> float:
        """The standard error of the value."""
        return standard_error(self.pull)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Both ends of an interval, each good for the tail that was asked.

    ``reason`` says why the interval is only approximate; empty when it holds what it says.
    """

    low: float
    high: float
    method: str
    reason: str = ""


def pull_of_units(influence: Floats, outcome: Outcome) -> Floats:
    """Return the influence of each independent unit: that of the row, or summed over its group."""
    if outcome.group is None:
        return influence
    _, unit = np.unique(outcome.group, return_inverse=True)
    together = np.bincount(unit, weights=influence).astype(np.float64)
    pull: Floats = together * (len(together) / outcome.n)
    return pull


def standard_error(pull: Floats) -> float:
    """Return the standard error of a value from the pulls of its units."""
    units = len(pull)
    return float(np.sqrt((pull**2).sum() / (units * max(units - 1, 1))))


def student(degrees: float, tail: float) -> float:
    """Return the upper quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 1.0 - tail))


def degrees_of_freedom(pull: Floats, tails: Tails) -> float:
    """Return the degrees of freedom of the variance of ``pull``.

    Satterthwaite: a variance estimated from n units of kurtosis k varies as one of 2 n / (k - 1) normal units would.
    ``light`` takes the kurtosis for the normal's, n - 1. ``two-sided`` leaves out of k what goes with skewness (k >= 1
    + skewness squared, for any distribution; Pearson, 1916), which is taken care of by itself.
    """
    units = len(pull)
    squares = pull**2
    variance = float(squares.mean())
    if variance <= 0.0 or tails == "light":
        return float(max(units - 1, 1))
    spread = float((squares**2).mean()) / variance**2 - 1.0
    if tails == "two-sided":
        spread -= float((pull**3).mean()) ** 2 / variance**3
    return float(np.clip(2.0 * units / max(spread, 1e-9), min(3, units - 1), max(units - 1, 1)))


def carried_by_one(pull: Floats) -> str:
    """Return why an interval is doubtful when one unit makes up most of the variance; empty otherwise."""
    squares = pull**2
    total = float(squares.sum())
    if total <= 0.0:
        return "every row pulls alike"
    largest = float(squares.max()) / total
    if largest <= 0.5:
        return ""
    return f"approximate: one row alone makes up {100 * largest:.0f} % of the variance"
