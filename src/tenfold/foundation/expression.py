"""Expressions over the columns of a row: slices, the rule in use today, amounts of money, conditions of a contract.

One language, a part of SQL, for all of them: see docs/reference/file.md. A table and a single row give the same value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tenfold.foundation.errors import DataError
from tenfold.foundation.row_language.over_row import over_row
from tenfold.foundation.row_language.parse import parse
from tenfold.foundation.row_language.resolve import kind_of, resolve
from tenfold.foundation.row_language.tree import SPOKEN, Kind, Scalar, columns_in

if TYPE_CHECKING:
    import polars as pl


def columns_of(text: str) -> tuple[str, ...]:
    """Return the names of the columns that an expression reads.

    Raises
    ------
    DataError
        When the text is not one expression.
    """
    return columns_in(parse(text))


def evaluate(text: str, table: pl.DataFrame) -> pl.Series:
    """Return the value of an expression for each row of ``table``: Float64, String, Boolean or Datetime in UTC.

    Raises
    ------
    DataError
        When a column is missing or the types do not fit.
    """
    from tenfold.foundation.row_language.over_columns import kinds_in, value_over

    return value_over(resolve(parse(text), text, kinds_in(table.schema)), table, text)


def evaluate_row(text: str, row: Mapping[str, object]) -> Scalar:
    """Return the value of an expression for one row, by the names of its columns.

    Raises
    ------
    DataError
        When a column is missing or the values do not fit.
    """
    tree = parse(text)
    # Every name of the row is known, so that the nearest one can be told; only values that are read must be readable.
    kinds: dict[str, Kind] = dict.fromkeys(row, "null")
    kinds |= {name: kind_of(row[name]) for name in columns_in(tree) if name in row}
    return over_row(resolve(tree, text, kinds), row)


def condition(text: str, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Return the polars expression of a condition over the columns of a schema; null where it is not known.

    Raises
    ------
    DataError
        When it does not fit the columns, or gives no condition.
    """
    from tenfold.foundation.row_language.over_columns import kinds_in, over_columns

    tree = resolve(parse(text), text, kinds_in(schema))
    _need_condition(text, tree.kind)
    return over_columns(tree, schema)


def holds(text: str, table: pl.DataFrame) -> pl.Series:
    """Return, for each row, whether a condition is true; null counts as not true."""
    from tenfold.foundation.row_language.over_columns import kinds_in, value_over

    tree = resolve(parse(text), text, kinds_in(table.schema))
    _need_condition(text, tree.kind)
    return value_over(tree, table, text).fill_null(False)


def _need_condition(text: str, kind: Kind) -> None:
    if kind not in {"truth", "null"}:
        raise DataError(f"'{text}' gives {SPOKEN[kind]}, but a condition (true or false for each row) is needed")
