"""Missing numbers filled by regressions of each column on the others, round after round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import OnNumbers, Row, State, Transform
from tenfold.bundle.transforms.settings import whole
from tenfold.bundle.transforms.values import FARTHEST, center_and_spread, number, numbers, stacked
from tenfold.records.features import Step

ROUNDS = 5
PENALTY = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedIterative:
    """Columns of ``targets`` filled by chained ridge regressions (van Buuren and Groothuis-Oudshoorn, 2011).

    Work is done in units of the training rows' deviations. ``coefficients`` of shape (rounds, n_targets, n_columns) and
    ``intercepts`` of shape (rounds, n_targets) are those of each round; fills stay between ``lows`` and ``highs``, the
    extremes of the training rows.
    """

    columns: tuple[str, ...]
    targets: tuple[str, ...]
    centers: Floats
    spreads: Floats
    lows: Floats
    highs: Floats
    coefficients: Floats
    intercepts: Floats
    indicator: bool
    names: tuple[str, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        return self._filled(stacked([numbers(table, name) for name in self.columns], table.height))

    def apply_row(self, row: Row) -> list[float]:
        filled: list[float] = self._filled(np.array([[number(row, name) for name in self.columns]]))[0].tolist()
        return filled

    def on_numbers(self) -> OnNumbers:
        return self._filled

    def state(self) -> State:
        return State(
            arrays={
                "centers": self.centers,
                "spreads": self.spreads,
                "lows": self.lows,
                "highs": self.highs,
                "coefficients": self.coefficients,
                "intercepts": self.intercepts,
            }
        )

    def _filled(self, values: Floats) -> Floats:
        places = [self.columns.index(name) for name in self.targets]
        missing = np.isnan(values)
        scaled = np.clip(np.where(missing, 0.0, (values - self.centers) / self.spreads), -FARTHEST, FARTHEST)
        incomplete = missing[:, places].any(axis=1)
        work, absent = scaled[incomplete], missing[incomplete]
        for coefficients, intercepts in zip(self.coefficients, self.intercepts, strict=True):
            for target, place in enumerate(places):
                # Not a matrix product: its last bits depend on how many rows there are, and great terms may cancel.
                fill = np.clip(
                    (work * coefficients[target]).sum(axis=1) + intercepts[target], self.lows[place], self.highs[place]
                )
                work[:, place] = np.where(absent[:, place], fill, work[:, place])
        result = values[:, places]
        holes = missing[:, places]
        result[incomplete] = np.where(
            holes[incomplete], work[:, places] * self.spreads[places] + self.centers[places], result[incomplete]
        )
        if not self.indicator:
            return result
        both = np.empty((len(values), 2 * len(places)))
        both[:, 0::2], both[:, 1::2] = result, holes
        return both


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedIterative:
    """Learn the regressions; ``settings``: targets, rounds, indicator. The label is not read."""
    del target, rng
    values = stacked([numbers(table, name) for name in step.columns], table.height)
    missing = np.isnan(values)
    centers, spreads = center_and_spread(values)
    work = np.where(missing, 0.0, (values - centers) / spreads)
    lows, highs = work.min(axis=0, initial=0.0), work.max(axis=0, initial=0.0)
    targets = _targets(step)
    places = [step.columns.index(name) for name in targets]
    rounds = whole(step, "rounds", ROUNDS)
    coefficients = np.zeros((rounds, len(places), len(step.columns)))
    intercepts = np.zeros((rounds, len(places)))
    for number_of_round in range(rounds):
        for position, place in enumerate(places):
            known = ~missing[:, place]
            others = np.arange(len(step.columns)) != place
            coefficient, intercept = _ridge(work[known][:, others], work[known, place])
            coefficients[number_of_round, position, others] = coefficient
            intercepts[number_of_round, position] = intercept
            fill = np.clip(work[:, others] @ coefficient + intercept, lows[place], highs[place])
            work[:, place] = np.where(known, work[:, place], fill)
    arrays = {"centers": centers, "spreads": spreads, "lows": lows, "highs": highs}
    return restore(step, State(arrays={**arrays, "coefficients": coefficients, "intercepts": intercepts}))


def _ridge(values: Floats, goal: Floats) -> tuple[Floats, float]:
    if not len(goal):
        return np.zeros(values.shape[1]), 0.0
    mean, level = values.mean(axis=0), float(goal.mean())
    centred = values - mean
    gram = centred.T @ centred + PENALTY * np.eye(values.shape[1])
    coefficient = np.linalg.solve(gram, centred.T @ (goal - level))
    return coefficient, level - float(mean @ coefficient)


def _targets(step: Step) -> tuple[str, ...]:
    return tuple(cast("tuple[str, ...]", step.settings["targets"]))


def restore(step: Step, state: State) -> FittedIterative:
    """Build it again from its state."""
    targets, indicator = _targets(step), bool(step.settings.get("indicator", False))
    names = tuple(part for name in targets for part in (name, f"{name}__missing")) if indicator else targets
    return FittedIterative(
        columns=step.columns,
        targets=targets,
        indicator=indicator,
        names=names,
        centers=state.arrays["centers"],
        spreads=state.arrays["spreads"],
        lows=state.arrays["lows"],
        highs=state.arrays["highs"],
        coefficients=state.arrays["coefficients"],
        intercepts=state.arrays["intercepts"],
    )


ITERATIVE = Transform(fit=fit, restore=restore)
