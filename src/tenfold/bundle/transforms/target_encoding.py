"""Categories of many levels as what the target was on average for each, without looking at a row's own label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.levels import codes, only_column, stand_in, word, words
from tenfold.bundle.transforms.protocols import OnRow, OnWords, Out, Row, State, Transform
from tenfold.records.features import Step

SMOOTHING_ROWS = 20.0
INNER_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedTargetEncoding:
    """For each level the smoothed mean of the target, and the share of training rows that have it.

    ``table`` of shape (n_levels + 1, outputs + 1) holds these; its last row is for missing and unseen values: the
    overall mean, and share 0. Where there is a ``fill`` it stands in for missing.
    """

    column: str
    levels: tuple[str, ...]
    table: Floats
    fill: str | None
    names: tuple[str, ...]
    rows_of: dict[str, list[float]] = field(repr=False)
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        return self.table[_positions(words(table, self.column, self.fill), self.levels)]

    def apply_row(self, row: Row) -> list[float]:
        value = word(row, self.column, self.fill)
        unseen = self.rows_of[""]
        return unseen if value is None else self.rows_of.get(value, unseen)

    def on_words(self) -> OnWords:
        place_of, unseen, table = self._places().get, len(self.levels), self.table

        def encoded(values: Sequence[str | None], out: Floats) -> None:
            out[:] = table.take([place_of(value, unseen) for value in values], axis=0)

        return encoded

    def on_row(self) -> OnRow:
        place_of, unseen, rows = self._places().get, len(self.levels), self.table.tolist()

        def encoded(values: Sequence[Any], out: Out, start: int) -> None:
            for at, value in enumerate(rows[place_of(values[0], unseen)], start):
                out[at] = value

        return encoded

    def _places(self) -> dict[str | None, int]:
        places: dict[str | None, int] = {level: place for place, level in enumerate(self.levels)}
        places[None] = len(self.levels) if self.fill is None else places.get(self.fill, len(self.levels))
        return places

    def state(self) -> State:
        return State(facts={"levels": list(self.levels), "fill": self.fill}, arrays={"table": self.table})


def encoded_names(column: str, outputs: int) -> tuple[str, ...]:
    """Return the columns that a target encoding makes: a mean for each output of the target, and the share."""
    means = (f"{column}__mean",) if outputs == 1 else tuple(f"{column}__mean{output}" for output in range(outputs))
    return (*means, f"{column}__share")


def _positions(text: pl.Series, levels: tuple[str, ...]) -> npt.NDArray[np.int64]:
    values = codes(text, levels)
    return np.where(np.isnan(values), len(levels), values).astype(np.int64)


def _encode(positions: npt.NDArray[np.int64], target: Floats, levels: int, smoothing: float) -> Floats:
    """Return the table of smoothed means and shares (Micci-Barreca 2001, with a fixed weight for the prior)."""
    prior = target.mean(axis=0)
    known = positions < levels
    where = positions[known]
    counts = np.bincount(where, minlength=levels).astype(np.float64)
    result = np.empty((levels + 1, target.shape[1] + 1))
    for output in range(target.shape[1]):
        # Deviations from the prior are summed, so that a level without rows has exactly the prior.
        sums = np.bincount(where, weights=target[known, output] - prior[output], minlength=levels)
        result[:levels, output] = prior[output] + sums / (counts + smoothing)
    result[:levels, -1] = counts / len(positions)
    result[levels, :-1] = prior
    result[levels, -1] = 0.0
    return result


def _smoothing(step: Step) -> float:
    return float(step.settings.get("smoothing", SMOOTHING_ROWS))  # type: ignore[arg-type]  # a number


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedTargetEncoding:
    """Learn the means from all training rows; ``settings``: smoothing (weight of the overall mean, in rows), impute."""
    del rng
    if target is None:
        raise ValueError("a target encoding cannot be fitted without the target")
    fill = stand_in(step, table)
    text = words(table, only_column(step), fill)
    levels = tuple(text.drop_nulls().unique().sort().to_list())
    means = _encode(_positions(text, levels), target, len(levels), _smoothing(step))
    return restore(step, State(facts={"levels": list(levels), "fill": fill}, arrays={"table": means}))


def cross_fit(
    step: Step, table: pl.DataFrame, target: Floats, rng: np.random.Generator
) -> tuple[FittedTargetEncoding, Floats]:
    """Fit on all training rows, and encode each of them by the rows of the other inner folds alone.

    Without this a level of one row would carry that row's label, and the learner would trust it.
    """
    fitted = fit(step, table, target, rng)
    positions = _positions(words(table, fitted.column, fitted.fill), fitted.levels)
    rows = len(positions)
    folds = min(INNER_FOLDS, rows)
    if folds < 2:
        return fitted, fitted.table[positions]
    fold = rng.permutation(rows) % folds
    result = np.empty((rows, fitted.table.shape[1]))
    for number in range(folds):
        inside = fold == number
        means = _encode(positions[~inside], target[~inside], len(fitted.levels), _smoothing(step))
        result[inside] = means[positions[inside]]
    # How frequent a level is says nothing of the label: the share is that of all training rows, as it will be later.
    result[:, -1] = fitted.table[positions, -1]
    return fitted, result


def restore(step: Step, state: State) -> FittedTargetEncoding:
    """Build it again from its state."""
    column, levels, table = only_column(step), tuple(state.facts["levels"]), state.arrays["table"]
    rows = table.tolist()
    rows_of = dict(zip(levels, rows, strict=False))
    # The canonical table never holds the empty string: it is null there.
    rows_of[""] = rows[-1]
    return FittedTargetEncoding(
        column=column,
        levels=levels,
        table=table,
        fill=state.facts["fill"],
        names=encoded_names(column, table.shape[1] - 1),
        rows_of=rows_of,
    )


TARGET_ENCODING = Transform(fit=fit, restore=restore, cross_fit=cross_fit)
