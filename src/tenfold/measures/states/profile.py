"""What a person wants to know of one column: counts, spread, shape and most frequent values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

BINS = 20
TOP = 10
QUARTILES = (0.25, 0.5, 0.75)
_LONGEST_SHOWN = 100
_FEW_DISTINCT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """The statistics of one column over all rows.

    Attributes
    ----------
    histogram : tuple of (float, int)
        Left edge and count of bins of equal width from ``low`` to ``high``.
    top : tuple of (str, int)
        The most frequent values; of numbers only where they are few.
    first, last : str or None
        The ends of a column of times, ISO 8601 in UTC.
    estimated : bool
        ``distinct``, ``quartiles`` and ``histogram`` come from a sketch and a sample; all else is counted.
    """

    missing: int
    distinct: int
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    deviation: float | None = None
    quartiles: tuple[float, ...] = ()
    histogram: tuple[tuple[float, int], ...] = ()
    top: tuple[tuple[str, int], ...] = ()
    first: str | None = None
    last: str | None = None
    estimated: bool = False


def profile_of_counted(values: Floats, counts: Counts, *, missing: int) -> ColumnProfile:
    """Return the profile of numbers given as distinct values, ascending, with how often each occurs."""
    if not len(values):
        return ColumnProfile(missing=missing, distinct=0)
    mean, deviation = _moments(values, counts)
    frequent = np.lexsort((values, -counts))[: TOP if len(values) <= _FEW_DISTINCT else 0]
    return ColumnProfile(
        missing=missing,
        distinct=len(values),
        low=float(values[0]),
        high=float(values[-1]),
        mean=finite(mean),
        deviation=finite(deviation),
        quartiles=_quartiles(values, counts),
        histogram=histogram(values, counts, low=float(values[0]), high=float(values[-1])),
        top=tuple((shown(float(values[place])), int(counts[place])) for place in frequent),
    )


def _moments(values: Floats, counts: Counts) -> tuple[float, float | None]:
    n = int(counts.sum())
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float((values * counts).sum() / n)
        if n < 2:
            return mean, None
        return mean, float(np.sqrt((counts * (values - mean) ** 2).sum() / (n - 1)))


def _quartiles(values: Floats, counts: Counts) -> tuple[float, ...]:
    reached = np.cumsum(counts)
    last = int(reached[-1]) - 1
    found = []
    for share in QUARTILES:
        place = share * last
        below, above = np.searchsorted(reached, (np.floor(place), np.ceil(place)), side="right")
        found.append(float(values[below] + (place - np.floor(place)) * (values[above] - values[below])))
    return tuple(found)


def histogram(values: Floats, counts: Counts | None, *, low: float, high: float) -> tuple[tuple[float, int], ...]:
    """Return the counts of `BINS` bins of equal width from ``low`` to ``high``; one bin where they have no width."""
    if low == high or not np.isfinite(high - low):
        return ((low, len(values) if counts is None else int(counts.sum())),)
    found, edges = np.histogram(values, bins=BINS, range=(low, high), weights=counts)
    return tuple((float(edge), int(count)) for edge, count in zip(edges[:-1], found, strict=True))


def scaled_to(bins: Sequence[tuple[float, int]], total: int) -> tuple[tuple[float, int], ...]:
    """Return a sample's histogram as that of ``total`` values; the counts add up to it."""
    seen = sum(count for _, count in bins)
    if not seen:
        return ()
    reached = np.cumsum([0, *(count for _, count in bins)])
    upto = [round(total * int(each) / seen) for each in reached]
    return tuple((edge, after - before) for (edge, _), (before, after) in zip(bins, pairwise(upto), strict=True))


def shown(value: object) -> str:
    """Return a value as a person reads it; long text is cut."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    text = str(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


def finite(value: float | None) -> float | None:
    """Return a number, None in place of what is not finite."""
    return value if value is not None and np.isfinite(value) else None
