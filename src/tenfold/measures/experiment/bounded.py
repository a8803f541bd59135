"""Bounds on the mean of bounded values that hold at every look together, for every number of rows.

Against each mean m that might be the true one, stakes are laid on ``product of (1 + b w_i (z_i - m))`` over many sizes
b fixed beforehand; w_i is a weight that is known before z_i is. Under the mean m this is a martingale with mean one,
whatever the distribution, as long as no factor can be negative (Waudby-Smith and Ramdas, 2024: "Estimating means of
bounded random variables by betting"; stakes spread over fixed sizes as in Robbins, 1970). A mean is excluded once its
stakes have reached 1 / tail. Ville's inequality bounds the chance that the true mean is ever excluded by the tail:
exactly, not in the limit.

The product does not ask in which order the rows came, so the same rows give the same bounds in any order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from tenfold.measures.experiment.mixture import bets
from tenfold.measures.outcome import Floats

_MOST_ATOMS = 16_384
_STAKED = 0.9
_CLOSE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Values, equal ones counted together.

    Attributes
    ----------
    atoms, weights, counts : ndarray of shape (m,)
        Values, what each counts (more where it scatters less), and how often it came.
    low, high : float
        Between which the mean must lie, known beforehand.
    loss_below, loss_above : float
        The most that ``w (m - z)``, and ``w (z - m)``, can ever come to, known beforehand.
    deviation : float
        What the standard deviation of ``w z`` is taken to be beforehand; a wrong one costs width alone.
    """

    atoms: Floats
    weights: Floats
    counts: Floats
    low: float
    high: float
    loss_below: float
    loss_above: float
    deviation: float

    @property
    def n(self) -> int:
        """Number of values."""
        return round(float(self.counts.sum()))

    @property
    def mean(self) -> float:
        """Their weighted mean."""
        mass = self.weights * self.counts
        return float(self.atoms @ mass / mass.sum())

    def turned(self) -> Sample:
        """Return minus the values."""
        return replace(
            self,
            atoms=-self.atoms,
            low=-self.high,
            high=-self.low,
            loss_below=self.loss_above,
            loss_above=self.loss_below,
        )


def counted(values: Floats, weights: Floats | None = None) -> tuple[Floats, Floats, Floats]:
    """Return distinct values with their weights and counts, in one order whatever the order of the rows."""
    if weights is None:
        weights = np.ones(len(values))
    parts: list[tuple[Floats, Floats, Floats]] = []
    for weight in np.unique(weights):
        atoms, counts = np.unique(values[weights == weight], return_counts=True)
        parts.append((atoms, np.full(len(atoms), weight), counts.astype(np.float64)))
    if not parts:
        return np.empty(0), np.empty(0), np.empty(0)
    return _joined(parts)


def bounds(sample: Sample, *, horizon: float, tail: float) -> tuple[float, float]:
    """Return the least and the greatest mean that is not excluded, each bound failing with a chance of at most tail."""
    above = lower_bound(sample, horizon=horizon, tail=tail)
    return above, -lower_bound(sample.turned(), horizon=horizon, tail=tail)


def lower_bound(sample: Sample, *, horizon: float, tail: float) -> float:
    """Return the least mean that is not excluded from below."""
    coarse = _rounded_down(sample)
    needed = -math.log(tail)
    sizes, stakes = bets(_STAKED / sample.loss_below, sample.deviation, horizon=horizon, tail=tail)

    def over(mean: float) -> float:
        return _log_won(coarse, mean, sizes, stakes) - needed

    low, high = sample.low, min(max(coarse.mean, sample.low), sample.high)
    above, below = over(low), over(high)
    if above < 0.0:
        return low
    # The stakes fall as the mean rises; at the mean of the rows they are at most one. Regula falsi, Illinois rule.
    close, kept = _CLOSE * (sample.high - sample.low), 0
    while high - low > close:
        middle = (low * below - high * above) / (below - above)
        if not low + 0.25 * close < middle < high - 0.25 * close:
            middle = 0.5 * (low + high)
        found = over(middle)
        if found >= 0.0:
            low, above = middle, found
            below = below / 2.0 if kept == 1 else below
            kept = 1
        else:
            high, below = middle, found
            above = above / 2.0 if kept == -1 else above
            kept = -1
    return low


def log_evidence(sample: Sample, mean: float, *, horizon: float, tail: float) -> float:
    """Return the logarithm of what stakes against "the mean is at most this" have come to.

    A supermartingale with mean one at most while that is true, also where the mean moves below it.
    """
    sizes, stakes = bets(_STAKED / sample.loss_below, sample.deviation, horizon=horizon, tail=tail)
    return _log_won(sample, mean, sizes, stakes)


def _log_won(sample: Sample, mean: float, sizes: Floats, stakes: Floats) -> float:
    won = np.log1p(np.multiply.outer(sample.weights * (sample.atoms - mean), sizes))
    return float(np.logaddexp.reduce(stakes + sample.counts @ won))


def _rounded_down(sample: Sample) -> Sample:
    """Return many different values on a grid, each moved down, which only takes from the stakes."""
    if len(sample.atoms) <= _MOST_ATOMS:
        return sample
    step = (float(sample.atoms.max()) - float(sample.atoms.min())) / _MOST_ATOMS
    moved = np.floor(sample.atoms / step) * step
    parts: list[tuple[Floats, Floats, Floats]] = []
    for weight in np.unique(sample.weights):
        own = sample.weights == weight
        atoms, place = np.unique(moved[own], return_inverse=True)
        parts.append(
            (atoms, np.full(len(atoms), weight), np.bincount(place, weights=sample.counts[own]).astype(np.float64))
        )
    atoms, weights, counts = _joined(parts)
    return replace(sample, atoms=atoms, weights=weights, counts=counts)


def _joined(parts: list[tuple[Floats, Floats, Floats]]) -> tuple[Floats, Floats, Floats]:
    atoms, weights, counts = zip(*parts, strict=True)
    return np.concatenate(atoms), np.concatenate(weights), np.concatenate(counts)
