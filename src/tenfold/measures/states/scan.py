"""One pass over a table: every column into its state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tenfold.measures.states.column import BINS, EXAMPLES, MAGNITUDES, SKETCH, ColumnState, Shape, TableState

_HALF = MAGNITUDES // 2
_MASK = 2**64 - 1
Hashes = NDArray[np.uint64]


def scan(table: pl.DataFrame, shapes: Iterable[Shape]) -> TableState:
    """Count the rows of a canonical table; what its columns hold beside the shapes is left alone."""
    columns, absent = {}, []
    for shape in shapes:
        if shape.name in table.columns:
            columns[shape.name] = scan_column(table[shape.name], shape)
        else:
            absent.append(shape.name)
    return TableState(rows=table.height, columns=columns, absent=tuple(sorted(absent)))


def empty(shapes: Iterable[Shape]) -> TableState:
    """Return the state of no rows."""
    columns = {shape.name: ColumnState(counts=(0,) * shape.bins) for shape in shapes}
    return TableState(rows=0, columns=columns)


def scan_column(values: pl.Series, shape: Shape) -> ColumnState:
    """Count one column."""
    if shape.kind in ("categorical", "boolean"):
        return _scan_words(values, shape)
    if shape.kind == "text":
        # A text is counted by its length; its words are not looked at.
        values = values.cast(pl.String).str.len_chars()
    elif shape.kind == "datetime":
        values = values.dt.timestamp("us") if values.dtype.is_temporal() else values
    return _scan_numbers(values, shape)


def _scan_numbers(values: pl.Series, shape: Shape) -> ColumnState:
    every = values.cast(pl.Float64).to_numpy()
    numbers = every[np.isfinite(every)]
    if not len(numbers):
        return ColumnState(n=len(every), missing=len(every), counts=(0,) * shape.bins)
    hashes = hashed(numbers)
    return replace(
        state_of_numbers(numbers, hashes, shape),
        n=len(every),
        missing=len(every) - len(numbers),
        sketch=_smallest(hashes),
    )


def state_of_numbers(
    numbers: NDArray[np.float64], hashes: Hashes, shape: Shape, weights: NDArray[np.int64] | None = None
) -> ColumnState:
    """Return the state of finite numbers, at least one, without a sketch; ``weights`` says how often each occurs."""
    n = len(numbers) if weights is None else int(weights.sum())
    content = hashes if weights is None else hashes * weights.astype(np.uint64)
    return ColumnState(
        n=n,
        counts=_binned(numbers, shape, weights),
        low=float(numbers.min()),
        high=float(numbers.max()),
        below=0 if shape.low is None else _how_many(numbers < shape.low, weights),
        above=0 if shape.high is None else _how_many(numbers > shape.high, weights),
        magnitudes=_magnitudes(numbers, weights) if shape.kind == "numeric" else (),
        content=int(content.sum(dtype=np.uint64)),
    )


def _how_many(chosen: NDArray[np.bool_], weights: NDArray[np.int64] | None) -> int:
    return int(np.count_nonzero(chosen) if weights is None else weights[chosen].sum())


def _binned(numbers: NDArray[np.float64], shape: Shape, weights: NDArray[np.int64] | None = None) -> tuple[int, ...]:
    if not shape.tracked:
        return ()
    # One comparison for each edge is faster than a search while the edges are few.
    reached = [_how_many(numbers >= edge, weights) for edge in shape.edges]
    bounds = [len(numbers) if weights is None else int(weights.sum()), *reached, 0]
    return tuple(upper - lower for upper, lower in pairwise(bounds))


def _magnitudes(numbers: NDArray[np.float64], weights: NDArray[np.int64] | None = None) -> tuple[int, ...]:
    some = numbers != 0
    exponents = np.frexp(numbers[some])[1]
    places = np.clip(exponents + _HALF, 0, MAGNITUDES - 1)
    counted = np.bincount(places, None if weights is None else weights[some], minlength=MAGNITUDES)
    return tuple(int(each) for each in counted.tolist())


def _scan_words(values: pl.Series, shape: Shape) -> ColumnState:
    words = values.cast(pl.String).drop_nulls()
    counted = words.value_counts(name="rows")
    return state_of_words(counted[words.name].to_list(), counted["rows"].to_list(), len(values), shape)


def state_of_words(levels: Sequence[str], rows: Sequence[int], n: int, shape: Shape) -> ColumnState:
    """Return the state of ``n`` values of which ``levels`` occur ``rows`` times, and the others are missing."""
    place = {level: min(number, BINS - 1) for number, level in enumerate(shape.levels)}
    counts = [0] * shape.bins
    new: list[str] = []
    unseen = 0
    for level, times in zip(levels, rows, strict=True):
        found = place.get(level)
        if found is not None:
            counts[found] += times
            continue
        counts[-1] += times
        if shape.closed:
            unseen += times
            new.append(level)
    hashes = np.array([_word_hash(level) for level in levels], dtype=np.uint64)
    weighted = (hashes * np.array(rows, dtype=np.uint64)).sum(dtype=np.uint64) if levels else 0
    return ColumnState(
        n=n,
        missing=n - sum(rows),
        counts=tuple(counts),
        unseen=unseen,
        examples=tuple(sorted(new)[:EXAMPLES]),
        content=int(weighted) & _MASK,
        sketch=tuple(int(each) for each in np.sort(hashes)[:SKETCH]),
    )


def _word_hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def hashed(numbers: NDArray[np.float64]) -> Hashes:
    """Return a hash of each number: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014) over its bits."""
    bits: Hashes = (numbers + 0.0).view(np.uint64)  # adding zero makes one zero of the two
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = bits ^ (bits >> np.uint64(31))
    return mixed


def _smallest(hashes: Hashes) -> tuple[int, ...]:
    """Return the `SKETCH` smallest distinct hashes, ascending."""
    share = 8.0 * SKETCH / len(hashes)
    if share < 1.0:
        # Hashes are spread evenly: where values are mostly distinct, the smallest lie below this bound.
        few = np.unique(hashes[hashes < np.uint64(share * 2.0**64)])
        if len(few) >= SKETCH:
            return tuple(few[:SKETCH].tolist())
    distinct = pl.Series(hashes).unique().sort()
    return tuple(distinct.head(SKETCH).to_list())
