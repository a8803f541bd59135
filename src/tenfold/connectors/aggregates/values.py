"""Columns as arrays: numbers, moments and truth values as they are, words as numbers of their levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.records.dataset import Kind

Array: TypeAlias = npt.NDArray[Any]
Flags: TypeAlias = npt.NDArray[np.bool_]
Places: TypeAlias = npt.NDArray[np.int64]

_MOMENT = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Values:
    """A column: ``values`` of shape (n,) mean something where ``present``; ``levels`` are sorted words.

    Values are float64 for numbers, int64 for moments (microseconds), truth values and places in ``levels``: their order
    is that of what they stand for.
    """

    kind: Kind
    values: Array
    present: Flags
    levels: pl.Series | None = None

    def taken(self, places: Places | Flags) -> Values:
        """Return the values at some places."""
        return Values(kind=self.kind, values=self.values[places], present=self.present[places], levels=self.levels)

    def series(self, name: str) -> pl.Series:
        """Return the column as polars holds it, missing ones null."""
        if self.levels is not None:
            places = pl.Series(np.where(self.present, self.values, 0), dtype=pl.UInt32)
            words = self.levels.gather(places) if len(self.levels) else pl.Series([None] * len(places), dtype=pl.String)
            column = words.cast(pl.String)
        elif self.kind == "boolean":
            column = pl.Series(self.values.astype(np.bool_))
        elif self.kind == "datetime":
            column = pl.Series(self.values).cast(_MOMENT)
        else:
            column = pl.Series(self.values, dtype=pl.Float64)
        present = pl.Series(self.present)
        return pl.select(pl.when(present).then(column).alias(name)).to_series()


def values_of(column: pl.Series, kind: Kind) -> Values:
    """Return a canonical column as arrays."""
    present = column.is_not_null().to_numpy()
    if kind in {"categorical", "text"}:
        levels = column.drop_nulls().unique().sort()
        places = pl.DataFrame({"level": levels, "place": np.arange(len(levels), dtype=np.int64)})
        met = column.alias("level").to_frame().join(places, on="level", how="left", maintain_order="left")["place"]
        return Values(kind=kind, values=met.fill_null(0).to_numpy(), present=present, levels=levels)
    if kind == "datetime":
        return Values(kind=kind, values=column.dt.epoch("us").fill_null(0).to_numpy(), present=present)
    if kind == "boolean":
        return Values(kind=kind, values=column.cast(pl.Int64).fill_null(0).to_numpy(), present=present)
    return Values(kind=kind, values=column.cast(pl.Float64).fill_null(0.0).to_numpy(), present=present)
