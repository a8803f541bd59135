"""The features stage: which columns become features, and how; nothing is fitted here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.history import Lag, step_of
from tenfold.bundle.inputs import field_of
from tenfold.bundle.matrix import Floats
from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.foundation.errors import DataError, InputError, did_you_mean
from tenfold.foundation.events import Event
from tenfold.records.dataset import Column, Dataset
from tenfold.records.features import FeatureLeak, FeaturePlan
from tenfold.records.problem import Problem
from tenfold.records.validation import ValidationPlan
from tenfold.stages.features.candidates import Candidate, candidate, copies, says_nothing, unusable
from tenfold.stages.features.date_parts import choose_parts
from tenfold.stages.features.lags import lag_payload, plan_lags, reason_of
from tenfold.stages.features.leaks import leaks_by_name, near_perfect
from tenfold.stages.features.linting.linter import lint_rows
from tenfold.stages.features.options import FeatureOptions
from tenfold.stages.features.views import MOST_CODES, Ground, plan_views


def run(
    problem: Received[Problem],
    dataset: Received[Dataset],
    validation: Received[ValidationPlan],
    options: FeatureOptions,
    ctx: StageContext,
) -> StageResult[FeaturePlan]:
    """Plan the transforms of each view, looking at development rows alone; training fits them inside the folds.

    Payload ``lags.parquet``, when lags are asked for: their value for every row of the table, in its order.

    Raises
    ------
    InputError
        When the options speak of columns or ways that do not exist.
    DataError
        When no column is left to predict from.
    """
    task, data = problem.record, dataset.record
    _check_allowed(options, data)
    table = pl.read_parquet(dataset.files["table.parquet"])
    lags = plan_lags(options.lags, task, data)
    lagged, files = lag_payload(lags, table)
    table = table.hstack(lagged.get_columns())
    development = table.filter(_is_development(validation))

    left_out = {column.name: reason for column in data.columns if (reason := unusable(column, dates=options.dates))}
    usable = [column for column in data.columns if column.name not in left_out]
    found = _described(usable, lags, task, data, development)
    if options.select == "auto":
        found, silent = _without_silent(found, development)
        left_out.update(silent)
    vouched = {lag.name for lag in lags} | set(options.allow)
    leaks = _find_leaks([each for each in found if each.name not in vouched], development, task, ctx)
    known = {leak.column for leak in leaks if leak.severity == "block"}
    linted = lint_rows(task, dataset, validation, allowed=options.allow)
    leaks = [*leaks, *(leak for leak in linted if leak.column not in known)]
    blocked = {leak.column: leak.reason for leak in leaks if leak.severity == "block" and leak.column}
    left_out.update(blocked)
    found = [each for each in found if each.name not in blocked]

    by_time = validation.record.time is not None
    dates = {
        each.name: choose_parts(each.name, development, _zone(each, options), split_by_time=by_time)
        for each in found
        if each.kind == "datetime"
    }
    unchanging = {name for name, parts in dates.items() if not (parts.for_trees or parts.for_sums)}
    left_out.update(dict.fromkeys(sorted(unchanging), "no part of the time tells the rows apart"))
    found = [each for each in found if each.name not in unchanging]
    if not found:
        reasons = "; ".join(f"'{name}': {reason}" for name, reason in left_out.items())
        raise DataError(f"no column is left to predict '{task.target}' from ({reasons})")

    plan = FeaturePlan(
        inputs=tuple(each.name for each in found),
        views=plan_views(Ground(candidates=tuple(found), dates=dates, outputs=_outputs(task))),
        lags=tuple(step_of(lag, reason_of(lag)) for lag in lags),
        left_out=tuple(left_out.items()),
        leaks=tuple(leak.reason for leak in leaks),
        findings=_findings(found, lags, task, data),
        leak_details=tuple(leaks),
    )
    for message in (*plan.leaks, *plan.findings):
        ctx.events.emit(Event(kind="warning", stage="features", message=message))
    return StageResult(record=plan, files=files)


def _check_allowed(options: FeatureOptions, data: Dataset) -> None:
    names = [column.name for column in data.columns]
    for name in options.allow:
        if name not in names:
            raise InputError(f"'{name}' is vouched for but is not a column.{did_you_mean(name, names)}")


def _is_development(validation: Received[ValidationPlan]) -> pl.Series:
    part = pl.read_parquet(validation.files["split.parquet"], columns=["part"])["part"]
    return part.is_in(["train", "validation"])


def _described(
    usable: Sequence[Column], lags: Sequence[Lag], problem: Problem, data: Dataset, development: pl.DataFrame
) -> list[Candidate]:
    """Describe the usable columns by their development rows; then the lags, filled and scaled as their columns are."""
    fields = [(column.field, column) for column in usable]
    fields += [(replace(field_of(lag.column, data, problem), name=lag.name), data.column(lag.column)) for lag in lags]
    return [candidate(field, development[field.name], column, most_levels=MOST_CODES) for field, column in fields]


def _without_silent(found: Sequence[Candidate], development: pl.DataFrame) -> tuple[list[Candidate], dict[str, str]]:
    """Return the columns that can tell rows apart, and why each of the others cannot."""
    silent = {each.name: says_nothing(each, development.height) for each in found}
    silent = {name: reason for name, reason in silent.items() if reason}
    speaking = [each for each in found if each.name not in silent]
    for name, original in copies(speaking, development).items():
        silent[name] = f"it is the same as '{original}' in every row"
    return [each for each in speaking if each.name not in silent], silent


def _find_leaks(
    doubtful: Sequence[Candidate], development: pl.DataFrame, problem: Problem, ctx: StageContext
) -> list[FeatureLeak]:
    """Return the columns that may know the answer; where the user asked only to be warned of leaks, none is blocked."""
    leaks = near_perfect(doubtful, development, _truth(development[problem.target], problem), problem, ctx.rng)
    if problem.feasibility is not None and not problem.feasibility.enforce:
        leaks = [replace(leak, severity="warn") for leak in leaks]
    named = {leak.column for leak in leaks}
    return leaks + [leak for leak in leaks_by_name(doubtful, problem) if leak.column not in named]


def _truth(target: pl.Series, problem: Problem) -> npt.NDArray[np.int64] | Floats:
    if problem.task == "regression":
        return target.cast(pl.Float64).to_numpy()
    return target.cast(pl.Enum(problem.classes)).to_physical().cast(pl.Int64).to_numpy()


def _outputs(problem: Problem) -> int:
    """Return how many columns the target has where it is averaged."""
    return len(problem.classes) if problem.task == "multiclass" else 1


def _zone(found: Candidate, options: FeatureOptions) -> str:
    return found.field.timezone or options.timezone or "UTC"


def _findings(found: Sequence[Candidate], lags: Sequence[Lag], problem: Problem, data: Dataset) -> tuple[str, ...]:
    """Return what a person should know of the plan."""
    findings = [
        f"of the text '{each.name}' only the length is used: what it says is not read"
        for each in found
        if each.kind == "text"
    ]
    sudden = {
        lag.column
        for lag in lags
        if not lag.delay_seconds and (lag.column == problem.target or data.column(lag.column).available == "later")
    }
    findings += [
        f"the lags of '{name}' take it as known as soon as a later row comes; if it is known only after a time, write "
        "`problem: {labels: {after: ...}}`"
        for name in sorted(sudden)
    ]
    return tuple(findings)
