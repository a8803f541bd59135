"""Categories as one column for each level, for models that add columns up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.levels import codes, levels_of, only_column, stand_in, word, words
from tenfold.bundle.transforms.protocols import OnRow, OnWords, Out, Row, State, Transform
from tenfold.records.features import Step

_OTHER, _MISSING = 0, 1
# Rows of an identity matrix are copied block by block, as long as that matrix stays small.
_MOST_WIDE = 256
_BLOCK = 8192


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
        result = np.empty((table.height, len(self.names)))
        self.apply_into(table, result)
        return result

    def apply_into(self, table: pl.DataFrame, out: Floats) -> None:
        positions = self._positions(words(table, self.column, self.fill))
        if len(self.names) > _MOST_WIDE:
            out[:] = 0.0
            out[np.arange(table.height), positions] = 1.0
            return
        rows = np.eye(len(self.names))
        for start in range(0, table.height, _BLOCK):
            out[start : start + _BLOCK] = rows[positions[start : start + _BLOCK]]

    def _positions(self, text: pl.Series) -> npt.NDArray[np.int64]:
        count = len(self.levels)
        if not count:
            return np.where(text.is_null().to_numpy(), count + _MISSING, count + _OTHER)
        position_of = np.append(np.where(self.frequent, np.arange(count), count + _OTHER), count + _OTHER)
        known = text.cast(pl.Enum(self.levels), strict=False).to_physical().cast(pl.UInt32)
        positions: npt.NDArray[np.int64] = position_of[known.fill_null(count).to_numpy()]
        if text.null_count():
            positions[text.is_null().to_numpy()] = count + _MISSING
        return positions

    def apply_row(self, row: Row) -> list[float]:
        result = [0.0] * len(self.names)
        value = word(row, self.column, self.fill)
        count = len(self.levels)
        if value is None:
            result[count + _MISSING] = 1.0
        else:
            result[self.position_of.get(value, count + _OTHER)] = 1.0
        return result

    def on_words(self) -> OnWords:
        position, other = self._position_of().get, len(self.levels) + _OTHER

        def one_hot(values: Sequence[str | None], out: Floats) -> None:
            out[np.arange(len(values)), [position(value, other) for value in values]] = 1.0

        return one_hot

    def on_row(self) -> OnRow:
        position, other = self._position_of().get, len(self.levels) + _OTHER

        def one_hot(values: Sequence[Any], out: Out, start: int) -> None:
            out[start + position(values[0], other)] = 1.0

        return one_hot

    def _position_of(self) -> dict[str | None, int]:
        places: dict[str | None, int] = dict(self.position_of.items())
        count = len(self.levels)
        places[None] = count + _MISSING if self.fill is None else places.get(self.fill, count + _OTHER)
        return places

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
