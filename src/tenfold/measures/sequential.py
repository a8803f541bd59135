"""A sequential test for change of a column's histogram, with a promise that holds however long one looks.

For every window at which a change may have begun, the counts since then are held against the reference together with
the windows before: the ratio of a Dirichlet mixture around what was known to the prediction from it. Under no change
that ratio is, from its window on, a martingale with mean one. The sum over all beginnings is the Shiryaev-Roberts
e-detector (Shin, Ramdas and Rinaldo, 2023): the mean time to its reaching N without a change is N windows or more. The
mean of such detectors over columns is one again, whatever the dependence between the columns, so one threshold serves
all together.

What repeats is no change: where the reference shows that shares differ by weekday, each weekday is held against its
own.

The reference is a sample too. It enters as counts, not as known shares: where it is small, less is evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONCENTRATIONS = (20.0, 60.0, 200.0, 600.0, 2000.0, 6000.0)
"""How near to the known shares those after a change are taken to be; each counts alike."""
PRIOR = 0.5
"""Put on each bin beside what was counted (Jeffreys)."""
MOST_STARTS = 64
"""So many beginnings are kept at most; older ones are thinned, which only takes from the sum."""
_ALL_KEPT = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """The memory of one column.

    Attributes
    ----------
    starts : tuple of int
        Windows (counted from 0) at which a change may have begun.
    before : tuple of tuple of float
        For each of them, the counts of all windows before it, by phase and bin, one phase after the other.
    total : tuple of float
        Counts of all windows, likewise.
    windows : int
        How many windows were taken in since the last reset.
    """

    starts: tuple[int, ...] = ()
    before: tuple[tuple[float, ...], ...] = ()
    total: tuple[float, ...] = ()
    windows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one column says after a window.

    Attributes
    ----------
    evidence : float
        Natural logarithm of the e-detector.
    windows : int
        How many windows back, this one included, the change most likely began.
    distance : float
        Total variation between the shares since then and those known before, 0 to 1.
    before, since : ndarray of shape (bins,)
        These shares.
    """

    evidence: float
    windows: int
    distance: float
    before: Floats
    since: Floats


def take_in(detector: Detector, reference: Floats, counts: Floats, *, spread: float = 1.0) -> tuple[Detector, Reading]:
    """Take in one window.

    Parameters
    ----------
    reference, counts : ndarray of shape (phases, bins)
        Counts of the reference and of the window. A window has counts in one phase, such as its weekday, and is held
        against that phase alone.
    spread : float
        By how much more than chance the shares of one phase vary between windows without any change, at least 1: rows
        count for that much less.
    """
    weight = 1.0 / max(spread, 1.0)
    shape = reference.shape
    total = np.asarray(detector.total).reshape(shape) if detector.total else np.zeros(shape)
    starts = np.array([*detector.starts, detector.windows])
    before = np.array([*detector.before, total.ravel()]).reshape(len(starts), *shape)
    total = total + weight * counts
    known = PRIOR + weight * reference + before
    ratios = log_ratio(known, total - before)
    kept = _kept(starts, detector.windows)
    best = int(np.argmax(ratios))
    since = total - before[best]
    # What would be expected of rows with the same phases.
    expected = (known[best] / known[best].sum(axis=1, keepdims=True) * since.sum(axis=1, keepdims=True)).sum(axis=0)
    rows = max(float(since.sum()), 1e-300)
    reading = Reading(
        evidence=float(np.logaddexp.reduce(ratios)),
        windows=int(detector.windows - starts[best] + 1),
        distance=float(0.5 * np.abs(expected - since.sum(axis=0)).sum() / rows),
        before=expected / rows,
        since=since.sum(axis=0) / rows,
    )
    after = Detector(
        starts=tuple(starts[kept].tolist()),
        before=tuple(map(tuple, before[kept].reshape(int(kept.sum()), -1).tolist())),
        total=tuple(total.ravel().tolist()),
        windows=detector.windows + 1,
    )
    return after, reading


def log_ratio(known: Floats, counts: Floats) -> Floats:
    """Return the logarithm of the evidence, of shape (m,), that counts do not come from where the known ones do.

    Parameters
    ----------
    known, counts : ndarray of shape (m, phases, bins)
        Counts before, with the prior, and counts since.
    """
    size = known.sum(axis=-1, keepdims=True)
    expected = _log_predicted(known, counts)
    share = known / size
    changed = np.stack([_log_predicted(np.minimum(each, size) * share, counts) for each in CONCENTRATIONS])
    ratio: Floats = np.logaddexp.reduce(changed, axis=0) - np.log(len(CONCENTRATIONS)) - expected
    return ratio


def mean_evidence(evidence: Floats) -> float:
    """Return the logarithm of the mean of e-detectors, given their logarithms: an e-detector of all columns."""
    return float(np.logaddexp.reduce(evidence) - np.log(len(evidence))) if len(evidence) else -math.inf


def spread_of(parts: Floats) -> float:
    """Return by how much more than chance the shares of parts of one sample vary, at least 1.

    Neighbours may be alike, as the two days of a weekend are, and a test that adds windows up adds that up too. So runs
    of 1, 2, 4 and 8 neighbours are looked at, as far as there are eight of them side by side, and the largest counts.

    Parameters
    ----------
    parts : ndarray of shape (n_parts, bins)
        Counts of each part, in the order of time; the statistic is chi-squared over its degrees of freedom
        (overdispersion; McCullagh and Nelder, 1989).
    """
    parts = parts[parts.sum(axis=1) > 0]
    parts = parts[:, parts.sum(axis=0) > 0]
    if len(parts) < 2 or parts.shape[1] < 2:
        return 1.0
    lengths = [length for length in _RUNS if length == 1 or len(parts) >= _SIDE_BY_SIDE * length]
    return max([1.0, *(_overdispersion(parts, length) for length in lengths)])


_RUNS = (1, 2, 4, 8)
_SIDE_BY_SIDE = 8


def _overdispersion(parts: Floats, length: int) -> float:
    sums = np.cumsum(np.vstack([np.zeros(parts.shape[1]), parts]), axis=0)
    runs = sums[length:] - sums[:-length]
    expected = runs.sum(axis=1, keepdims=True) * parts.sum(axis=0) / parts.sum()
    statistic = float(((runs - expected) ** 2 / expected).sum(axis=1).mean())
    # Of n parts that add up to what is expected, a run of m varies by the share 1 - m/n of what it would alone.
    freedom = (parts.shape[1] - 1) * (1.0 - length / len(parts))
    return float(statistic / freedom)


def _log_predicted(concentration: Floats, counts: Floats) -> Floats:
    """Return the logarithm of the chance of counts in one order: Dirichlet-multinomial, phase by phase, shape (m,)."""
    from scipy.special import gammaln

    whole = concentration.sum(axis=-1)
    rows = counts.sum(axis=-1)
    parts = gammaln(concentration + counts) - gammaln(concentration)
    chance: Floats = (gammaln(whole) - gammaln(whole + rows) + parts.sum(axis=-1)).sum(axis=-1)
    return chance


def _kept(starts: NDArray[np.int64], now: int) -> NDArray[np.bool_]:
    """Return which beginnings are kept: all of late, of the older ones those on a grid that widens with age."""
    if len(starts) <= MOST_STARTS:
        return np.ones(len(starts), dtype=bool)
    age = now - starts
    step = 2 ** np.maximum(np.ceil(np.log2(np.maximum(age, 1) / _ALL_KEPT)), 0).astype(np.int64)
    grid: NDArray[np.bool_] = (starts % step == 0) | (starts == 0)
    return grid
