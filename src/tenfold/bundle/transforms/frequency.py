"""Categories as how often the training rows hold them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.levels import codes, looked_up, looked_up_alone, only_column, stand_in, word, words
from tenfold.bundle.transforms.protocols import OnRow, OnWords, Row, State, Transform
from tenfold.records.features import Step

Measure = Literal["share", "count"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedFrequency:
    """For each level its number of training rows, or their share; 0 for unseen, and what missing rows are for missing.

    ``table`` of shape (n_levels + 2,) holds these; the last two are for unseen and for missing.
    """

    column: str
    levels: tuple[str, ...]
    table: Floats
    fill: str | None
    names: tuple[str, ...]
    value_of: dict[str, float] = field(repr=False)
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        text = words(table, self.column, self.fill)
        values = codes(text, self.levels)
        positions = np.where(np.isnan(values), len(self.levels), values).astype(np.int64)
        positions[text.is_null().to_numpy()] = len(self.levels) + 1
        return self.table[positions][:, None]

    def apply_row(self, row: Row) -> list[float]:
        value = word(row, self.column, self.fill)
        return [float(self.table[-1]) if value is None else self.value_of.get(value, 0.0)]

    def on_words(self) -> OnWords:
        return looked_up(self.value_of, self.fill, absent=float(self.table[-1]), unknown=0.0)

    def on_row(self) -> OnRow:
        return looked_up_alone(self.value_of, self.fill, absent=float(self.table[-1]), unknown=0.0)

    def state(self) -> State:
        return State(facts={"levels": list(self.levels), "fill": self.fill}, arrays={"table": self.table})


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedFrequency:
    """Count the levels of the training rows; ``settings``: measure (share or count), impute."""
    del target, rng
    fill = stand_in(step, table)
    text = words(table, only_column(step), fill)
    levels = tuple(text.drop_nulls().unique().sort().to_list())
    found = codes(text, levels)
    counts = np.zeros(len(levels) + 2)
    counts[: len(levels)] = np.bincount(found[~np.isnan(found)].astype(np.int64), minlength=len(levels))
    counts[-1] = text.null_count()
    if step.settings.get("measure", "share") == "share":
        counts /= max(len(text), 1)
    return restore(step, State(facts={"levels": list(levels), "fill": fill}, arrays={"table": counts}))


def restore(step: Step, state: State) -> FittedFrequency:
    """Build it again from its state."""
    column, levels, table = only_column(step), tuple(state.facts["levels"]), state.arrays["table"]
    return FittedFrequency(
        column=column,
        levels=levels,
        table=table,
        fill=state.facts["fill"],
        names=(f"{column}__{step.settings.get('measure', 'share')}",),
        value_of=dict(zip(levels, table.tolist(), strict=False)),
    )


FREQUENCY = Transform(fit=fit, restore=restore)
