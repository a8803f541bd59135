"""Numbers as the terms of a restricted cubic spline: curves for models that add columns up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.levels import only_column
from tenfold.bundle.transforms.protocols import OnNumbers, Row, State, Transform
from tenfold.bundle.transforms.settings import whole
from tenfold.bundle.transforms.values import number, numbers
from tenfold.records.features import Step

KNOTS = 5
_FARTHEST = 1e3
_QUANTILES = {
    3: (0.10, 0.5, 0.90),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.5, 0.725, 0.95),
    6: (0.05, 0.23, 0.41, 0.59, 0.77, 0.95),
    7: (0.025, 0.1833, 0.3417, 0.5, 0.6583, 0.8167, 0.975),
}
"""Where the knots stand among the training values (Harrell, 2015, "Regression modeling strategies", table 2.3)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedSpline:
    """The nonlinear terms of a cubic spline that is linear beyond its outer knots (Stone and Koo, 1985).

    The linear term is the column itself, which stands beside. ``knots`` are increasing; where values are so often equal
    that knots fall together there are fewer terms, and the last columns stay 0. Missing stays missing.
    """

    column: str
    knots: Floats
    names: tuple[str, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        return self._terms(numbers(table, self.column))

    def apply_row(self, row: Row) -> list[float]:
        terms: list[float] = self._terms(np.array([number(row, self.column)]))[0].tolist()
        return terms

    def on_numbers(self) -> OnNumbers:
        return lambda values: self._terms(values[:, 0])

    def state(self) -> State:
        return State(arrays={"knots": self.knots})

    def _terms(self, values: Floats) -> Floats:
        result = np.zeros((len(values), len(self.names)))
        result[np.isnan(values)] = np.nan
        if len(self.knots) < 3:
            return result
        # In units of the span of the knots; far outside, cubes would lose all digits in their differences.
        span = self.knots[-1] - self.knots[0]
        with np.errstate(over="ignore"):
            # What is no finite number of spans away is as far as may be.
            at = np.clip((values - self.knots[0]) / span, -_FARTHEST, _FARTHEST)
        knots = (self.knots - self.knots[0]) / span
        last, before = knots[-1], knots[-2]
        beyond_last, beyond_before = _cubed(at - last), _cubed(at - before)
        for place, knot in enumerate(knots[:-2]):
            result[:, place] = (
                _cubed(at - knot)
                - beyond_before * (last - knot) / (last - before)
                + beyond_last * (before - knot) / (last - before)
            )
        return result


def _cubed(values: Floats) -> Floats:
    return np.where(np.isnan(values), np.nan, np.maximum(values, 0.0)) ** 3


def _count(step: Step) -> int:
    return whole(step, "knots", KNOTS)


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedSpline:
    """Learn the knots; ``settings``: knots (how many, 3 to 7)."""
    del target, rng
    values = numbers(table, only_column(step))
    present = values[~np.isnan(values)]
    knots = np.unique(np.quantile(present, _QUANTILES[_count(step)])) if len(present) else np.empty(0)
    span = float(knots[-1] - knots[0]) if len(knots) else 0.0
    # Knots that rounding alone tells apart would divide by nothing.
    apart = knots[np.concatenate([[True], np.diff(knots) > 1e-9 * span])] if span > 0 else knots[:0]
    return restore(step, State(arrays={"knots": apart}))


def restore(step: Step, state: State) -> FittedSpline:
    """Build it again from its state."""
    column = only_column(step)
    names = tuple(f"{column}__spline{place}" for place in range(_count(step) - 2))
    return FittedSpline(column=column, knots=state.arrays["knots"], names=names)


SPLINE = Transform(fit=fit, restore=restore)
