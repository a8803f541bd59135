"""Finding what lies before a row: times and entities as numbers that two tables share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Integers = npt.NDArray[np.int64]
MICROSECONDS = 1_000_000


def instants(times: pl.Series) -> npt.NDArray[Any]:
    """Return times as numbers in order: microseconds of dates, other numbers as they are; 0 where there is none."""
    numbers = times.dt.epoch("us") if isinstance(times.dtype, pl.Datetime) else times
    return numbers.fill_null(0).to_numpy()


def entity_numbers(column: str | None, history: pl.DataFrame, rows: pl.DataFrame) -> tuple[Integers, Integers]:
    """Return a number for each entity, the same in both tables; -1 for none. No column: all rows are one history."""
    if column is None:
        return np.zeros(history.height, dtype=np.int64), np.zeros(rows.height, dtype=np.int64)
    both = pl.concat([history[column], rows[column]])
    numbers = both.rank("dense").cast(pl.Int64).fill_null(-1).to_numpy()
    return numbers[: history.height], numbers[history.height :]
