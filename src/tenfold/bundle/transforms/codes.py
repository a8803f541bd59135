"""Categories as numbers 0, 1, 2, ... for trees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
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

Missing = Literal["nan", "minus_one"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedCodes:
    """The position of a value among the step's levels.

    The numbering is the step's, so that a code means the same in every fold; fitted is only which levels the training
    rows hold. Missing, unknown and not seen in training are all ``other``, but that ``fill`` stands in for missing
    where there is one.
    """

    column: str
    levels: tuple[str, ...]
    seen: npt.NDArray[np.bool_]
    missing: Missing
    fill: str | None
    code_of: dict[str, float] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The column itself."""
        return (self.column,)

    @property
    def categorical(self) -> bool:
        """Codes without NaN are for learners that take them as quantities."""
        return self.missing == "nan"

    @property
    def other(self) -> float:
        """The code of everything that was not seen in training."""
        return NAN if self.missing == "nan" else -1.0

    def apply(self, table: pl.DataFrame) -> Floats:
        values = codes(words(table, self.column, self.fill), self.levels)
        known = ~np.isnan(values)
        known[known] = self.seen[values[known].astype(np.int64)]
        return np.where(known, values, self.other)[:, None]

    def apply_row(self, row: Row) -> list[float]:
        value = word(row, self.column, self.fill)
        return [self.other if value is None else self.code_of.get(value, self.other)]

    def on_words(self) -> OnWords:
        return looked_up(self.code_of, self.fill, absent=self.other, unknown=self.other)

    def on_row(self) -> OnRow:
        return looked_up_alone(self.code_of, self.fill, absent=self.other, unknown=self.other)

    def state(self) -> State:
        return State(facts={"fill": self.fill}, arrays={"seen": self.seen})


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedCodes:
    """Learn which levels the training rows hold; ``settings``: levels, missing (nan or minus_one), impute."""
    del target, rng
    levels, fill = levels_of(step), stand_in(step, table)
    values = codes(words(table, only_column(step), fill), levels)
    seen = np.zeros(len(levels), dtype=np.bool_)
    seen[values[~np.isnan(values)].astype(np.int64)] = True
    return restore(step, State(facts={"fill": fill}, arrays={"seen": seen}))


def restore(step: Step, state: State) -> FittedCodes:
    """Build it again from its state."""
    levels, seen = levels_of(step), state.arrays["seen"]
    return FittedCodes(
        column=only_column(step),
        levels=levels,
        seen=seen,
        missing="minus_one" if step.settings.get("missing", "nan") == "minus_one" else "nan",
        fill=state.facts["fill"],
        code_of={level: float(code) for code, level in enumerate(levels) if seen[code]},
    )


CODES = Transform(fit=fit, restore=restore)
