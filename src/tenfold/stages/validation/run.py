"""The validation stage: plan the split before anything is fitted."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.foundation.fingerprint import hash_bytes
from tenfold.records.dataset import Dataset
from tenfold.records.problem import Problem
from tenfold.records.validation import ValidationPlan
from tenfold.stages.validation.choose import Choice, Facts, Method, choose_strategy
from tenfold.stages.validation.forward import split_by_time, without_shared_units
from tenfold.stages.validation.options import OutlierOptions, ValidationOptions
from tenfold.stages.validation.outliers import find_outliers, outliers_finding, outliers_payload
from tenfold.stages.validation.protocols import Rows, Shares, Split, Splitter
from tenfold.stages.validation.rare_classes import class_counts, find_rare_classes, refuse_if_unmeasurable
from tenfold.stages.validation.rows import FEWEST_ROWS, read_rows
from tenfold.stages.validation.shuffled import split_groups, split_random, split_stratified

SPLIT_FILE = "split.parquet"


def run(
    problem: Received[Problem], dataset: Received[Dataset], options: ValidationOptions, ctx: StageContext
) -> StageResult[ValidationPlan]:
    """Choose a strategy, divide the rows, and write every row's part and block.

    Payload ``outliers.parquet``, where they were asked for and found: see `find_outliers`, and ``action``.

    Raises
    ------
    DataError
        When the rows cannot be divided as asked.
    """
    facts = _facts(problem.record, dataset.record)
    choice = choose_strategy(facts, options)
    rows = read_rows(problem.record, dataset, choice.strategy, group=facts.group)
    shares = _shares(problem.record, options, choice)
    split = _method(choice, rows)(rows, shares, ctx.rng)
    if choice.strategy == "time" and facts.group is not None and options.strategy == "auto":
        split = without_shared_units(rows, split)
    content = _write(split)
    plan = ValidationPlan(
        strategy=choice.strategy,
        scheme=split.scheme,
        blocks=split.blocks,
        reason=choice.reason,
        counts={str(name): int(count) for name, count in zip(*np.unique(split.part, return_counts=True), strict=True)},
        split=hash_bytes(content),
        rejected=choice.rejected,
        time=problem.record.time if choice.strategy == "time" else None,
        groups=facts.group if choice.strategy == "group" or (facts.group and options.strategy == "auto") else None,
        stratified=rows.labels is not None and choice.strategy in ("stratified", "holdout", "group"),
        gap_seconds=shares.gap_seconds,
        findings=(*choice.findings, *split.findings),
    )
    if rows.labels is not None:
        plan = _with_classes(plan, split, rows.labels, rows.classes)
    files: dict[str, bytes] = {SPLIT_FILE: content}
    if options.outliers is not None:
        plan, files = _with_outliers(plan, split, dataset, options.outliers, files)
    return StageResult(record=plan, files=files)


def _with_classes(
    plan: ValidationPlan, split: Split, labels: npt.NDArray[np.int64], classes: tuple[str, ...]
) -> ValidationPlan:
    """Count the classes that each fold measures, and tell of those that a fold lacks."""
    folds = plan.folds(split.part, split.block)
    refuse_if_unmeasurable(labels, classes, folds)
    parts = [*(fold.validation for fold in folds), np.flatnonzero(split.part == "test")]
    counted = class_counts(labels, classes, parts)
    return replace(plan, class_counts=counted, findings=(*plan.findings, *find_rare_classes(labels, classes, folds)))


def _with_outliers(
    plan: ValidationPlan,
    split: Split,
    dataset: Received[Dataset],
    options: OutlierOptions,
    files: dict[str, bytes],
) -> tuple[ValidationPlan, dict[str, bytes]]:
    """Look for outliers in the rows that train; training leaves them out, or moves them, where that is asked for."""
    columns = dataset.record.columns
    names = [column.name for column in columns]
    for name in options.columns:
        if name not in names:
            raise DataError(f"`data.outliers` names '{name}', which is not a column.{did_you_mean(name, names)}")
        if dataset.record.column(name).field.kind != "numeric":
            raise DataError(f"`data.outliers` names '{name}', which holds no numbers")
        if options.action == "clip" and dataset.record.column(name).role != "feature":
            raise DataError(f"`data.outliers` would clip '{name}', which is no feature; use `action: drop` or `flag`")
    development = np.flatnonzero((split.part == "train") | (split.part == "validation"))
    outliers = find_outliers(
        pl.read_parquet(dataset.files["table.parquet"]),
        columns,
        plan.folds(split.part, split.block),
        development,
        options,
    )
    plan = replace(plan, findings=(*plan.findings, outliers_finding(outliers, options)))
    return plan, {**files, **outliers_payload(outliers, options.action)}


def _facts(problem: Problem, dataset: Dataset) -> Facts:
    if dataset.rows < FEWEST_ROWS:
        raise DataError(
            f"the table has {dataset.rows} rows with a target; at least {FEWEST_ROWS} are needed to split it"
        )
    groups = dataset.with_role("group")
    others = (column for column in dataset.columns if column.field.kind == "datetime" and column.available == "now")
    return Facts(
        rows=dataset.rows,
        classification=problem.task != "regression",
        time=problem.time,
        group=groups[0].name if groups else None,
        times=tuple(column.name for column in others if column.name not in (problem.time, problem.target)),
    )


def _shares(problem: Problem, options: ValidationOptions, choice: Choice) -> Shares:
    gap = max(options.gap_seconds, problem.labels_after_seconds) if choice.strategy == "time" else 0.0
    return Shares(
        test=options.test,
        validation=options.validation,
        blocks=options.folds if choice.folds else 0,
        gap_seconds=gap,
    )


def _method(choice: Choice, rows: Rows) -> Splitter:
    if choice.strategy == "holdout" and rows.labels is not None:
        return split_stratified
    return SPLITTERS[choice.strategy]


def _write(split: Split) -> bytes:
    table = pl.DataFrame({"part": pl.Series(split.part.tolist(), dtype=pl.String), "block": pl.Series(split.block)})
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="zstd", statistics=False)
    return buffer.getvalue()


SPLITTERS: dict[Method, Splitter] = {
    "time": split_by_time,
    "group": split_groups,
    "stratified": split_stratified,
    "kfold": split_random,
    "holdout": split_random,
}
