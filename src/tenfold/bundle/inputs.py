"""What a feature plan means for a model: the columns it reads, and the past it needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from tenfold.bundle.history import History, Lag, lag_of
from tenfold.bundle.rolling import Rolling, rolling_of
from tenfold.bundle.signature import Signature
from tenfold.records.dataset import Dataset, Field
from tenfold.records.features import FeaturePlan
from tenfold.records.problem import Problem


def signature_of(plan: FeaturePlan, dataset: Dataset, problem: Problem) -> Signature:
    """Return the fields of the plan's inputs, lags and rolling windows among them, in the plan's order."""
    lagged = {lag.name: lag.column for lag in lags_of(plan)}
    rolled = {each.name for each in rolling_of_plan(plan)}
    return Signature(
        fields=tuple(
            Field(name=name, kind="numeric")
            if name in rolled
            else replace(field_of(lagged.get(name, name), dataset, problem), name=name)
            for name in plan.inputs
        )
    )


def lags_of(plan: FeaturePlan) -> tuple[Lag, ...]:
    """Return the lags among what a plan looks back at."""
    return tuple(lag_of(step) for step in plan.lags if step.kind == "lag")


def rolling_of_plan(plan: FeaturePlan) -> tuple[Rolling, ...]:
    """Return the rolling windows among what a plan looks back at."""
    return tuple(rolling_of(step) for step in plan.lags if step.kind == "rolling")


def history_of(plan: FeaturePlan, dataset: Dataset, problem: Problem) -> History | None:
    """Return how the plan's lags and rolling windows come about; None when it has none."""
    lags, rolling = lags_of(plan), rolling_of_plan(plan)
    looks: tuple[Lag | Rolling, ...] = (*lags, *rolling)
    if not looks:
        return None
    names = dict.fromkeys(name for look in looks for name in (look.time, look.entity, look.column) if name is not None)
    return History(lags=lags, fields=tuple(field_of(name, dataset, problem) for name in names), rolling=rolling)


def field_of(name: str, dataset: Dataset, problem: Problem) -> Field:
    """Return how a column of the table is read; the target of a classification is words there, however written."""
    field = dataset.column(name).field
    if name == problem.target and problem.task != "regression":
        return Field(
            name=name,
            kind="categorical",
            levels=problem.classes,
            missing_markers=field.missing_markers,
            personal=field.personal,
        )
    # Why a column is read as it is says nothing about how: equal models have equal signatures.
    return replace(field, reason="")


def reading_of(dataset: Dataset, problem: Problem) -> dict[str, str]:
    """Return how the one text that the rows came from was written, and which of its columns is the target.

    Prediction input without a header is then read by place. Empty where several sources were joined.
    """
    if len(dataset.sources) != 1 or "header" not in dataset.sources[0].dialect:
        return {}
    written = dataset.sources[0].dialect
    kept = {
        key: written[key]
        for key in ("delimiter", "quote", "header", "columns", "header_rows", "names")
        if key in written
    }
    return {**kept, "target": problem.target}


def input_table(table: Path, lags: Path | None) -> pl.DataFrame:
    """Return the rows of the data stage's table with the features stage's lags beside them."""
    rows = pl.read_parquet(table)
    return rows if lags is None else rows.hstack(pl.read_parquet(lags))
