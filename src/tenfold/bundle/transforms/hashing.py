"""Categories of very many levels, hashed into a fixed number of columns: nothing is learned, nothing is unseen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.levels import only_column, word, words
from tenfold.bundle.transforms.protocols import OnWords, Row, State, Transform
from tenfold.bundle.transforms.settings import whole
from tenfold.records.features import Step

BUCKETS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedHash:
    """1 or -1 in the column that a value's hash names, 0 in the others; the last column says that it is missing.

    The sign, from another bit of the hash, lets values that share a column cancel out instead of adding up
    (Weinberger et al., 2009, "Feature hashing for large scale multitask learning").
    """

    column: str
    buckets: int
    names: tuple[str, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        text = words(table, self.column, None)
        # Each distinct value is hashed once.
        distinct = text.unique().sort()
        places = pl.Series([-1 if value is None else _place(value, self.buckets)[0] for value in distinct])
        signs = pl.Series([1.0 if value is None else _place(value, self.buckets)[1] for value in distinct])
        position = text.rank("dense").fill_null(0).to_numpy().astype(np.int64)
        # Null sorts first; without one, ranks begin at the first value.
        position = position if distinct.null_count() else position - 1
        result = np.zeros((table.height, self.buckets + 1))
        if table.height:
            # The place -1 of a missing value is the last column.
            result[np.arange(table.height), places.to_numpy()[position]] = signs.to_numpy()[position]
        return result

    def apply_row(self, row: Row) -> list[float]:
        result = [0.0] * (self.buckets + 1)
        value = word(row, self.column, None)
        if value is None:
            result[-1] = 1.0
        else:
            place, sign = _place(value, self.buckets)
            result[place] = sign
        return result

    def on_words(self) -> OnWords:
        def hashed(values: Sequence[str | None], out: Floats) -> None:
            for row, value in enumerate(values):
                if value is None:
                    out[row, -1] = 1.0
                else:
                    place, sign = _place(value, self.buckets)
                    out[row, place] = sign

        return hashed

    def state(self) -> State:
        return State()


def _place(value: str, buckets: int) -> tuple[int, float]:
    number = crc32(value.encode("utf-8", "surrogatepass"))
    return (number >> 1) % buckets, 1.0 if number & 1 else -1.0


def restore(step: Step, state: State) -> FittedHash:
    """Build it again: everything is in the step."""
    del state
    column, buckets = only_column(step), whole(step, "buckets", BUCKETS)
    hashed = tuple(f"{column}__hash{place}" for place in range(buckets))
    return FittedHash(column=column, buckets=buckets, names=(*hashed, f"{column}__missing"))


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedHash:
    """Nothing is learned; ``settings``: buckets."""
    del table, target, rng
    return restore(step, State())


HASH = Transform(fit=fit, restore=restore)
