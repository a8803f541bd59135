"""The first of several columns that holds a value: what is known now, else what was known last."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import OnNumbers, Row, State, Transform
from tenfold.bundle.transforms.values import NAN, number, numbers, stacked
from tenfold.records.features import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedFirstPresent:
    """The first present value of ``columns``, under the name of the first; missing where all are.

    With ``indicator`` a column ``name__missing`` says where the first was missing.
    """

    columns: tuple[str, ...]
    indicator: bool
    names: tuple[str, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        first = numbers(table, self.columns[0])
        missing = np.isnan(first)
        for name in self.columns[1:]:
            first = np.where(np.isnan(first), numbers(table, name), first)
        return stacked([first, missing.astype(np.float64)] if self.indicator else [first], table.height)

    def apply_row(self, row: Row) -> list[float]:
        values = [number(row, name) for name in self.columns]
        found = next((value for value in values if not isnan(value)), NAN)
        return [found, float(isnan(values[0]))] if self.indicator else [found]

    def on_numbers(self) -> OnNumbers:
        def first_present(values: Floats) -> Floats:
            first = values[:, 0]
            found = first
            for place in range(1, values.shape[1]):
                found = np.where(np.isnan(found), values[:, place], found)
            return np.column_stack([found, np.isnan(first)] if self.indicator else [found])

        return first_present

    def state(self) -> State:
        return State()


def restore(step: Step, state: State) -> FittedFirstPresent:
    """Build it again: everything is in the step."""
    del state
    first, indicator = step.columns[0], bool(step.settings.get("indicator", False))
    names = (first, f"{first}__missing") if indicator else (first,)
    return FittedFirstPresent(columns=step.columns, indicator=indicator, names=names)


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedFirstPresent:
    """Nothing is learned; ``settings``: indicator."""
    del table, target, rng
    return restore(step, State())


FIRST_PRESENT = Transform(fit=fit, restore=restore)
