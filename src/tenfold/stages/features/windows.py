"""Rolling windows that the user asked for, and what numbers filled forward in time were last."""

from __future__ import annotations

from collections.abc import Mapping

from tenfold.bundle.rolling import Function, Rolling, rolling_name
from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.foundation.units import format_seconds, parse_seconds
from tenfold.records.dataset import Dataset
from tenfold.records.problem import Problem
from tenfold.stages.features.lags import delay_of, entity_of
from tenfold.stages.features.options import RollingOptions

_EVERYTHING = 0


def plan_rolling(asked: Mapping[str, RollingOptions], problem: Problem, dataset: Dataset) -> tuple[Rolling, ...]:
    """Return the rolling statistics that were asked for.

    Raises
    ------
    InputError
        When there is no time to go back along, a column does not exist, or holds words that cannot be added up.
    """
    planned: list[Rolling] = []
    for name, options in asked.items():
        _check_column(name, "features: rolling", dataset)
        planned += [
            _rolling(name, window, function, options.gap, (problem, dataset))
            for window in options.windows
            for function in options.functions
        ]
    names = [column.name for column in dataset.columns]
    for each in planned:
        if each.name in names:
            raise InputError(f"the rolling window of '{each.column}' would be called '{each.name}', which is a column")
    return tuple(dict.fromkeys(planned))


def plan_last_known(problem: Problem, dataset: Dataset) -> dict[str, Rolling]:
    """Return, for each number with ``impute: forward``, its last known value."""
    return {
        column.name: _rolling(column.name, _EVERYTHING, "last", "0s", (problem, dataset))
        for column in dataset.columns
        if column.impute == "forward" and column.field.kind == "numeric"
    }


def reason_of_rolling(rolling: Rolling) -> str:
    """Return what a rolling statistic is, for a person."""
    along = "of all rows" if rolling.entity is None else f"of the same '{rolling.entity}'"
    if rolling.window == _EVERYTHING:
        span = f"all earlier rows {along}"
    elif isinstance(rolling.window, int):
        span = f"the {rolling.window} latest rows {along}"
    else:
        span = f"the rows {along} in the last {rolling.window}"
    shift = rolling.shift_seconds
    known = f", up to {format_seconds(shift)} before '{rolling.time}'" if shift else f" before '{rolling.time}'"
    what = f"'{rolling.column}' = '{rolling.positive}'" if rolling.positive else f"'{rolling.column}'"
    return f"{rolling.function} of {what} over {span}{known}"


def _rolling(name: str, window: int | str, function: Function, gap: str, known: tuple[Problem, Dataset]) -> Rolling:
    problem, dataset = known
    if problem.time is None:
        raise InputError(
            f"what '{name}' was earlier needs an order in time: name the column that says when, under `problem: time`"
        )
    column = dataset.column(name)
    positive = problem.classes[-1] if name == problem.target and problem.task == "binary" else None
    if column.field.kind not in {"numeric", "boolean"} and positive is None and function != "count":
        raise InputError(
            f"`features: rolling` asks for the {function} of '{name}', which is {column.field.kind}: of it only "
            "`count` can be computed"
        )
    if isinstance(window, str):
        parse_seconds(window)
    return Rolling(
        column=name,
        window=window,
        function=function,
        time=problem.time,
        entity=entity_of(dataset, "rolling windows"),
        gap=gap,
        delay_seconds=delay_of(column, problem),
        positive=positive,
        name=rolling_name(name, function, window, gap),
    )


def _check_column(name: str, where: str, dataset: Dataset) -> None:
    names = [column.name for column in dataset.columns]
    if name not in names:
        raise InputError(f"`{where}` speaks of '{name}', which is not a column.{did_you_mean(name, names)}")
