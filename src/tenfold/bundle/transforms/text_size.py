"""How long a text is: its characters and its words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.levels import only_column
from tenfold.bundle.transforms.protocols import OnWords, Row, State, Transform
from tenfold.bundle.transforms.values import NAN, stacked, texts
from tenfold.records.features import Step

# Blanks are named: what else counts as one differs between the two engines that read this.
_WORD = r"[^ \t\r\n]+"
_WORDS = re.compile(_WORD)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedTextSize:
    """Characters (code points) and words (divided by blanks); missing where the text is."""

    column: str
    names: tuple[str, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        text = texts(table, self.column)
        sizes = (text.str.len_chars(), text.str.count_matches(_WORD))
        return stacked([size.cast(pl.Float64).fill_null(NAN).to_numpy() for size in sizes], table.height)

    def apply_row(self, row: Row) -> list[float]:
        text = cast("str | None", row[self.column])
        return [NAN, NAN] if text is None else [float(len(text)), float(len(_WORDS.findall(text)))]

    def on_words(self) -> OnWords:
        def sizes(values: Sequence[str | None], out: Floats) -> None:
            for row, text in enumerate(values):
                out[row] = (NAN, NAN) if text is None else (len(text), len(_WORDS.findall(text)))

        return sizes

    def state(self) -> State:
        return State()


def restore(step: Step, state: State) -> FittedTextSize:
    """Build it again: everything is in the step."""
    del state
    column = only_column(step)
    return FittedTextSize(column=column, names=(f"{column}__characters", f"{column}__words"))


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedTextSize:
    """Nothing is learned."""
    del table, target, rng
    return restore(step, State())


TEXT_SIZE = Transform(fit=fit, restore=restore)
