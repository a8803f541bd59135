"""Reading one column of a table, or one value of a row, so that both say the same."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import Row

NAN = math.nan
_LARGEST = 1e150
"""Numbers beyond it are read as it: their squares still add up, so that no statistic of a column overflows."""


def numbers(table: pl.DataFrame, column: str) -> Floats:
    """Return a column as float64 of shape (n_rows,); null and infinity become NaN, the largest are cut to 1e150."""
    found = table[column]
    if found.dtype != pl.Float64:
        found = found.cast(pl.Float64)
    # Null becomes NaN here. Each expression of polars costs as much as some hundred numbers.
    values: Floats = found.to_numpy(writable=True)
    values[np.isinf(values)] = NAN
    return np.clip(values, -_LARGEST, _LARGEST, out=values)


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
    """Return columns side by side, of shape (rows, len(columns)), in C order."""
    result = np.empty((rows, len(columns)), dtype=np.float64)
    for position, column in enumerate(columns):
        result[:, position] = column
    return result
