"""The target as later stages want it: class labels as strings, or numbers; rows without it left out."""

from __future__ import annotations

import polars as pl

from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.records.problem import Problem

MISSING_TARGET = "missing target"
_LARGEST_WHOLE = 2.0**63


def with_target(table: pl.DataFrame, problem: Problem) -> tuple[pl.DataFrame, int]:
    """Return the rows whose target is known, the target in its final form, and how many rows were left out.

    Raises
    ------
    DataError
        When there is no such column, no row has a target, or there is nothing to tell apart.
    """
    target = problem.target
    if target not in table.columns:
        raise DataError(f"the target '{target}' is not a column of the data.{did_you_mean(target, table.columns)}")
    if table.is_empty():
        raise DataError("the table has no rows")
    kept = table.with_columns(in_final_form(table[target], problem)).filter(pl.col(target).is_not_null())
    if kept.is_empty():
        raise DataError(f"the target '{target}' is missing in all {table.height:,} rows")
    if kept.height == 1:
        raise DataError(f"only one row has a value of the target '{target}'; nothing can be learned from it")
    if kept[target].n_unique() == 1:
        value = kept[target][0]
        what = "number" if problem.task == "regression" else "class"
        raise DataError(f"the target '{target}' holds a single {what} ('{value}'); there is nothing to tell apart")
    return kept, table.height - kept.height


def in_final_form(column: pl.Series, problem: Problem) -> pl.Series:
    """Return the target as labels or as numbers, missing where it is."""
    if problem.task == "regression":
        if not column.dtype.is_numeric():
            raise DataError(f"the target '{column.name}' holds {_words(column)}, but a regression needs numbers")
        return column.cast(pl.Float64)
    if column.dtype.is_float():
        whole = (column == column.floor()) & (column.abs() < _LARGEST_WHOLE)
        labels = pl.select(
            pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(column.cast(pl.String))
        )
        return labels.to_series().alias(column.name)
    if column.dtype.is_temporal():
        raise DataError(f"the target '{column.name}' holds times, which are no classes")
    return column.cast(pl.String)


def _words(column: pl.Series) -> str:
    return "times" if column.dtype.is_temporal() else "words"
