"""Categories as one column for each level, for models that add columns up."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.levels import codes, levels_of, only_column, stand_in, word, words
from tenfold.bundle.transforms.protocols import Row, State, Transform
from tenfold.records.features import Step

_OTHER, _MISSING = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedOneHot:
    """A column of 1 and 0 for each level of the step, one for everything rare or unseen, one for missing.

    ``frequent`` says which levels the training rows hold often enough to stand alone; the others share ``name__other``.
    Where there is a ``fill`` it stands in for missing.
    """

    column: str
    levels: tuple[str, ...]
    frequent: npt.NDArray[np.bool_]
    fill: str | None
    names: tuple[str, ...]
    position_of: dict[str, int] = field(repr=False)
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        text = words(table, self.column, self.fill)
        values = codes(text, self.levels)
        other = len(self.levels) + _OTHER
        positions = np.where(np.isnan(values), other, values).astype(np.int64)
        positions[~np.append(self.frequent, True)[positions]] = other
        positions[text.is_null().to_numpy()] = len(self.levels) + _MISSING
        result = np.zeros((table.height, len(self.names)))
        result[np.arange(table.height), positions] = 1.0
        return result

    def apply_row(self, row: Row) -> list[float]:
        result = [0.0] * len(self.names)
        value = word(row, self.column, self.fill)
        count = len(self.levels)
        if value is None:
            result[count + _MISSING] = 1.0
        else:
            result[self.position_of.get(value, count + _OTHER)] = 1.0
        return result

    def state(self) -> State:
        return State(facts={"fill": self.fill}, arrays={"frequent": self.frequent})


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedOneHot:
    """Learn which levels are frequent; ``settings``: levels, min_count (rows a level needs to stand alone), impute."""
    del target, rng
    levels, fill = levels_of(step), stand_in(step, table)
    values = codes(words(table, only_column(step), fill), levels)
    counts = np.bincount(values[~np.isnan(values)].astype(np.int64), minlength=len(levels))
    frequent = counts >= int(step.settings.get("min_count", 1))  # type: ignore[call-overload]  # a whole number
    return restore(step, State(facts={"fill": fill}, arrays={"frequent": frequent}))


def restore(step: Step, state: State) -> FittedOneHot:
    """Build it again from its state."""
    column, levels, frequent = only_column(step), levels_of(step), state.arrays["frequent"]
    named = tuple(f"{column}={level}" for level in levels)
    return FittedOneHot(
        column=column,
        levels=levels,
        frequent=frequent,
        fill=state.facts["fill"],
        names=(*named, f"{column}__other", f"{column}__missing"),
        position_of={level: position for position, level in enumerate(levels) if frequent[position]},
    )


ONEHOT = Transform(fit=fit, restore=restore)
