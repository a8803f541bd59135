"""Missing numbers filled, with a column that says where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import OnNumbers, OnRow, Out, Row, State, Transform
from tenfold.bundle.transforms.values import number, numbers, of_each, present
from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.records.features import Step

STRATEGIES = ("median", "mean", "mode", "constant")


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedImpute:
    """Numbers with missing ones filled.

    ``fills`` holds the value for each column. With ``indicator`` a column ``name__missing`` (1 or 0) follows each.
    """

    columns: tuple[str, ...]
    fills: tuple[float, ...]
    indicator: bool
    names: tuple[str, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        result = np.empty((table.height, len(self.names)), order="F")
        step = 2 if self.indicator else 1
        for position, (name, fill) in enumerate(zip(self.columns, self.fills, strict=True)):
            column = result[:, step * position]
            column[:] = numbers(table, name)
            missing = np.isnan(column)
            column[missing] = fill
            if self.indicator:
                result[:, step * position + 1] = missing
        return result

    def apply_row(self, row: Row) -> list[float]:
        result = []
        for name, fill in zip(self.columns, self.fills, strict=True):
            value = number(row, name)
            known = not isnan(value)
            result.append(value if known else fill)
            if self.indicator:
                result.append(0.0 if known else 1.0)
        return result

    def on_numbers(self) -> OnNumbers:
        fills = np.array(self.fills)

        def filled(values: Floats) -> Floats:
            return np.where(np.isnan(values), fills, values)

        def marked(values: Floats) -> Floats:
            missing = np.isnan(values)
            result = np.empty((len(values), 2 * len(fills)))
            result[:, 0::2] = np.where(missing, fills, values)
            result[:, 1::2] = missing
            return result

        return marked if self.indicator else filled

    def on_row(self) -> OnRow:
        fills, step = self.fills, 2 if self.indicator else 1

        def filled(values: Sequence[Any], out: Out, start: int) -> None:
            at = start
            for value, fill in zip(values, fills, strict=True):
                missing = value != value  # noqa: PLR0124 - NaN, at a third of isnan's cost
                out[at] = fill if missing else value
                if step == 2:
                    out[at + 1] = missing
                at += step

        return filled

    def state(self) -> State:
        return State(arrays={"fills": np.asarray(self.fills)})


def _names(step: Step) -> tuple[str, ...]:
    if not step.settings.get("indicator", False):
        return step.columns
    return tuple(name for column in step.columns for name in (column, f"{column}__missing"))


def _fill(values: Floats, step: Step) -> float:
    strategy = step.settings.get("strategy", "median")
    if strategy == "constant":
        return float(step.settings["value"])  # type: ignore[arg-type]  # a constant needs its number
    known = present(values)
    if strategy == "median":
        return float(np.median(known, overwrite_input=True)) if len(known) else 0.0
    if strategy == "mean":
        return float(np.mean(known)) if len(known) else 0.0
    if strategy == "mode":
        if not len(known):
            return 0.0
        distinct, counts = np.unique(known, return_counts=True)
        return float(distinct[np.argmax(counts)])
    raise InputError(
        f"'{strategy}' is not a way to fill missing numbers (these are: {', '.join(STRATEGIES)})."
        f"{did_you_mean(str(strategy), STRATEGIES)}"
    )


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedImpute:
    """Learn what to fill with; ``settings``: strategy, value (for constant), indicator.

    A column without a single training value is filled with 0, so that it says nothing. The smallest of several equally
    frequent values is the mode.
    """
    del target, rng
    fills = of_each(lambda name: _fill(numbers(table, name), step), step.columns, table.height)
    return restore(step, State(arrays={"fills": np.asarray(fills)}))


def restore(step: Step, state: State) -> FittedImpute:
    """Build it again from its state."""
    return FittedImpute(
        columns=step.columns,
        fills=tuple(state.arrays["fills"].tolist()),
        indicator=bool(step.settings.get("indicator", False)),
        names=_names(step),
    )


IMPUTE = Transform(fit=fit, restore=restore)
