"""Numbers cut into bins of equal counts or equal widths."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.levels import only_column
from tenfold.bundle.transforms.protocols import OnNumbers, Row, State, Transform
from tenfold.bundle.transforms.settings import whole
from tenfold.bundle.transforms.values import number, numbers
from tenfold.records.features import Step

COUNT = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedBins:
    """A column of 1 and 0 for each bin; a missing value stands in none.

    ``edges`` are the inner borders, increasing; a value on a border belongs to the bin above. Where values are so often
    equal that borders fall together there are fewer bins, and the last columns stay 0.
    """

    column: str
    edges: Floats
    names: tuple[str, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        values = numbers(table, self.column)
        present = np.flatnonzero(~np.isnan(values))
        result = np.zeros((table.height, len(self.names)))
        result[present, np.searchsorted(self.edges, values[present], side="right")] = 1.0
        return result

    def apply_row(self, row: Row) -> list[float]:
        result = [0.0] * len(self.names)
        value = number(row, self.column)
        if not isnan(value):
            result[int(np.searchsorted(self.edges, value, side="right"))] = 1.0
        return result

    def on_numbers(self) -> OnNumbers:
        def binned(values: Floats) -> Floats:
            column = values[:, 0]
            result = np.zeros((len(column), len(self.names)))
            present = np.flatnonzero(~np.isnan(column))
            result[present, np.searchsorted(self.edges, column[present], side="right")] = 1.0
            return result

        return binned

    def state(self) -> State:
        return State(arrays={"edges": self.edges})


def _count(step: Step) -> int:
    return whole(step, "count", COUNT)


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedBins:
    """Learn the borders; ``settings``: count, widths (equal, or by quantile)."""
    del target, rng
    values = numbers(table, only_column(step))
    present = values[~np.isnan(values)]
    inner = np.linspace(0.0, 1.0, _count(step) + 1)[1:-1]
    if not len(present):
        edges = np.empty(0)
    elif step.settings.get("widths") == "equal":
        edges = present.min() + inner * (present.max() - present.min())
    else:
        edges = np.quantile(present, inner)
    return restore(step, State(arrays={"edges": np.unique(edges)}))


def restore(step: Step, state: State) -> FittedBins:
    """Build it again from its state."""
    column = only_column(step)
    names = tuple(f"{column}__bin{place}" for place in range(_count(step)))
    return FittedBins(column=column, edges=state.arrays["edges"], names=names)


BINS = Transform(fit=fit, restore=restore)
