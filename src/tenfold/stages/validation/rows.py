"""Read what a split may look at: the target, the time, the groups, the copies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.foundation.context import Received
from tenfold.records.dataset import Dataset
from tenfold.records.problem import Problem
from tenfold.stages.validation.protocols import NO_TIME, IntArray, Rows

FEWEST_ROWS = 10
COPIES_FILE = "copies.parquet"


def read_rows(problem: Problem, dataset: Received[Dataset], *, time: str | None, group: str | None) -> Rows:
    """Return the rows to divide; units join groups (where the split keeps them) and copies of the same row.

    Parameters
    ----------
    time, group : str or None
        The columns that the split goes by.
    """
    wanted = dict.fromkeys(name for name in (problem.target, time, group) if name is not None)
    table = pl.read_parquet(dataset.files["table.parquet"], columns=list(wanted))
    labels: IntArray | None = None
    if problem.task != "regression":
        codes = {name: code for code, name in enumerate(problem.classes)}
        labels = table[problem.target].replace_strict(codes, return_dtype=pl.Int64).to_numpy()
    times: IntArray | None = None
    if time is not None:
        times = _times(table[time])
    groups = None if group is None else _codes(table[group])
    # In time, a repeated row is a fact of its own day: only shuffled splits must keep copies together.
    copies = _copies(dataset) if time is None else None
    return Rows(
        count=table.height,
        labels=labels,
        classes=problem.classes,
        times=times,
        units=_joined(groups, copies),
    )


def _times(column: pl.Series) -> IntArray:
    """Return an order of time as whole numbers: microseconds, or the numbers of a numeric column scaled to them."""
    if column.dtype == pl.Float64:
        # A plain number is read as days, weeks, positions ... of unknown unit: seconds is what a gap would mean.
        return (column * 1e6).round().cast(pl.Int64).fill_null(NO_TIME).to_numpy()
    return column.cast(pl.Datetime("us")).cast(pl.Int64).fill_null(NO_TIME).to_numpy()


def _codes(column: pl.Series) -> IntArray:
    """Return a number for each distinct value; every missing value is a group of its own."""
    codes = column.rank("dense").cast(pl.Int64).fill_null(-1).to_numpy().copy()
    missing = np.flatnonzero(codes < 0)
    codes[missing] = codes.max(initial=0) + 1 + np.arange(len(missing))
    return codes


def _copies(dataset: Received[Dataset]) -> IntArray | None:
    """Return the data stage's number of each row's set of copies; None when no row is repeated."""
    path = dataset.files.get(COPIES_FILE)
    if path is None:
        return None
    return pl.read_parquet(path).to_series().cast(pl.Int64).to_numpy()


def _joined(first: IntArray | None, second: IntArray | None) -> IntArray | None:
    """Return numbers of the sets that come of joining both partitions: rows linked by either stay together."""
    if first is None or second is None:
        return first if second is None else second
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, left = np.unique(first, return_inverse=True)
    _, right = np.unique(second, return_inverse=True)
    nodes = int(left.max()) + 1
    size = nodes + int(right.max()) + 1
    links = coo_matrix((np.ones(len(left), dtype=np.int8), (left, nodes + right)), shape=(size, size))
    _, component = connected_components(links, directed=False)
    result: npt.NDArray[np.int64] = component[left].astype(np.int64)
    return result
