"""What is done in training about the outliers that the validation stage named: their rows left out, or values moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

Numbers = npt.NDArray[np.int64]

OUTLIERS_FILE = "outliers.parquet"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outliers:
    """The outliers of each fold; ``lines`` None when there are none."""

    lines: pl.DataFrame | None

    def without(self, rows: Numbers, fold: int) -> Numbers:
        """Return the rows that train in a fold, without those that are to be left out."""
        if self.lines is None:
            return rows
        left_out = self.lines.filter((pl.col("fold") == fold) & (pl.col("action") == "drop"))["row"].to_numpy()
        return rows[~np.isin(rows, left_out)]

    def turned(self, folds: int) -> Outliers:
        """Return the outliers with the folds numbered from the last, where the newest fold comes first."""
        if self.lines is None:
            return self
        turned = pl.when(pl.col("fold") >= 0).then(folds - 1 - pl.col("fold")).otherwise("fold")
        return Outliers(lines=self.lines.with_columns(turned.cast(pl.Int16).alias("fold")))

    def keep(self, folder: Path) -> None:
        """Write what is to be moved for the workers that fit."""
        if self.lines is not None and (self.lines["action"] == "clip").any():
            self.lines.write_parquet(folder / OUTLIERS_FILE)


def read_outliers(files: Mapping[str, Path]) -> Outliers:
    """Return the outliers of a validation plan's payload."""
    path = files.get(OUTLIERS_FILE)
    return Outliers(lines=None if path is None else pl.read_parquet(path))


def clipped(table: pl.DataFrame, numbers: Numbers, folder: Path, fold: int) -> pl.DataFrame:
    """Return training rows with their outliers moved to the bound; rows that measure never come here.

    Parameters
    ----------
    table : DataFrame
        The rows of ``numbers``, in this order.
    """
    path = folder / OUTLIERS_FILE
    if not path.exists():
        return table
    lines = pl.read_parquet(path).filter((pl.col("fold") == fold) & pl.col("column").is_in(table.columns))
    place = {int(row): position for position, row in enumerate(numbers)}
    for (name,), moved in lines.group_by("column", maintain_order=True):
        column = table[str(name)].clone()
        positions = [place[row] for row in moved["row"]]
        table = table.with_columns(column.scatter(positions, moved["becomes"].cast(column.dtype)))
    return table
