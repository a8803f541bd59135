"""Reading one column of a table, or one value of a row, so that both say the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import Row

Result = TypeVar("Result")

NAN = math.nan
_MANY_ROWS = 100_000
_LARGEST = 1e150
"""Numbers beyond it are read as it: their squares still add up, so that no statistic of a column overflows."""

FARTHEST = 1e12
"""Deviations beyond which a value is read as this far, where values of several columns are multiplied and added."""


def numbers(table: pl.DataFrame, column: str) -> Floats:
    """Return a column as float64 of shape (n_rows,); null and infinity become NaN, the largest are cut to 1e150."""
    given = table[column]
    if given.dtype != pl.Float64:
        given = given.cast(pl.Float64)
    values: Floats = given.to_numpy(writable=True)  # null becomes NaN
    low, high = given.min(), given.max()
    if low is None or (isinstance(low, float) and isinstance(high, float) and low >= -_LARGEST and high <= _LARGEST):
        return values
    values[np.isinf(values)] = NAN
    return np.clip(values, -_LARGEST, _LARGEST, out=values)


def present(values: Floats) -> Floats:
    """Return the numbers that are not missing, in an array that may be written to."""
    missing = np.isnan(values)
    return values[~missing] if missing.any() else values


def of_each(function: Callable[[str], Result], columns: Sequence[str], rows: int) -> list[Result]:
    """Return the function of each column, in their order; of many rows on as many threads as polars has."""
    threads = min(pl.thread_pool_size(), len(columns))
    if threads < 2 or rows < _MANY_ROWS:
        return [function(name) for name in columns]
    with ThreadPoolExecutor(max_workers=threads) as pool:
        return list(pool.map(function, columns))


def number(row: Row, column: str) -> float:
    """Return one value as a float; None and infinity become NaN, the largest are cut to 1e150."""
    value = row[column]
    if value is None:
        return NAN
    result = float(value)  # type: ignore[arg-type]  # a canonical row holds numbers and booleans here
    return min(max(result, -_LARGEST), _LARGEST) if math.isfinite(result) else NAN


def texts(table: pl.DataFrame, column: str) -> pl.Series:
    """Return a column of strings; missing is null."""
    return table[column].cast(pl.String)


def stacked(columns: list[Floats], rows: int) -> Floats:
    """Return columns side by side, of shape (rows, len(columns)); each column lies in one piece."""
    result = np.empty((rows, len(columns)), dtype=np.float64, order="F")
    for position, column in enumerate(columns):
        result[:, position] = column
    return result


def center_and_spread(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and deviation of each column's present values; 0 and 1 where a column says nothing."""
    missing = np.isnan(values)
    counts = np.maximum((~missing).sum(axis=0), 1)
    centers = np.where(missing, 0.0, values).sum(axis=0) / counts
    spreads = np.sqrt((np.where(missing, 0.0, values - centers) ** 2).sum(axis=0) / counts)
    spreads[spreads <= np.maximum(1e-12 * np.abs(centers), 1e-150)] = 1.0
    return centers, spreads
