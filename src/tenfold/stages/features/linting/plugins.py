"""Transforms of others: whether they learn from the rows they are given, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import State, Transform
from tenfold.records.features import FeatureLeak, Step
from tenfold.stages.features.linting.ground import LintGround, leak

_OWN = "tenfold.bundle.transforms."
_FEWEST_ROWS = 20
_EXACT = 1e-6


def is_foreign(transform: Transform) -> bool:
    """Whether a transform is not one of Tenfold's own."""
    return not getattr(transform.fit, "__module__", "").startswith(_OWN)


def foreign_transforms(steps: Iterable[tuple[Step, Transform]], ground: LintGround) -> list[FeatureLeak]:
    """Return the transforms that know more than the rows they were given.

    Each is fitted on the development rows and once more on half of them, the numbers doubled and moved. One that
    remembers the same both times did not learn from its rows; when what it makes is then centred, scaled, or in line
    with the target over *all* rows, it learned from the rows that judge. One that remembers otherwise when the targets
    of its rows are shuffled reads the answer, and must give training rows values without their own
    (``Transform.cross_fit``).
    """
    found = []
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for step, transform in steps:
        if (step.kind, step.columns) in seen:
            continue
        seen.add((step.kind, step.columns))
        named = ", ".join(f"'{column}'" for column in step.columns)
        if reason := _fault(step, transform, ground):
            found.append(
                leak(
                    step.columns[0] if step.columns else "",
                    "plugin",
                    f"the transform '{step.kind}' of {named} {reason}",
                    blocks=True,
                    advice="; fit it on the rows that it is given, and on nothing else",
                )
            )
    return found


def _fault(step: Step, transform: Transform, ground: LintGround) -> str:
    development = ~ground.judged
    rows, target = ground.table.filter(pl.Series(development)), ground.targets[development, 0]
    if rows.height < _FEWEST_ROWS:
        return ""
    half = rows.gather_every(2)
    moved = half.with_columns(pl.col(name) * 2.0 + 1.0 for name in step.columns if rows[name].dtype == pl.Float64)

    def fit(table: pl.DataFrame, truth: Floats) -> State:
        return transform.fit(step, table, truth, np.random.default_rng(0)).state()

    whole = transform.fit(step, rows, target, np.random.default_rng(0))
    kept = whole.state()
    if not kept.arrays and not kept.facts:
        return ""
    if _same(kept, fit(moved, target[::2])) and _exact_on_all(whole.apply(ground.table), development, ground.targets):
        return "was fitted on all rows, those that judge the model included: what it makes is exact over all of them"
    shuffled = np.random.default_rng(1).permutation(target)
    if transform.cross_fit is None and not _same(kept, fit(rows, shuffled)):
        return "reads the target, and gives each training row a value with the row's own answer in it"
    return ""


def _same(left: State, right: State) -> bool:
    if dict(left.facts) != dict(right.facts) or left.arrays.keys() != right.arrays.keys():
        return False
    return all(
        np.array_equal(value, right.arrays[name], equal_nan=value.dtype.kind == "f")
        for name, value in left.arrays.items()
    )


def _exact_on_all(made: Floats, development: np.ndarray, targets: Floats) -> bool:
    """Whether a column's mean is 0, its span 0 to 1, or its levels' targets their value, over all rows alone."""
    for column in made.T:
        known = np.isfinite(column)
        everything, learned = column[known], column[known & development]
        if len(learned) < _FEWEST_ROWS or not everything.std() > 0:
            continue
        if abs(everything.mean()) <= _EXACT * everything.std() < abs(learned.mean()):
            return True
        if everything.min() == 0.0 and everything.max() == 1.0 and (learned.min() > 0.0 or learned.max() < 1.0):
            return True
        if abs(np.median(everything)) <= _EXACT * everything.std() < abs(np.median(learned)):
            return True
        for target in targets.T:
            off = abs(everything.mean() - target[known].mean())
            missed = abs(learned.mean() - target[known & development].mean())
            if off <= _EXACT * target.std() < missed:
                return True
    return False
