"""Nested validation: the whole search is made again without some rows, and what it chose is measured on them.

The score of the best of many trials is too good, because the rows that measured it also chose it. Here rows that
measure have chosen nothing: neither columns, nor settings, nor the ensemble (Varma and Simon, 2006, "Bias in error
estimation when using cross-validation for model selection").
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.inputs import input_table
from tenfold.foundation.context import NoCheckpoints, Received, StageContext, StageResult
from tenfold.foundation.events import Event, Silent
from tenfold.records.dataset import Dataset
from tenfold.records.problem import Problem
from tenfold.records.validation import ValidationPlan
from tenfold.stages.evaluation.assemble import build_model, read_members
from tenfold.stages.features import run as features
from tenfold.stages.features.options import FeatureOptions
from tenfold.stages.training import run as training
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.training.trainer import open_trainer
from tenfold.stages.tuning import run as tuning
from tenfold.stages.tuning.options import TuningOptions
from tenfold.stages.validation.outer import FEWEST_BLOCKS, refuse_unless_nestable

Values = npt.NDArray[np.float64]
Blocks = npt.NDArray[np.int16]
Parts = npt.NDArray[np.str_]

NESTED_FILE = "nested.npy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is made again: how features are planned, and how far the search goes."""

    features: FeatureOptions
    training: TrainingOptions
    tuning: TuningOptions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outer:
    """One outer fold: rows that measure, and the plan by which the others search."""

    measured: npt.NDArray[np.int64]
    plan: ValidationPlan
    part: Parts
    block: Blocks


def nested_predictions(
    problem: Received[Problem],
    dataset: Received[Dataset],
    validation: Received[ValidationPlan],
    search: Search,
    ctx: StageContext,
) -> Mapping[str, bytes]:
    """Return the payload ``nested.npy``, of shape (n_rows, n_outputs): predictions by searches without the row.

    NaN where a row was measured by no outer fold. What time is left is divided evenly among the outer folds.

    Raises
    ------
    DataError
        When the plan has too few blocks to search on some and measure on others.
    """
    split = pl.read_parquet(validation.files["split.parquet"])
    outers = outer_folds(validation.record, split["block"].to_numpy())
    found: Values | None = None
    for number, outer in enumerate(outers):
        ctx.events.emit(Event(kind="stage", message=f"nested: search {number + 1} of {len(outers)}", facts={}))
        inner = replace(
            ctx,
            rng=np.random.default_rng([ctx.seed, number, *b"nested"]),
            deadline=ctx.deadline.share(1.0 / (len(outers) - number)),
            checkpoint=NoCheckpoints(),
            events=Silent(),
        )
        scores = _measure(problem, dataset, outer, search, inner)
        if found is None:
            found = np.full((split.height, scores.shape[1]), np.nan)
        found[outer.measured] = scores
    assert found is not None  # there is at least one outer fold
    sink = io.BytesIO()
    np.save(sink, found, allow_pickle=False)
    return {NESTED_FILE: sink.getvalue()}


def outer_folds(plan: ValidationPlan, block: Blocks) -> tuple[Outer, ...]:
    """Return the outer folds: blocks of rows that measure, in turn; in time the newest, each after what it trains on.

    Raises
    ------
    DataError
        When there are too few blocks.
    """
    refuse_unless_nestable(plan)
    if plan.scheme == "kfold":
        # Two blocks at least are left to search on: of three, each is measured by itself.
        count = plan.blocks if plan.blocks == FEWEST_BLOCKS else min(plan.nested, plan.blocks)
        sides = [
            (
                np.arange(number, plan.blocks, count),
                np.setdiff1d(np.arange(plan.blocks), np.arange(number, plan.blocks, count)),
            )
            for number in range(count)
        ]
    else:
        last = plan.blocks - 1
        sides = [(np.array([at]), np.arange(at)) for at in range(max(2, last - plan.nested + 1), last + 1)]
    return tuple(_outer(plan, block, measured, kept) for measured, kept in sides)


def _outer(plan: ValidationPlan, block: Blocks, measured: npt.NDArray[np.int64], kept: npt.NDArray[np.int64]) -> Outer:
    number = np.full(plan.blocks, -1, dtype=np.int16)
    number[kept] = np.arange(len(kept))
    inside = block >= 0
    renumbered = np.where(inside, number[np.maximum(block, 0)], -1).astype(np.int16)
    parts = np.where(renumbered >= 0, "train", "out")
    counts = {str(name): int(count) for name, count in zip(*np.unique(parts, return_counts=True), strict=True)}
    return Outer(
        measured=np.flatnonzero(inside & np.isin(block, measured)),
        plan=replace(plan, blocks=len(kept), counts=counts, nested=0, findings=()),
        part=parts,
        block=renumbered,
    )


def _measure(
    problem: Received[Problem], dataset: Received[Dataset], outer: Outer, search: Search, ctx: StageContext
) -> Values:
    """Make the search again on the rows of the outer fold that may train, and predict those that measure."""
    with TemporaryDirectory(prefix="tenfold-nested-") as scratch:
        folder = Path(scratch)
        split = folder / "split.parquet"
        pl.DataFrame({"part": outer.part.tolist(), "block": pl.Series(outer.block)}).write_parquet(split)
        plan = Received(record=outer.plan, files={"split.parquet": split})
        # How much groups of features are worth, and how lucky the best score is, is told by the search that counts.
        searched = replace(search.tuning, correct=False)
        asked = replace(search.features, measure=False)
        planned = _received(features.run(problem, dataset, plan, asked, ctx), folder / "features")
        tried = _received(training.run(problem, dataset, plan, planned, search.training, ctx), folder / "training")
        tuned = _received(
            tuning.run(problem, dataset, plan, planned, tried, searched, ctx, open_trainer=open_trainer),
            folder / "tuning",
        )
        members = read_members([key for key, _ in tuned.record.members], tuned.files)
        model = build_model(members, problem.record, dataset.record, planned.record, None)
        table = input_table(dataset.files["table.parquet"], planned.files.get("lags.parquet"))
        return np.asarray(model.scores(table[outer.measured].select(model.signature.names)))


def _received(result: StageResult[Any], folder: Path) -> Received[Any]:
    """Return a stage's result as the next stage gets it."""
    return Received(record=result.record, files=dict(_written(result.files, folder)))


def _written(files: Mapping[str, bytes | Path], folder: Path) -> Sequence[tuple[str, Path]]:
    kept = []
    for name, content in files.items():
        if isinstance(content, Path):
            kept.append((name, content))
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        kept.append((name, path))
    return kept
