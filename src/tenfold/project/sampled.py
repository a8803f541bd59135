"""A table that is larger than memory, made small enough to learn from: the newest rows, or rows drawn evenly."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.foundation.errors import DataError, did_you_mean

Rows: TypeAlias = Literal["auto", "all"] | int
"""How many rows a run works on: as many as fit into memory, all, or a number."""

CELL_BYTES = 160
"""What a run holds for each value at its widest: the table, its features in two views, a learner's copy of a fold."""
_SHARE_OF_MEMORY = 0.5
_FEWEST_ROWS = 100_000
_MOST_CELLS = 30_000_000
"""Of more values the preparation alone takes minutes, and no usual budget leaves time to learn."""
_CHUNK_ROWS = 131_072


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """A sample of a table, and why it was drawn.

    Attributes
    ----------
    path, whole : Path
        The sampled rows in the order of the table, and the table.
    rows, of : int
        How many each has.
    """

    path: Path
    whole: Path
    rows: int
    of: int
    reason: str


def fitting_rows(columns: int, memory_bytes: int | None = None) -> int:
    """Return how many rows of so many columns a run can hold in half of the machine's memory, and prepare in time."""
    memory = machine_memory() if memory_bytes is None else memory_bytes
    cells = min(int(_SHARE_OF_MEMORY * memory / CELL_BYTES), _MOST_CELLS)
    return max(_FEWEST_ROWS, cells // max(columns, 1))


def machine_memory() -> int:
    """Return the bytes of memory that this machine has, or that its container may use."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    written = limit.read_text().strip() if limit.exists() else "max"
    return min(memory, int(written)) if written.isdigit() else memory


def sample_of(whole: Path, rows: Rows, *, time: str | None, seed: int, into: Path) -> Sampled | None:
    """Write the sample of a table that a run works on; None where it works on all rows.

    With a time the newest rows are taken: the model is for rows that come after them. Else rows are drawn evenly.

    Parameters
    ----------
    whole : Path
        A canonical table as Parquet; it is read in stretches.
    time : str or None
        The column of the moment of prediction.
    into : Path
        Where the sample is written.

    Raises
    ------
    DataError
        When there is no such column of time.
    """
    lazy = pl.scan_parquet(whole)
    names = lazy.collect_schema().names()
    height = int(lazy.select(pl.len()).collect().item())
    most = height if rows == "all" else fitting_rows(len(names)) if rows == "auto" else rows
    if height <= most:
        return None
    if time is not None and time not in names:
        raise DataError(f"the time '{time}' is not a column.{did_you_mean(time, names)}")
    chosen = _drawn(height, most, seed) if time is None else _newest(lazy, time, most)
    _write(lazy, chosen, height, into)
    why = "as many as memory holds and minutes can prepare" if rows == "auto" else "as `data: {rows: …}` says"
    which = "drawn evenly" if time is None else f"the newest by '{time}'"
    return Sampled(path=into, whole=whole, rows=len(chosen), of=height, reason=f"{which}, {why}")


def _drawn(height: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    return np.sort(np.random.default_rng(seed).choice(height, most, replace=False)).astype(np.int64)


def _newest(lazy: pl.LazyFrame, time: str, most: int) -> npt.NDArray[np.int64]:
    """Return the places of the newest rows, ascending; of rows of one moment the last ones, missing times first out."""
    moment = pl.col(time).to_physical().cast(pl.Float64).fill_nan(None).fill_null(-math.inf)
    moments = lazy.select(moment).collect(engine="streaming")[time].to_numpy()
    return np.sort(np.argsort(moments, kind="stable")[-most:])


def _write(lazy: pl.LazyFrame, chosen: npt.NDArray[np.int64], height: int, into: Path) -> None:
    from pyarrow import parquet

    into.parent.mkdir(parents=True, exist_ok=True)
    writer = None
    for start in range(0, height, _CHUNK_ROWS):
        first, last = np.searchsorted(chosen, (start, start + _CHUNK_ROWS))
        if first == last:
            continue
        part = lazy.slice(start, _CHUNK_ROWS).collect()[chosen[first:last] - start].to_arrow()
        writer = writer or parquet.ParquetWriter(into, part.schema, compression="lz4")
        writer.write_table(part)
    assert writer is not None
    writer.close()
