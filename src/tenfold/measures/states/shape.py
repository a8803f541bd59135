"""How the columns of a reference are counted."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tenfold.measures.states.column import BINS, Kind, Shape

Floats = NDArray[np.float64]

MOST_LEVELS = 10_000
"""With more categories than these, what is new is not told from what is rare."""
_ROOM = 0.5
_FEWEST_FOR_RANGE = 30


def shape_of(values: pl.Series, kind: Kind, *, ranged: bool = True) -> Shape:
    """Return how a column is counted, from its values in the reference.

    Numbers fall into at most `BINS` bins of equal share. Their range is the reference's own with half its width of room
    on each side; what was never negative may not become so. ``ranged`` False: the range is not judged.
    """
    name = values.name
    if kind == "datetime":
        return Shape(name=name, kind=kind, tracked=False)
    if kind in ("categorical", "boolean"):
        return _of_words(values.cast(pl.String), kind)
    if kind == "text":
        values, ranged = values.cast(pl.String).str.len_chars(), False
    every = values.cast(pl.Float64).to_numpy()
    numbers = every[np.isfinite(every)]
    low, high = _range(numbers) if ranged and len(numbers) >= _FEWEST_FOR_RANGE else (None, None)
    return Shape(name=name, kind=kind, edges=_edges(numbers), low=low, high=high)


def shape_of_counted(name: str, kind: Kind, values: Floats, counts: NDArray[np.int64], *, ranged: bool = True) -> Shape:
    """Return the same from a column's distinct numbers, ascending, and how often each occurs.

    Of a text the numbers are its lengths, of a time its microseconds.
    """
    if kind == "datetime":
        return Shape(name=name, kind=kind, tracked=False)
    n = int(counts.sum())
    judged = ranged and kind != "text" and n >= _FEWEST_FOR_RANGE
    low, high = _range(values) if judged else (None, None)
    if len(values) <= BINS:
        return Shape(name=name, kind=kind, edges=tuple(float(each) for each in values[1:]), low=low, high=high)
    places = np.ceil(np.arange(1, BINS) / BINS * (n - 1))
    edges = np.unique(values[np.searchsorted(np.cumsum(counts), places, side="right")])
    return Shape(
        name=name, kind=kind, edges=tuple(float(edge) for edge in edges if edge > values[0]), low=low, high=high
    )


def _edges(numbers: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, ...]:
    """Return the inner edges of bins of equal share; of numbers with few values, one bin for each."""
    if not len(numbers):
        return ()
    distinct = np.unique(numbers)
    if len(distinct) <= BINS:
        return tuple(float(each) for each in distinct[1:])
    shares = np.arange(1, BINS) / BINS
    edges = np.unique(np.quantile(numbers, shares, method="higher"))
    # An edge on the smallest number would leave the bin before it empty.
    return tuple(float(edge) for edge in edges if edge > distinct[0])


def _range(numbers: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float]:
    low, high = float(numbers.min()), float(numbers.max())
    room = _ROOM * (high - low)
    return (max(low - room, 0.0) if low >= 0 else low - room), high + room


def _of_words(words: pl.Series, kind: Kind) -> Shape:
    return shape_of_levels(words.name, kind, words.drop_nulls().value_counts(name="rows"))


def shape_of_levels(name: str, kind: Kind, counted: pl.DataFrame) -> Shape:
    """Return the same from the words of a column and how often each occurs (columns ``name`` and ``rows``)."""
    counted = counted.sort(["rows", name], descending=[True, False])
    levels = tuple(counted[name].head(MOST_LEVELS).to_list())
    once = int((counted["rows"] == 1).sum())
    return Shape(
        name=name,
        kind=kind,
        levels=levels,
        closed=counted.height <= MOST_LEVELS,
        novelty=once / max(int(counted["rows"].sum()), 1),
    )
