"""The same person or thing on both sides of the split, where its rows share the target."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.records.dataset import Column
from tenfold.records.features import FeatureLeak
from tenfold.stages.features.linting.ground import Floats, LintGround, leak, names_a_thing

_FEWEST_GROUPS = 20
_LARGEST_MEAN = 50.0
_SMALLEST_MEAN = 1.2
_ON_BOTH_SIDES = 0.2
_SHARED = 0.3
_SHARED_NAMED = 0.1
_BLOCKING = 0.5
_BEYOND_NEIGHBOURS = 0.2


def groups_on_both_sides(ground: LintGround) -> list[FeatureLeak]:
    """Return the columns whose values name groups that stand on both sides of the split and share their target.

    How much they share is the correlation of a row's target with the mean target of the other rows of its group; of
    whole numbers, beyond what the groups of the neighbouring numbers tell, so that ages and counts are no groups.
    """
    found = []
    judged = ground.judged
    if not judged.any() or ground.split_by_time:
        return []
    for column in ground.data.columns:
        if column.role not in {"feature", "id", "entity", "ignored"} or column.name == ground.groups:
            continue
        if column.name in ground.allowed or not _may_group(column, ground.table.height):
            continue
        codes = ground.table[column.name].rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
        measured = judged & (codes > 0)
        both = float(np.isin(codes[measured], np.unique(codes[~judged])).mean()) if measured.any() else 0.0
        if both < _ON_BOTH_SIDES:
            continue
        shared, beyond = _shared_target(codes, ground)
        named = names_a_thing(column.name)
        if shared < (_SHARED_NAMED if named else _SHARED):
            continue
        if column.field.kind == "numeric" and beyond < (_SHARED_NAMED if named else _BEYOND_NEIGHBOURS):
            continue
        blocks = named and shared >= _BLOCKING and column.role == "feature"
        reason = (
            f"{both:.0%} of the rows that judge the model share '{column.name}' with rows that train it, and rows that"
            f" share it have alike targets (correlation {shared:.2f})"
        )
        advice = (
            f"; where a prediction is about new ones, keep them apart: `data: {{columns: {{{column.name}: {{role: group"
            "}}}`; where the same come again, `{allow: true}`"
        )
        found.append(leak(column.name, "group", reason, blocks=blocks, strength=shared, advice=advice))
    return found


def _may_group(column: Column, rows: int) -> bool:
    if column.field.kind not in {"categorical", "numeric"} or (
        column.field.kind == "numeric" and not column.field.integer
    ):
        return False
    present = rows - column.missing
    if column.distinct < _FEWEST_GROUPS:
        return False
    return _SMALLEST_MEAN <= present / column.distinct <= _LARGEST_MEAN


def _shared_target(codes: npt.NDArray[np.int64], ground: LintGround) -> tuple[float, float]:
    """Return how rows' targets correlate with those of their group's others, and how far beyond the neighbours'."""
    size = int(codes.max()) + 1
    counts = np.bincount(codes, minlength=size).astype(np.float64)
    shared = (codes > 0) & (counts[codes] > 1)
    if shared.sum() < _FEWEST_GROUPS:
        return 0.0, 0.0
    best, beyond = 0.0, 0.0
    for output in range(ground.targets.shape[1]):
        target = ground.targets[:, output]
        sums = np.bincount(codes, weights=target, minlength=size)
        own = (sums[codes] - target)[shared] / (counts[codes] - 1)[shared]
        around_sums = np.concatenate([[0.0], sums[1:-1], [0.0]])
        around_counts = np.concatenate([[0.0], counts[1:-1], [0.0]])
        near_sums = np.roll(around_sums, 1) + np.roll(around_sums, -1)
        near_counts = np.maximum(np.roll(around_counts, 1) + np.roll(around_counts, -1), 1)
        near = (near_sums / near_counts)[codes[shared]]
        own_r, near_r = _correlation(target[shared], own), _correlation(target[shared], near)
        if own_r > best:
            best, beyond = own_r, own_r - max(near_r, 0.0)
    return best, beyond


def _correlation(left: Floats, right: Floats) -> float:
    spread = float(left.std() * right.std())
    return float(((left - left.mean()) * (right - right.mean())).mean() / spread) if spread > 0 else 0.0
