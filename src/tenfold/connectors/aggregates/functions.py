"""Functions over runs of rows that stand one behind the other: one number for each run.

The rows of a run are in the order in which they happened, and nothing but them is looked at: a sum has the same last
bits whatever else the source holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tenfold.connectors.aggregates.values import Array, Flags, Places, Values


@dataclass(frozen=True, kw_only=True, eq=False)
class Runs:
    """Present values of one column, run after run.

    Attributes
    ----------
    values : ndarray of shape (n_values,)
        In the order in which they happened, those of one moment in the order in which they became known.
    sizes : ndarray of shape (n_runs,)
        How many values each run has; may be 0.
    places : ndarray of shape (n_values,)
        Of which row of the source each value is.
    ticks : ndarray of shape (n_rows,)
        Equal for neighbouring rows that happened and became known together.
    """

    values: Array
    sizes: Places
    places: Places
    ticks: Places

    @cached_property
    def filled(self) -> Flags:
        """Which runs hold a value."""
        return self.sizes > 0

    @cached_property
    def starts(self) -> Places:
        """Where each run that holds a value begins."""
        return (np.cumsum(self.sizes) - self.sizes)[self.filled]

    @cached_property
    def run(self) -> Places:
        """The number of each value's run."""
        return np.repeat(np.arange(self.sizes.size), self.sizes)

    @cached_property
    def ordered(self) -> Array:
        """The values in ascending order inside each run."""
        return self.values[np.lexsort((self.values, self.run))]

    @cached_property
    def distinct(self) -> tuple[Places, Places]:
        """Where each distinct value of a run begins in ``ordered``, and how often it occurs."""
        fresh = np.ones(self.values.size, dtype=np.bool_)
        fresh[1:] = (self.ordered[1:] != self.ordered[:-1]) | (self.run[1:] != self.run[:-1])
        first = np.flatnonzero(fresh)
        return first, np.diff(np.append(first, self.values.size))

    def spread(self, found: Array, filled: Flags | None = None) -> tuple[Array, Flags]:
        """Return one value for each run, of those for the runs that have one."""
        filled = self.filled if filled is None else filled
        every = np.zeros(self.sizes.size, dtype=found.dtype)
        every[filled] = found
        return every, filled


def _sum(runs: Runs) -> tuple[Array, Flags]:
    return runs.spread(np.add.reduceat(runs.values, runs.starts) if runs.starts.size else runs.values)


def _mean(runs: Runs) -> tuple[Array, Flags]:
    total, filled = _sum(runs)
    return np.divide(total, runs.sizes, out=np.zeros(total.size), where=filled), filled


def _std(runs: Runs) -> tuple[Array, Flags]:
    """Return the sample's standard deviation, from deviations and not from squares, which would cancel."""
    mean, _ = _mean(runs)
    deviations = Runs(
        values=np.square(runs.values - np.repeat(mean, runs.sizes)),
        sizes=runs.sizes,
        places=runs.places,
        ticks=runs.ticks,
    )
    squares, _ = _sum(deviations)
    several = runs.sizes > 1
    return np.sqrt(np.divide(squares, runs.sizes - 1, out=np.zeros(squares.size), where=several)), several


def _min(runs: Runs) -> tuple[Array, Flags]:
    return runs.spread(np.minimum.reduceat(runs.values, runs.starts) if runs.starts.size else runs.values)


def _max(runs: Runs) -> tuple[Array, Flags]:
    return runs.spread(np.maximum.reduceat(runs.values, runs.starts) if runs.starts.size else runs.values)


def _median(runs: Runs) -> tuple[Array, Flags]:
    sizes = runs.sizes[runs.filled]
    low, high = runs.starts + (sizes - 1) // 2, runs.starts + sizes // 2
    # Half of each, as the sum of two large numbers would overflow.
    return runs.spread(runs.ordered[low] / 2 + runs.ordered[high] / 2)


def _last(runs: Runs) -> tuple[Array, Flags]:
    """Return the value that happened last; of one moment the one known last, of those the greatest."""
    ends = runs.starts + runs.sizes[runs.filled] - 1
    return _picked(runs, ends, largest=True)


def _first(runs: Runs) -> tuple[Array, Flags]:
    """Return the value that happened first; of one moment the one known first, of those the smallest."""
    return _picked(runs, runs.starts, largest=False)


def _picked(runs: Runs, places: Places, *, largest: bool) -> tuple[Array, Flags]:
    sizes = runs.sizes[runs.filled]
    ticks = runs.ticks[runs.places]
    tied = ticks == np.repeat(ticks[places], sizes)
    among = Runs(
        values=runs.values[tied],
        sizes=np.bincount(runs.run[tied], minlength=runs.sizes.size),
        places=runs.places[tied],
        ticks=runs.ticks,
    )
    return _max(among) if largest else _min(among)


def _nunique(runs: Runs) -> tuple[Array, Flags]:
    first, _ = runs.distinct
    counted = np.bincount(runs.run[first], minlength=runs.sizes.size)
    return counted.astype(np.float64), np.ones(runs.sizes.size, dtype=np.bool_)


def _most_frequent(runs: Runs) -> tuple[Places, Places]:
    """Return for each run with values where its most frequent one begins, the smallest of several, and how often."""
    first, often = runs.distinct
    order = np.lexsort((first, -often, runs.run[first]))
    owners = runs.run[first][order]
    leading = np.ones(order.size, dtype=np.bool_)
    leading[1:] = owners[1:] != owners[:-1]
    best = order[leading]
    return first[best], often[best]


def _mode(runs: Runs) -> tuple[Array, Flags]:
    places, _ = _most_frequent(runs)
    return runs.spread(runs.ordered[places])


def _share_of_mode(runs: Runs) -> tuple[Array, Flags]:
    _, often = _most_frequent(runs)
    return runs.spread(often / runs.sizes[runs.filled])


def _count(runs: Runs) -> tuple[Array, Flags]:
    return runs.sizes.astype(np.float64), np.ones(runs.sizes.size, dtype=np.bool_)


def share_of(runs: Runs, place: int) -> tuple[Array, Flags]:
    """Return the share of each run's values that are one level."""
    held = (runs.values == place).astype(np.float64)
    return _mean(Runs(values=held, sizes=runs.sizes, places=runs.places, ticks=runs.ticks))


FUNCTIONS: Mapping[str, Callable[[Runs], tuple[Array, Flags]]] = {
    "count": _count,
    "sum": _sum,
    "mean": _mean,
    "min": _min,
    "max": _max,
    "std": _std,
    "median": _median,
    "first": _first,
    "last": _last,
    "nunique": _nunique,
    "mode": _mode,
    "share": _share_of_mode,
}


def apply(function: str, level: str | None, column: Values, runs: Runs) -> tuple[Array, Flags]:
    """Return a function of each run of a column's present values, and for which runs it has a value."""
    if function == "share" and column.kind == "boolean":
        return share_of(runs, 1)
    if function == "share" and level is not None:
        assert column.levels is not None
        place = column.levels.index_of(level)
        # A level that no row of the source has: nobody's share is anything but nothing.
        return share_of(runs, -1 if place is None else place)
    return FUNCTIONS[function](runs)
