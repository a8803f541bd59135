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
from tenfold.records.validation import Optimism, ValidationPlan
from tenfold.stages.validation.choose import Choice, Facts, Method, choose_strategy
from tenfold.stages.validation.crossed import split_crossed
from tenfold.stages.validation.forward import split_by_time, without_shared_units
from tenfold.stages.validation.observe import observe
from tenfold.stages.validation.optimism import measure_optimism, told
from tenfold.stages.validation.options import OutlierOptions, ValidationOptions
from tenfold.stages.validation.outer import refuse_unless_nestable
from tenfold.stages.validation.outliers import find_outliers, outliers_finding, outliers_payload
from tenfold.stages.validation.protocols import Rows, Shares, Split, Splitter
from tenfold.stages.validation.rare_classes import class_counts, find_rare_classes, refuse_if_unmeasurable
from tenfold.stages.validation.rolling import with_window
from tenfold.stages.validation.rows import FEWEST_ROWS, read_rows
from tenfold.stages.validation.shuffled import split_each, split_groups, split_random, split_stratified

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
    facts = _facts(problem.record, dataset)
    choice = choose_strategy(facts, options)
    rows = read_rows(problem.record, dataset, time=choice.time, group=choice.group)
    shares = _shares(problem.record, options, choice)
    split = _divide(rows, shares, choice, ctx.rng)
    content = _write(split)
    optimism = _optimism(problem.record, dataset, split, choice, ctx.seed)
    plan = ValidationPlan(
        strategy=choice.strategy,
        scheme=split.scheme,
        blocks=split.blocks,
        reason=choice.reason,
        counts={str(name): int(count) for name, count in zip(*np.unique(split.part, return_counts=True), strict=True)},
        split=hash_bytes(content),
        rejected=choice.rejected,
        time=choice.time,
        groups=choice.group,
        stratified=rows.labels is not None and choice.strategy in {"stratified", "holdout", "group", "repeated"},
        gap_seconds=shares.gap_seconds,
        findings=(*choice.findings, *(() if optimism is None else (told(optimism),)), *split.findings),
        repeats=split.repeats,
        embargo_seconds=options.embargo_seconds if choice.strategy == "time" else 0.0,
        window_seconds=split.window_seconds,
        observed=facts.observed.sentences(time=problem.record.time),
        optimism=optimism,
        nested=options.outer if options.strategy == "nested" else 0,
    )
    if plan.nested:
        refuse_unless_nestable(plan)
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


def _facts(problem: Problem, received: Received[Dataset]) -> Facts:
    dataset = received.record
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
        columns=max(len(dataset.with_role("feature")), 1),
        observed=observe(problem, received),
    )


def _shares(problem: Problem, options: ValidationOptions, choice: Choice) -> Shares:
    gap = max(options.gap_seconds, problem.labels_after_seconds) + options.embargo_seconds
    return Shares(
        test=options.test,
        validation=options.validation,
        blocks=options.folds if choice.folds else 0,
        gap_seconds=gap if choice.strategy == "time" else 0.0,
        repeats=choice.repeats if choice.folds else 1,
        window_seconds=options.window_seconds if choice.strategy == "time" else None,
    )


def _divide(rows: Rows, shares: Shares, choice: Choice, rng: np.random.Generator) -> Split:
    if choice.strategy == "time":
        return _divide_in_time(rows, shares, rng)
    if choice.strategy in {"holdout", "repeated"} and rows.labels is not None:
        return split_stratified(rows, shares, rng)
    return SPLITTERS[choice.strategy](rows, shares, rng)


def _divide_in_time(rows: Rows, shares: Shares, rng: np.random.Generator) -> Split:
    """Divide forward in time, with groups apart where the split goes by them, and with a window where one is asked."""
    split = split_by_time(rows, shares, rng)
    if rows.units is not None:
        apart = without_shared_units(rows, split)
        if apart is None:
            return split_crossed(rows, shares, rng)
        split = apart
    if shares.window_seconds is None:
        return split
    return with_window(rows, split, window_seconds=shares.window_seconds, gap_seconds=shares.gap_seconds)


def _optimism(problem: Problem, dataset: Received[Dataset], split: Split, choice: Choice, seed: int) -> Optimism | None:
    """Measure what a split that ignores the time promises too much; other splits are not asked."""
    if not choice.leaks or problem.time is None:
        return None
    development = np.flatnonzero((split.part == "train") | (split.part == "validation"))
    return measure_optimism(problem, dataset, development, problem.time, seed)


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
    "repeated": split_random,
    "holdout": split_random,
    "loo": split_each,
}
