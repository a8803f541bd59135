"""Lags that the user asked for: checked, and computed for every row of the table from what was known then."""

from __future__ import annotations

import io
from collections.abc import Mapping

import polars as pl

from tenfold.bundle.history import Lag, lag_values
from tenfold.bundle.rolling import Rolling, rolling_values
from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.foundation.units import format_seconds, parse_seconds
from tenfold.records.dataset import Column, Dataset
from tenfold.records.problem import Problem


def plan_lags(asked: Mapping[str, tuple[int | str, ...]], problem: Problem, dataset: Dataset) -> tuple[Lag, ...]:
    """Return the lags that were asked for.

    Raises
    ------
    InputError
        When there is no time to go back along, or a column does not exist.
    """
    if not asked:
        return ()
    if problem.time is None:
        raise InputError(
            "lags need to know which rows are earlier: name the column that says when, under `problem: time`"
        )
    entity = entity_of(dataset, "lags")
    names = [column.name for column in dataset.columns]
    lags = []
    for name, steps in asked.items():
        if name not in names:
            raise InputError(f"`features: lags` speaks of '{name}', which is not a column.{did_you_mean(name, names)}")
        for back in dict.fromkeys(steps):
            _check_step(name, back)
            lag = Lag(
                column=name,
                back=back,
                time=problem.time,
                entity=entity,
                delay_seconds=delay_of(dataset.column(name), problem),
            )
            if lag.name in names:
                raise InputError(f"the lag of '{name}' would be called '{lag.name}', which is a column: rename that")
            lags.append(lag)
    return tuple(lags)


def entity_of(dataset: Dataset, what: str) -> str | None:
    """Return the column whose values each have a history of their own; None when all rows are one.

    Raises
    ------
    InputError
        When several columns are declared one.
    """
    entities = dataset.with_role("entity")
    if len(entities) > 1:
        named = ", ".join(f"'{column.name}'" for column in entities)
        raise InputError(
            f"{what} run along one entity, and {named} are all declared one: keep the role for one of them"
        )
    return entities[0].name if entities else None


def reason_of(lag: Lag) -> str:
    """Return what a lag is, for a person."""
    along = "of all rows" if lag.entity is None else f"of the same '{lag.entity}'"
    known = "" if not lag.delay_seconds else f", known {format_seconds(lag.delay_seconds)} after it"
    if isinstance(lag.back, int):
        place = "latest" if lag.back == 1 else f"{lag.back}th latest" if lag.back > 3 else f"{lag.back}. latest"
        return f"'{lag.column}' in the {place} row {along} before '{lag.time}'{known}"
    return f"'{lag.column}' in the latest row {along} at least {lag.back} before '{lag.time}'{known}"


def past_payload(
    lags: tuple[Lag, ...], rolling: tuple[Rolling, ...], table: pl.DataFrame
) -> tuple[pl.DataFrame, Mapping[str, bytes]]:
    """Return the lags and rolling windows of every row of the table, as columns and as the stage's payload."""
    if not lags and not rolling:
        return pl.DataFrame(), {}
    looked = (lag_values(lags, table, table), rolling_values(rolling, table, table))
    columns = pl.DataFrame([column for each in looked for column in each.get_columns()])
    sink = io.BytesIO()
    columns.write_parquet(sink, compression="zstd", statistics=True)
    return columns, {"lags.parquet": sink.getvalue()}


def _check_step(name: str, back: int | str) -> None:
    if isinstance(back, str):
        parse_seconds(back)
    elif back < 1:
        raise InputError(f"a lag of '{name}' goes back {back} rows; it must be 1 or more")


def delay_of(column: Column, problem: Problem) -> float:
    """Return the seconds after a row's time at which the column's value is known."""
    later = column.available == "later" or column.name == problem.target
    return problem.labels_after_seconds if later else 0.0
