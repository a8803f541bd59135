"""True and false as 1 and 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import OnNumbers, OnRow, Out, Row, State, Transform
from tenfold.bundle.transforms.values import number, numbers, stacked
from tenfold.records.features import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedBoolean:
    """1, 0, and NaN for missing."""

    names: tuple[str, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        return stacked([numbers(table, name) for name in self.names], table.height)

    def apply_row(self, row: Row) -> list[float]:
        return [number(row, name) for name in self.names]

    def on_numbers(self) -> OnNumbers:
        return lambda values: values

    def on_row(self) -> OnRow:
        def passed(values: Sequence[Any], out: Out, start: int) -> None:
            for at, value in enumerate(values, start):
                out[at] = value

        return passed

    def state(self) -> State:
        return State()


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedBoolean:
    """Nothing is learned."""
    del table, target, rng
    return FittedBoolean(names=step.columns)


def restore(step: Step, state: State) -> FittedBoolean:
    """Build it again."""
    del state
    return FittedBoolean(names=step.columns)


BOOLEAN = Transform(fit=fit, restore=restore)
