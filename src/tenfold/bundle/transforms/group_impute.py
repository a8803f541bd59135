"""Missing numbers filled by the median or mean of the row's group."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isnan

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.levels import codes, word, words
from tenfold.bundle.transforms.protocols import OnColumns, Read, Row, State, Transform
from tenfold.bundle.transforms.values import number, numbers, stacked
from tenfold.records.features import Step


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedGroupImpute:
    """One column filled by its group's value; ``fills`` ends with that of all rows, for groups unknown or without one.

    With ``indicator`` a column ``name__missing`` (1 or 0) follows.
    """

    column: str
    group: str
    levels: tuple[str, ...]
    fills: Floats
    indicator: bool
    names: tuple[str, ...]
    fill_of: dict[str, float] = field(repr=False)
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        values = numbers(table, self.column)
        missing = np.isnan(values)
        found = codes(words(table, self.group, None), self.levels)
        place = np.where(np.isnan(found), len(self.levels), found).astype(np.int64)
        filled = np.where(missing, self.fills[place], values)
        return stacked([filled, missing.astype(np.float64)] if self.indicator else [filled], table.height)

    def apply_row(self, row: Row) -> list[float]:
        value = number(row, self.column)
        missing = isnan(value)
        if missing:
            group = word(row, self.group, None)
            overall = float(self.fills[-1])
            value = overall if group is None else self.fill_of.get(group, overall)
        return [value, float(missing)] if self.indicator else [value]

    def on_columns(self) -> OnColumns:
        overall, fill_of = float(self.fills[-1]), self.fill_of.get

        def filled(read: Read) -> Floats:
            values = read.numbers(self.column)
            missing = np.isnan(values)
            stand_ins = [overall if group is None else fill_of(group, overall) for group in read.words(self.group)]
            found = np.where(missing, stand_ins, values)
            return np.column_stack([found, missing] if self.indicator else [found])

        return filled

    def state(self) -> State:
        return State(facts={"levels": list(self.levels)}, arrays={"fills": self.fills})


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedGroupImpute:
    """Learn what to fill with in each group; ``columns``: the number, the group; ``settings``: strategy, indicator."""
    del target, rng
    column, group = step.columns
    middle = np.mean if step.settings.get("strategy") == "mean" else np.median
    values, text = numbers(table, column), words(table, group, None)
    levels = tuple(text.drop_nulls().unique().sort().to_list())
    found = codes(text, levels)
    present = ~np.isnan(values)
    overall = float(middle(values[present])) if present.any() else 0.0
    fills = np.full(len(levels) + 1, overall)
    order = np.flatnonzero(present & ~np.isnan(found))
    order = order[np.argsort(found[order], kind="stable")]
    held, starts = np.unique(found[order], return_index=True)
    for level, own in zip(held.astype(np.int64), np.split(values[order], starts[1:]), strict=False):
        fills[level] = middle(own)
    return restore(step, State(facts={"levels": list(levels)}, arrays={"fills": fills}))


def restore(step: Step, state: State) -> FittedGroupImpute:
    """Build it again from its state."""
    column, group = step.columns
    indicator = bool(step.settings.get("indicator", False))
    levels, fills = tuple(state.facts["levels"]), state.arrays["fills"]
    return FittedGroupImpute(
        column=column,
        group=group,
        levels=levels,
        fills=fills,
        indicator=indicator,
        names=(column, f"{column}__missing") if indicator else (column,),
        fill_of=dict(zip(levels, fills.tolist(), strict=False)),
    )


GROUP_IMPUTE = Transform(fit=fit, restore=restore)
