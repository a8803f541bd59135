"""An expression computed over the columns of a table, by polars."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tenfold.foundation.errors import DataError
from tenfold.foundation.row_language.functions import FUNCTIONS, finite
from tenfold.foundation.row_language.tree import Column, Kind, Tree, Value

_DTYPES: Mapping[Kind, pl.DataType] = {
    "number": pl.Float64(),
    "text": pl.String(),
    "truth": pl.Boolean(),
    "time": pl.Datetime("us"),
    "null": pl.Boolean(),
}


def kinds_in(schema: Mapping[str, pl.DataType]) -> dict[str, Kind]:
    """Return what kinds the columns of a table are of; columns that expressions do not read are left out."""
    found = {name: _kind(dtype) for name, dtype in schema.items()}
    return {name: kind for name, kind in found.items() if kind is not None}


def _kind(dtype: pl.DataType) -> Kind | None:
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return "text"
    if isinstance(dtype, pl.Boolean):
        return "truth"
    if isinstance(dtype, pl.Datetime | pl.Date):
        return "time"
    return "null" if isinstance(dtype, pl.Null) else None


def over_columns(tree: Tree, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Return the polars expression of a resolved tree."""
    if isinstance(tree, Value):
        return pl.lit(tree.value, dtype=_DTYPES[tree.kind])
    if isinstance(tree, Column):
        return _column(tree, schema[tree.name])
    function = FUNCTIONS[tree.name]
    if tree.name == "number" and tree.arguments[0].kind != "text":
        return over_columns(tree.arguments[0], schema).cast(pl.Float64)
    if tree.name == "in" and all(isinstance(each, Value) and each.value is not None for each in tree.arguments[1:]):
        members = [each.value for each in tree.arguments[1:] if isinstance(each, Value)]
        among = pl.Series(members, dtype=_DTYPES[tree.arguments[0].kind])
        return over_columns(tree.arguments[0], schema).is_in(among.implode())
    first = len(tree.arguments) if function.written is None else function.written
    given = [
        over_columns(each, schema) if place < first else each.value  # type: ignore[union-attr]  # resolve saw to it
        for place, each in enumerate(tree.arguments)
    ]
    value = function.columns(*given)
    return finite(value) if function.rounds and tree.kind == "number" else value


def _column(tree: Column, dtype: pl.DataType) -> pl.Expr:
    value = pl.col(tree.name)
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is not None:
            value = value.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return value if dtype.time_unit == "us" else value.cast(pl.Datetime("us"))
    if dtype.is_float():
        value = value.fill_nan(None)
    return value if dtype == _DTYPES[tree.kind] else value.cast(_DTYPES[tree.kind])


def value_over(tree: Tree, table: pl.DataFrame, text: str) -> pl.Series:
    """Return the value of a resolved tree for each row of a table.

    Raises
    ------
    DataError
        When polars cannot compute it.
    """
    try:
        value = table.select(over_columns(tree, table.schema).cast(_DTYPES[tree.kind]).alias("value"))["value"]
    except pl.exceptions.PolarsError as error:
        raise DataError(f"the expression '{text}' does not fit the data: {str(error).splitlines()[0]}") from error
    # What reads no column is one value.
    return value if len(value) == table.height else value.new_from_index(0, table.height)
