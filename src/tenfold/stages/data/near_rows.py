"""Rows that are nearly another row: the same words, and numbers that differ by far less than chance brings about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.int64]

MOST_ROWS = 100_000
_FEWEST_ROWS = 50
_FEWEST_FOUND = 5
_CONTINUOUS = 50
_FEWEST_CONTINUOUS = 2
_GRIDS = ((0.5, 4), (0.1, 4))
_CROWDED = 12
_PROBED = 150
_AGAINST = 10_000
_NEARNESS = (0.15, 0.1, 0.05, 0.02, 0.01)
_CHANCE = 0.05
_WIDEST_CHAIN = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NearRows:
    """Pairs of rows that are nearly the same, (smaller, larger), of shape (n_pairs, 2)."""

    pairs: Pairs
    rows: int


NOBODY = NearRows(pairs=np.empty((0, 2), dtype=np.int64), rows=0)


def find_near_rows(
    table: pl.DataFrame, numeric: Sequence[str], others: Sequence[str], rng: np.random.Generator
) -> NearRows:
    """Return the pairs of rows whose words agree and whose numbers nearly do, exact copies left out.

    Candidates share a cell of one of several randomly shifted grids. How near is near is told by the data: the distance
    of ordinary nearest neighbours, and how fast their number falls with distance (Levina and Bickel, 2005, "Maximum
    likelihood estimation of intrinsic dimension"), say how many pairs chance alone puts at each nearness; a nearness
    is taken at which chance explains at most a twentieth of what is found.

    Parameters
    ----------
    numeric, others : sequence of str
        Columns compared by distance, and by equality.
    """
    kept = [name for name in numeric if table[name].drop_nulls().n_unique() > 1]
    continuous = [name for name in kept if table[name].n_unique() >= _CONTINUOUS]
    if not _FEWEST_ROWS <= table.height <= MOST_ROWS or len(continuous) < _FEWEST_CONTINUOUS:
        return NOBODY
    values, holes = _scaled(table.select(kept))
    words = _codes(table, others, holes)
    pairs = _candidates(values, words, rng)
    distance = np.sqrt(((values[pairs[:, 0]] - values[pairs[:, 1]]) ** 2).sum(axis=1))
    pairs, distance = pairs[distance > 0], distance[distance > 0]
    if not len(pairs):
        return NOBODY
    ordinary, dimension = _neighbours(values, words, rng)
    for nearness in _NEARNESS:
        near = pairs[distance <= nearness * ordinary]
        rows = len(np.unique(near))
        by_chance = math.log(2) * len(values) * nearness**dimension
        if rows >= _FEWEST_FOUND and by_chance <= _CHANCE * rows and _longest_chain(near, len(values)):
            return NearRows(pairs=near, rows=rows)
    return NOBODY


def _scaled(table: pl.DataFrame) -> tuple[Floats, npt.NDArray[np.bool_]]:
    raw = np.column_stack([table[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in table.columns])
    holes = ~np.isfinite(raw)
    raw = np.where(holes, np.nan, raw)
    low, middle, high = np.nanquantile(raw, [0.25, 0.5, 0.75], axis=0)
    spread = np.where(high > low, (high - low) / 1.349, np.nanstd(raw, axis=0))
    scaled: Floats = np.where(holes, 0.0, (raw - middle) / np.where(spread > 0, spread, 1.0))
    return scaled, holes


def _codes(table: pl.DataFrame, others: Sequence[str], holes: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return a number for each combination of words and of missing numbers."""
    _, places = np.unique(np.packbits(holes, axis=1), axis=0, return_inverse=True)
    pattern = pl.Series("\0holes", places)
    hashed = pl.DataFrame([pattern, *(table[name] for name in others)]).hash_rows(seed=3)
    return hashed.rank("dense").cast(pl.Int64).to_numpy()


def _candidates(values: Floats, words: npt.NDArray[np.int64], rng: np.random.Generator) -> Pairs:
    found = []
    for width, times in _GRIDS:
        for _ in range(times):
            cells = np.floor(values / width + rng.random(values.shape[1]))
            cell = pl.DataFrame(cells).with_columns(pl.Series("\0words", words)).hash_rows(seed=5).to_numpy()
            order = np.argsort(cell, kind="stable")
            ordered = cell[order]
            for step in range(1, _CROWDED):
                same = ordered[step:] == ordered[:-step]
                if not same.any():
                    break
                found.append(np.column_stack([order[:-step][same], order[step:][same]]))
    if not found:
        return np.empty((0, 2), dtype=np.int64)
    pairs = np.sort(np.concatenate(found), axis=1)
    # Equal cells are a hash's word; equal words are looked at again.
    pairs = pairs[words[pairs[:, 0]] == words[pairs[:, 1]]]
    return np.unique(pairs, axis=0)


def _neighbours(values: Floats, words: npt.NDArray[np.int64], rng: np.random.Generator) -> tuple[float, float]:
    """Return the median distance to the nearest other row of the same words, and the dimension that rows fill."""
    probed = rng.permutation(len(values))[:_PROBED]
    against = rng.permutation(len(values))[:_AGAINST]
    nearest, growth = [], []
    for row in probed:
        mates = against[(words[against] == words[row]) & (against != row)]
        distance = np.sqrt(((values[mates] - values[row]) ** 2).sum(axis=1))
        # Copies, exact or near, must not set the measure: the first few neighbours are passed over for the dimension.
        distance = np.sort(distance[distance > 0])
        nearest.append(float(distance[0]) if len(distance) else math.inf)
        if len(distance) >= 12:
            growth.append(math.log(float(distance[11]) / float(distance[2])))
    median = float(np.median(nearest))
    if not math.isfinite(median):
        known = [each for each in nearest if math.isfinite(each)]
        median = float(np.median(known)) if known else math.sqrt(values.shape[1])
    # In a ball of dimension k, the twelfth neighbour is (12 / 3) ** (1 / k) times as far as the third.
    width = float(values.shape[1])
    dimension = min(math.log(12 / 3) / float(np.median(growth)) if growth and np.median(growth) > 0 else width, width)
    # Among all rows the nearest is nearer than among those that were looked at.
    median *= (len(against) / len(values)) ** (1 / dimension)
    return median, max(dimension - 0.5, 1.0)


def _longest_chain(pairs: Pairs, rows: int) -> bool:
    """Whether no chain of near rows is so long that being near means nothing."""
    joined = join_pairs(pairs, rows)
    return int(np.bincount(joined).max()) <= max(20, _WIDEST_CHAIN * rows)


def join_pairs(pairs: Pairs, rows: int, numbers: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.int64]:
    """Return the same number for rows that pairs, or equal ``numbers``, join."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = pairs
    if numbers is not None:
        links = np.concatenate([pairs, np.column_stack([np.arange(rows), numbers])])
    size = rows if numbers is None else max(rows, int(numbers.max()) + 1)
    graph = coo_matrix((np.ones(len(links), dtype=np.int8), (links[:, 0], links[:, 1])), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    result: npt.NDArray[np.int64] = component[:rows].astype(np.int64)
    return result
