"""Numbers brought to a common scale, for models that add columns up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import OnNumbers, OnRow, Out, Row, State, Transform
from tenfold.bundle.transforms.values import number, numbers, of_each, present
from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.records.features import Step

METHODS = ("standard", "minmax", "robust")
_SMALLEST = 1e-150


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedScale:
    """Numbers as ``(value - center) / spread``; missing stays missing."""

    names: tuple[str, ...]
    centers: tuple[float, ...]
    spreads: tuple[float, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        result = np.empty((table.height, len(self.names)), order="F")
        for position, name in enumerate(self.names):
            column = result[:, position]
            np.subtract(numbers(table, name), self.centers[position], out=column)
            column /= self.spreads[position]
        return result

    def apply_row(self, row: Row) -> list[float]:
        return [
            (number(row, name) - center) / spread
            for name, center, spread in zip(self.names, self.centers, self.spreads, strict=True)
        ]

    def on_numbers(self) -> OnNumbers:
        centers, spreads = np.array(self.centers), np.array(self.spreads)

        def scaled(values: Floats) -> Floats:
            result: Floats = values - centers
            result /= spreads
            return result

        return scaled

    def on_row(self) -> OnRow:
        pairs = tuple(zip(self.centers, self.spreads, strict=True))

        def scaled(values: Sequence[Any], out: Out, start: int) -> None:
            for at, (value, (center, spread)) in enumerate(zip(values, pairs, strict=True), start):
                out[at] = (value - center) / spread

        return scaled

    def state(self) -> State:
        return State(arrays={"centers": np.asarray(self.centers), "spreads": np.asarray(self.spreads)})


def _statistics(values: Floats, method: str) -> tuple[float, float]:
    known = present(values)
    if not len(known):
        return 0.0, 1.0
    if method == "standard":
        center, spread = float(np.mean(known)), float(np.std(known))
    elif method == "minmax":
        center = float(np.min(known))
        spread = float(np.max(known)) - center
    elif method == "robust":
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75], overwrite_input=True)
        # Half of the values may be equal: then the quartiles say nothing about the spread of the others.
        center, spread = float(middle), float(high - low) or float(np.std(known))
    else:
        raise InputError(
            f"'{method}' is not a way to scale numbers (these are: {', '.join(METHODS)})."
            f"{did_you_mean(method, METHODS)}"
        )
    # Rounding leaves a constant column with a spread of the order of its last digit: it must not be blown up.
    constant = spread <= max(1e-12 * abs(center), _SMALLEST)
    return center, 1.0 if constant else spread


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedScale:
    """Learn center and spread of each column; ``settings``: method (standard, minmax or robust)."""
    del target, rng
    method = str(step.settings.get("method", "standard"))
    pairs = of_each(lambda name: _statistics(numbers(table, name), method), step.columns, table.height)
    return FittedScale(
        names=step.columns, centers=tuple(pair[0] for pair in pairs), spreads=tuple(pair[1] for pair in pairs)
    )


def restore(step: Step, state: State) -> FittedScale:
    """Build it again from its state."""
    return FittedScale(
        names=step.columns,
        centers=tuple(state.arrays["centers"].tolist()),
        spreads=tuple(state.arrays["spreads"].tolist()),
    )


SCALE = Transform(fit=fit, restore=restore)
