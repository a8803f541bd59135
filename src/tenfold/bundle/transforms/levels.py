"""What steps about categories share: the levels they number, and the level that stands in for a missing one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import OnRow, OnWords, Out, Row
from tenfold.bundle.transforms.values import NAN
from tenfold.records.features import Step


def levels_of(step: Step) -> tuple[str, ...]:
    """Return the setting ``levels``: naming only, the same in every fold; read back from JSON it is a list."""
    return tuple(cast("tuple[str, ...]", step.settings["levels"]))


def only_column(step: Step) -> str:
    """Return the one column that a step about categories reads."""
    if len(step.columns) != 1:
        raise ValueError(f"a step of kind '{step.kind}' reads one column, not {len(step.columns)}")
    return step.columns[0]


def stand_in(step: Step, table: pl.DataFrame) -> str | None:
    """Return the level that stands in for a missing one: with ``impute: mode`` the most frequent, else None.

    Of equally frequent levels it is the first in order.
    """
    if step.settings.get("impute") != "mode":
        return None
    counts = table[only_column(step)].cast(pl.String).drop_nulls().value_counts()
    if counts.is_empty():
        return None
    level: str = counts.sort(["count", counts.columns[0]], descending=[True, False])[counts.columns[0]][0]
    return level


def words(table: pl.DataFrame, column: str, fill: str | None) -> pl.Series:
    """Return a column of categories, the stand-in where they are missing."""
    text = table[column].cast(pl.String)
    return text if fill is None else text.fill_null(fill)


def word(row: Row, column: str, fill: str | None) -> str | None:
    """Return the same of one row."""
    value = row[column]
    return fill if value is None else cast("str", value)


def codes(values: pl.Series, levels: tuple[str, ...]) -> Floats:
    """Return each value's position among ``levels`` as float64 of shape (n_rows,); NaN for missing and unknown."""
    if not levels:
        return np.full(len(values), NAN)
    positions = values.cast(pl.Enum(levels), strict=False).to_physical()
    result: Floats = positions.cast(pl.Float64).fill_null(NAN).to_numpy(writable=True)
    return result


def looked_up(value_of: Mapping[str, float], fill: str | None, *, absent: float, unknown: float) -> OnWords:
    """Return the lowered form of a transform that gives each level a number."""
    number_of = _with_missing(value_of, fill, absent=absent, unknown=unknown).get

    def numbered(values: Sequence[str | None], out: Floats) -> None:
        out[:, 0] = [number_of(value, unknown) for value in values]

    return numbered


def looked_up_alone(value_of: Mapping[str, float], fill: str | None, *, absent: float, unknown: float) -> OnRow:
    """Return the same for one row."""
    number_of = _with_missing(value_of, fill, absent=absent, unknown=unknown).get

    def numbered(values: Sequence[Any], out: Out, start: int) -> None:
        out[start] = number_of(values[0], unknown)

    return numbered


def _with_missing(
    value_of: Mapping[str, float], fill: str | None, *, absent: float, unknown: float
) -> dict[str | None, float]:
    numbers: dict[str | None, float] = dict(value_of.items())
    numbers[None] = absent if fill is None else numbers.get(fill, unknown)
    return numbers
