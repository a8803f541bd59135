"""The leak linter over all rows and the split: it runs before anything is trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.transforms.protocols import Transform
from tenfold.foundation.context import Received
from tenfold.records.dataset import Dataset
from tenfold.records.features import FeatureLeak, Step
from tenfold.records.problem import Problem
from tenfold.records.validation import ValidationPlan
from tenfold.stages.features.linting.encoded import encoded_on_all_rows
from tenfold.stages.features.linting.fitted import prepared_on_all_rows
from tenfold.stages.features.linting.future import aggregates_of_the_future
from tenfold.stages.features.linting.ground import LintGround, targets_of
from tenfold.stages.features.linting.groups import groups_on_both_sides
from tenfold.stages.features.linting.moments import times_after_prediction
from tenfold.stages.features.linting.order import order_tells_the_target
from tenfold.stages.features.linting.plugins import foreign_transforms, is_foreign
from tenfold.stages.features.linting.straddling import copies_on_both_sides

COPIES_FILES = ("copies.parquet", "near_copies.parquet")


def lint_rows(
    problem: Problem,
    dataset: Received[Dataset],
    validation: Received[ValidationPlan],
    *,
    allowed: Sequence[str],
) -> list[FeatureLeak]:
    """Return the leaks that show only over all rows, in their order, or in how they are divided.

    The target of the sealed rows is read, to see whether a column was calculated from it; nothing that is learned here
    reaches a model. Where the user asked only to be warned of leaks, none blocks.
    """
    ground = _ground(problem, dataset, validation, allowed)
    leaks = [
        *times_after_prediction(ground),
        *encoded_on_all_rows(ground),
        *aggregates_of_the_future(ground),
        *order_tells_the_target(ground),
        *groups_on_both_sides(ground),
        *copies_on_both_sides(ground, _copies(dataset)),
        *prepared_on_all_rows(ground),
    ]
    first: dict[str, FeatureLeak] = {}
    for leak in leaks:
        if not leak.column or leak.column not in first:
            first[leak.column or leak.kind] = leak
    return _only_told(list(first.values()), problem)


def lint_transforms(
    steps: Iterable[tuple[Step, Transform]],
    problem: Problem,
    dataset: Received[Dataset],
    validation: Received[ValidationPlan],
) -> list[FeatureLeak]:
    """Return the transforms of others that know more than the rows they are given."""
    foreign = [(step, transform) for step, transform in steps if is_foreign(transform)]
    if not foreign:
        return []
    return _only_told(foreign_transforms(foreign, _ground(problem, dataset, validation, ())), problem)


def _ground(
    problem: Problem, dataset: Received[Dataset], validation: Received[ValidationPlan], allowed: Sequence[str]
) -> LintGround:
    table = pl.read_parquet(dataset.files["table.parquet"])
    plan = validation.record
    return LintGround(
        table=table,
        part=pl.read_parquet(validation.files["split.parquet"], columns=["part"])["part"].to_numpy(),
        targets=targets_of(table[problem.target], problem),
        data=dataset.record,
        problem=problem,
        groups=plan.groups,
        split_by_time=plan.time is not None,
        allowed=tuple(allowed),
    )


def _copies(dataset: Received[Dataset]) -> npt.NDArray[np.int64] | None:
    for name in COPIES_FILES:
        if name in dataset.files:
            return pl.read_parquet(dataset.files[name]).to_series().cast(pl.Int64).to_numpy()
    return None


def _only_told(leaks: list[FeatureLeak], problem: Problem) -> list[FeatureLeak]:
    if problem.feasibility is not None and not problem.feasibility.enforce:
        return [replace(leak, severity="warn") for leak in leaks]
    return leaks
