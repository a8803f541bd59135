"""Whether what the user wrote fits the data: times, slices, the rule, the requirements."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.foundation.expression import columns_of, evaluate, holds
from tenfold.measures.names import metric_name
from tenfold.records.dataset import Field
from tenfold.records.problem import ValueMatrix
from tenfold.stages.problem.options import ProblemOptions
from tenfold.stages.problem.target import Target


def check_statement(
    options: ProblemOptions, target: Target, value: ValueMatrix | None, fields: Sequence[Field], rows: pl.DataFrame
) -> None:
    """Refuse what cannot be judged, before anything is computed.

    Parameters
    ----------
    rows : polars.DataFrame
        A few rows with every column, on which expressions are tried.

    Raises
    ------
    InputError
        When a column, a metric, a slice or the rule does not fit; the message names it.
    """
    _check_time(options, fields)
    for name, condition in options.slices.items():
        try:
            holds(condition, rows)
        except DataError as error:
            raise DataError(f"slice '{name}': {error}") from error
    if options.rule is not None:
        _check_rule(options.rule, target, options.target, rows)
    for requirement in options.requirements:
        known = metric_name(requirement.metric, target.task)
        if known.name == "value_per_row" and value is None:
            raise DataError(
                f"requirement '{requirement.id}' is about money: say what decisions bring in `problem.value`"
            )
        for name in requirement.slices:
            if name not in options.slices:
                raise DataError(
                    f"requirement '{requirement.id}' is about the slice '{name}', which `problem.slices` does not"
                    " define."
                    f"{did_you_mean(name, options.slices)}"
                )


def _check_time(options: ProblemOptions, fields: Sequence[Field]) -> None:
    if options.time is None:
        return
    kinds = {known.name: known.kind for known in fields}
    if options.time not in kinds:
        raise DataError(
            f"`problem.time` is '{options.time}', which is not a column.{did_you_mean(options.time, kinds)}"
        )
    if options.time == options.target:
        raise DataError(f"'{options.time}' cannot be both the target and the time of the prediction")
    if kinds[options.time] not in ("datetime", "numeric"):
        raise DataError(
            f"`problem.time` is '{options.time}', which was read as {kinds[options.time]}; a date or a number is"
            " needed."
            f" `data: {{columns: {{{options.time}: {{kind: datetime}}}}}}` reads it as a date"
        )


def _check_rule(rule: str, target: Target, name: str, rows: pl.DataFrame) -> None:
    if name in columns_of(rule):
        raise DataError(f"the rule '{rule}' reads the target '{name}', which is not known when a decision is made")
    values = evaluate(rule, rows)
    if target.task == "binary" and values.dtype != pl.Boolean:
        raise DataError(
            f"the rule '{rule}' gives {values.dtype}; a condition is needed, true where the class is positive"
        )
    if target.task == "regression" and not values.dtype.is_numeric():
        raise DataError(f"the rule '{rule}' gives {values.dtype}; a number is needed, the prediction itself")
    if target.task == "multiclass" and values.dtype != pl.String:
        raise DataError(f"the rule '{rule}' gives {values.dtype}; a class is needed (`CASE WHEN … THEN 'class' … END`)")
