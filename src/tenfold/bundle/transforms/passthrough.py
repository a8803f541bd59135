"""Numbers as they are, for learners that take missing values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import OnNumbers, OnRow, Out, Row, State, Transform
from tenfold.bundle.transforms.values import number, numbers, stacked
from tenfold.records.features import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedPassthrough:
    """Numbers as they are.

    ``stand_ins`` holds, for a column that had no missing value among the training rows, their median: boosted trees
    that never saw a missing value read it as zero, which may lie far outside the data. NaN where missing was seen.
    """

    names: tuple[str, ...]
    stand_ins: tuple[float, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        columns = []
        for name, stand_in in zip(self.names, self.stand_ins, strict=True):
            values = numbers(table, name)
            if not isnan(stand_in):
                values[np.isnan(values)] = stand_in
            columns.append(values)
        return stacked(columns, table.height)

    def apply_row(self, row: Row) -> list[float]:
        result = []
        for name, stand_in in zip(self.names, self.stand_ins, strict=True):
            value = number(row, name)
            result.append(stand_in if isnan(value) else value)
        return result

    def on_numbers(self) -> OnNumbers:
        stand_ins = np.array(self.stand_ins)
        if np.isnan(stand_ins).all():
            return lambda values: values
        return lambda values: np.where(np.isnan(values), stand_ins, values)

    def on_row(self) -> OnRow:
        stand_ins = self.stand_ins

        def passed(values: Sequence[Any], out: Out, start: int) -> None:
            for at, (value, stand_in) in enumerate(zip(values, stand_ins, strict=True), start):
                out[at] = stand_in if value != value else value  # noqa: PLR0124 - NaN, at a third of isnan's cost

        return passed

    def state(self) -> State:
        return State(arrays={"stand_ins": np.asarray(self.stand_ins)})


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedPassthrough:
    """Learn which columns have missing values among the training rows."""
    del target, rng
    stand_ins = []
    for name in step.columns:
        values = numbers(table, name)
        complete = len(values) > 0 and not np.isnan(values).any()
        stand_ins.append(float(np.median(values)) if complete else float("nan"))
    return FittedPassthrough(names=step.columns, stand_ins=tuple(stand_ins))


def restore(step: Step, state: State) -> FittedPassthrough:
    """Build it again from its state."""
    return FittedPassthrough(names=step.columns, stand_ins=tuple(state.arrays["stand_ins"].tolist()))


PASSTHROUGH = Transform(fit=fit, restore=restore)
