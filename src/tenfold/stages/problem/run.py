"""The problem stage: what is asked, how success is measured, and whether the data can answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from tenfold.foundation.context import StageContext, StageResult
from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.foundation.events import Event
from tenfold.measures.choice import choose_metric
from tenfold.records.dataset import Field
from tenfold.records.problem import Feasibility, Problem
from tenfold.stages.problem.amounts import value_by_row
from tenfold.stages.problem.feasibility import assess_feasibility
from tenfold.stages.problem.leakage import find_leaks
from tenfold.stages.problem.options import ProblemOptions
from tenfold.stages.problem.outlook import look_ahead
from tenfold.stages.problem.sample import draw_sample
from tenfold.stages.problem.statement import check_statement
from tenfold.stages.problem.target import Target, read_target, value_matrix

_TRIED_ROWS = 1_000


def run(table: Path, fields: Sequence[Field], options: ProblemOptions, ctx: StageContext) -> StageResult[Problem]:
    """Understand the target, choose the main metric, and look at a sample for signal and for leaks.

    Parameters
    ----------
    table : Path
        The canonical table as it was ingested, before cleaning.

    Raises
    ------
    InputError
        When the target cannot be learned, or what the file says does not fit the data.
    """
    target = read_target(table, fields, options)
    value = value_matrix(options.value, target, table)
    metric = choose_metric(target.task, target.counts or None, value, options.metric)
    check_statement(options, target, value, fields, pl.scan_parquet(table).head(_TRIED_ROWS).collect())
    problem = Problem(
        name=options.name,
        task=target.task,
        target=options.target,
        metric=metric,
        objective=options.objective,
        owner=options.owner,
        users=options.users,
        decision=options.decision,
        oversight=options.oversight,
        risk=options.risk,
        positive=target.positive,
        classes=target.classes,
        class_counts=target.counts,
        time=options.time,
        labels_after_seconds=options.labels_after_seconds,
        value=value,
        value_by_row=value_by_row(options.value),
        rule=options.rule,
        slices=options.slices,
        requirements=options.requirements,
        kpis=options.kpis,
        functions=options.functions,
        signoff=options.signoff,
        use=options.use,
        reasons=target.reasons,
    )
    feasibility = _feasibility(problem, table, target, fields, options, ctx)
    return StageResult(record=replace(problem, feasibility=feasibility))


def _feasibility(  # noqa: PLR0917 - what the stage was given
    problem: Problem, table: Path, target: Target, fields: Sequence[Field], options: ProblemOptions, ctx: StageContext
) -> Feasibility:
    features = _features(fields, options)
    if options.feasibility == "off":
        return Feasibility(status="skipped", reason="the file says so (`feasibility: off`)", enforce=False)
    sample = draw_sample(table, target, features, options.time, ctx.rng)
    leaks = find_leaks(sample, options.allowed, seed=ctx.seed)
    found = assess_feasibility(sample, options.requirements, options.rule, leaks, seed=ctx.seed, rng=ctx.rng)
    if found.status != "feasible":
        ctx.events.emit(Event(kind="warning", stage="problem", message=found.reason))
    for leak in leaks:
        if leak.severity == "warn":
            ctx.events.emit(Event(kind="warning", stage="problem", message=leak.reason))
    if options.outlook:
        blocking = frozenset(leak.column for leak in leaks if leak.severity == "block")
        found = look_ahead(found, problem, table, target, features, options, ctx, without=blocking)
    return replace(found, enforce=options.feasibility == "check")


def _features(fields: Sequence[Field], options: ProblemOptions) -> tuple[Field, ...]:
    names = [known.name for known in fields]
    for name in (*options.excluded, *options.allowed):
        if name not in names:
            raise DataError(f"`data.columns` speaks of '{name}', which is not a column.{did_you_mean(name, names)}")
    features = tuple(known for known in fields if known.name not in (options.target, *options.excluded))
    if not features:
        raise DataError(
            f"no column is left to predict '{options.target}' from; give the data more columns, or fewer roles"
        )
    return features
