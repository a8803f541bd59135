"""SQL expressions over the columns of a table: slices, and the rule in use today."""

from __future__ import annotations

import polars as pl

from tenfold.foundation.errors import DataError, did_you_mean

_LONGEST = 10_000


def parse_expression(text: str) -> pl.Expr:
    """Return the polars expression for a SQL scalar expression such as ``dep_hour >= 18``.

    Only expressions are understood: no tables, no files, no statements.

    Raises
    ------
    DataError
        When the text is not one expression.
    """
    if len(text) > _LONGEST:
        raise DataError(f"the expression has {len(text)} characters; at most {_LONGEST} are read")
    try:
        return pl.sql_expr(text)
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"'{text}' is not an expression over columns ({reason})") from error


def columns_of(text: str) -> tuple[str, ...]:
    """Return the names of the columns that an expression reads."""
    return tuple(dict.fromkeys(parse_expression(text).meta.root_names()))


def evaluate(text: str, table: pl.DataFrame) -> pl.Series:
    """Return the value of an expression for each row of ``table``.

    Raises
    ------
    DataError
        When a column is missing or the types do not fit.
    """
    expression = parse_expression(text)
    for name in columns_of(text):
        if name not in table.columns:
            raise DataError(
                f"the expression '{text}' reads '{name}', which is not a column.{did_you_mean(name, table.columns)}"
            )
    try:
        return table.select(expression.alias("value"))["value"]
    except pl.exceptions.PolarsError as error:
        raise DataError(f"the expression '{text}' does not fit the data: {str(error).splitlines()[0]}") from error


def holds(text: str, table: pl.DataFrame) -> pl.Series:
    """Return, for each row, whether a condition is true; null counts as not true."""
    value = evaluate(text, table)
    if value.dtype != pl.Boolean:
        raise DataError(f"'{text}' gives {value.dtype}, but a condition (true or false for each row) is needed")
    return value.fill_null(False)
