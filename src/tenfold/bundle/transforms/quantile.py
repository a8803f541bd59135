"""Numbers as their rank among the training rows, evenly spread or as a bell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import OnNumbers, Row, State, Transform
from tenfold.bundle.transforms.settings import whole
from tenfold.bundle.transforms.values import NAN, number, numbers, stacked
from tenfold.records.features import Step

QUANTILES = 200
_EDGE = 1e-7
_LEAST = 1e-290


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedQuantile:
    """For each column the share of training values below, between 0 and 1, or the normal quantile of that share.

    ``references`` of shape (n_columns, n_quantiles) are the training quantiles. Between equal quantiles the middle of
    their shares counts. Missing stays missing.
    """

    names: tuple[str, ...]
    references: Floats
    normal: bool
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        columns = [self._ranked(place, numbers(table, name)) for place, name in enumerate(self.names)]
        return stacked(columns, table.height)

    def apply_row(self, row: Row) -> list[float]:
        values = (np.array([number(row, name)]) for name in self.names)
        return [float(self._ranked(place, value)[0]) for place, value in enumerate(values)]

    def on_numbers(self) -> OnNumbers:
        places = range(len(self.names))
        return lambda values: np.column_stack([self._ranked(place, values[:, place]) for place in places])

    def state(self) -> State:
        return State(arrays={"references": self.references})

    def _ranked(self, place: int, values: Floats) -> Floats:
        own = _without_least(self.references[place])
        shares = np.linspace(0.0, 1.0, len(own))
        result = np.full(len(values), NAN)
        present = ~np.isnan(values)
        held = _without_least(values[present])
        # From both sides, so that where many values are equal the middle of their ranks counts.
        ranks = 0.5 * (np.interp(held, own, shares) - np.interp(-held, -own[::-1], -shares[::-1]))
        ranks[held < own[0]], ranks[held > own[-1]] = 0.0, 1.0
        if own[0] == own[-1]:
            ranks[held == own[0]] = 0.5
        if self.normal:
            from scipy.special import ndtri

            ranks = ndtri(np.clip(ranks, _EDGE, 1.0 - _EDGE))
        result[present] = ranks
        return result


def _without_least(values: Floats) -> Floats:
    """Return numbers with those next to 0 as 0: no slope between two of the others is infinite."""
    return np.where(np.abs(values) < _LEAST, 0.0, values)


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedQuantile:
    """Learn the quantiles of each column; ``settings``: shape (normal or uniform), quantiles (how many)."""
    del target, rng
    most = whole(step, "quantiles", QUANTILES)
    shares = np.linspace(0.0, 1.0, most)
    references = np.zeros((len(step.columns), most))
    for place, name in enumerate(step.columns):
        values = numbers(table, name)
        present = values[~np.isnan(values)]
        if len(present):
            # Rounding may put a quantile a last digit below the one before it.
            references[place] = np.maximum.accumulate(np.quantile(present, shares))
    return restore(step, State(arrays={"references": references}))


def restore(step: Step, state: State) -> FittedQuantile:
    """Build it again from its state."""
    normal = step.settings.get("shape", "normal") == "normal"
    return FittedQuantile(names=step.columns, references=state.arrays["references"], normal=normal)


QUANTILE = Transform(fit=fit, restore=restore)
