"""Numbers that only count the rows, and the rows' own order, where they tell the target."""

from __future__ import annotations

import re

import numpy as np
import polars as pl

from tenfold.measures.rank import roc_auc
from tenfold.records.dataset import Column
from tenfold.records.features import FeatureLeak
from tenfold.stages.features.linting.ground import Floats, LintGround, leak, names_a_thing, numbers

TELLING = 0.65
"""AUC, of the rows' number alone, from which on it is told; 0.15 above chance, or 0.3 of R, for a number."""
_BLOCKING = 0.75
_FEWEST_ROWS = 100
_FEWEST_OF_A_CLASS = 15
_DISTINCT = 0.98
_SPARSEST = 20.0
_BLOCKS = 40
_DIGITS = re.compile(r"\d+")


def order_tells_the_target(ground: LintGround) -> list[FeatureLeak]:
    """Return the numbers of rows from which the target can be read, and the order of the file where it can.

    A number is one of rows when nearly every row has its own and the numbers lie densely, or its name says so; strings
    are read by the last number in them (``case_00042``). Where the split goes by time, order is time and says nothing.
    """
    if ground.table.height < _FEWEST_ROWS or ground.problem.time is not None:
        return []
    found = []
    for column in ground.data.columns:
        if column.role not in {"feature", "id", "ignored"} or column.name in ground.allowed:
            continue
        order = _row_numbers(ground, column)
        if order is None:
            continue
        strength = _strength(order, ground)
        if strength < TELLING:
            continue
        used = column.role == "feature" and column.field.kind == "numeric"
        reason = f"'{column.name}' only numbers the rows, yet its order tells the target ({_told(ground, strength)})"
        reason += "" if used else "; it is not a feature, but what hangs together with it (time, batch, file) may leak"
        found.append(leak(column.name, "order", reason, blocks=used and strength >= _BLOCKING, strength=strength))
    strength = _strength(np.arange(ground.table.height, dtype=np.float64), ground)
    if strength >= TELLING:
        reason = (
            f"the rows stand in an order that tells the target ({_told(ground, strength)}): whatever counts them, or"
            " was calculated along them, leaks; if the order is time, name its column with `problem: {time: ...}`"
        )
        found.append(leak("", "order", reason, blocks=False, strength=strength))
    return found


def _row_numbers(ground: LintGround, column: Column) -> Floats | None:
    """Return the number that a column gives each row; None when it gives none."""
    series = ground.table[column.name]
    if column.field.kind == "numeric" and column.field.integer:
        values = numbers(series)
    elif series.dtype == pl.String and column.role in {"id", "feature"} and column.field.kind == "categorical":
        if column.distinct < _DISTINCT * len(series):
            return None
        values = numbers(series.str.extract_all(_DIGITS.pattern).list.last().cast(pl.Float64, strict=False))
    else:
        return None
    known = values[np.isfinite(values)]
    if len(known) < 0.98 * len(values):
        return None
    distinct = len(np.unique(known))
    if distinct < _DISTINCT * len(known):
        return None
    dense = float(np.ptp(known)) <= _SPARSEST * len(known)
    steps = np.sign(np.diff(known))
    in_order = abs(float(steps.mean())) > 0.99
    return values if dense or in_order or names_a_thing(column.name) else None


def _strength(order: Floats, ground: LintGround) -> float:
    """Return how well the target of the other rows nearby in the order tells that of a row: AUC, or 0.5 + R / 2."""
    known = np.isfinite(order)
    place = np.argsort(np.argsort(order[known], kind="stable"), kind="stable")
    count = len(place)
    blocks = int(np.clip(count // 25, 4, _BLOCKS))
    block = place * blocks // count
    half = place % 2 == 0
    best = 0.0
    for output in range(ground.targets.shape[1]):
        target = ground.targets[known, output]
        said = np.empty(count)
        for rows in (half, ~half):
            sums = np.bincount(block[rows], weights=target[rows], minlength=blocks)
            said[~rows] = (sums / np.maximum(np.bincount(block[rows], minlength=blocks), 1))[block[~rows]]
        if ground.problem.task == "regression":
            spread = target.std() * said.std()
            r = float(((target - target.mean()) * (said - said.mean())).mean() / spread) if spread > 0 else 0.0
            best = max(best, 0.5 + max(r, 0.0) / 2)
        elif min(target.sum(), count - target.sum()) >= _FEWEST_OF_A_CLASS:
            best = max(best, roc_auc(target > 0.5, said))
    return best


def _told(ground: LintGround, strength: float) -> str:
    if ground.problem.task == "regression":
        return f"correlation {2 * (strength - 0.5):.2f}"
    return f"AUC {strength:.2f}"
