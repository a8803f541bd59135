"""Categories with an order, as their places in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.levels import (
    codes,
    levels_of,
    looked_up,
    looked_up_alone,
    only_column,
    stand_in,
    word,
    words,
)
from tenfold.bundle.transforms.protocols import OnRow, OnWords, Row, State, Transform
from tenfold.bundle.transforms.values import NAN
from tenfold.records.features import Step


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedOrdinal:
    """The place 0, 1, 2, ... of a value among the levels in their order: a quantity, not a code.

    Missing, and what does not stand in the order, is missing. Where there is a ``fill`` it stands in for missing.
    """

    column: str
    levels: tuple[str, ...]
    fill: str | None
    place_of: dict[str, float] = field(repr=False)
    categorical: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """One column."""
        return (f"{self.column}__order",)

    def apply(self, table: pl.DataFrame) -> Floats:
        return codes(words(table, self.column, self.fill), self.levels)[:, None]

    def apply_row(self, row: Row) -> list[float]:
        value = word(row, self.column, self.fill)
        return [NAN if value is None else self.place_of.get(value, NAN)]

    def on_words(self) -> OnWords:
        return looked_up(self.place_of, self.fill, absent=NAN, unknown=NAN)

    def on_row(self) -> OnRow:
        return looked_up_alone(self.place_of, self.fill, absent=NAN, unknown=NAN)

    def state(self) -> State:
        return State(facts={"fill": self.fill})


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedOrdinal:
    """Learn only what stands in for missing; ``settings``: levels (in their order), impute."""
    del target, rng
    return restore(step, State(facts={"fill": stand_in(step, table)}))


def restore(step: Step, state: State) -> FittedOrdinal:
    """Build it again from its state."""
    levels = levels_of(step)
    return FittedOrdinal(
        column=only_column(step),
        levels=levels,
        fill=state.facts["fill"],
        place_of={level: float(place) for place, level in enumerate(levels)},
    )


ORDINAL = Transform(fit=fit, restore=restore)
