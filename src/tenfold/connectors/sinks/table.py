"""Tables to write to: their names, their columns, and frames whose values such columns can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from tenfold.foundation.errors import DataError, InputError

Holds = Literal["text", "integer", "number", "truth", "day", "moment", "local moment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table: what it holds, and whether every row must have a value."""

    name: str
    holds: Holds
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableName:
    """A table's name, with its schema where the database has such."""

    name: str
    schema: str | None = None

    @property
    def quoted(self) -> str:
        """The name for a statement."""
        return quoted(self.name) if self.schema is None else f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def shown(self) -> str:
        """The name for a message or a record."""
        return self.name if self.schema is None else f"{self.schema}.{self.name}"

    def beside(self, name: str) -> TableName:
        """Return another table of the same schema."""
        return TableName(name=name, schema=self.schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShape:
    """The columns of a table, in their order, and the names of those that identify a row."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def holds(name: str, dtype: pl.DataType) -> Holds:
    """Return what a table's column must hold to keep a frame's column."""
    if isinstance(dtype, pl.Datetime):
        return "local moment" if dtype.time_zone is None else "moment"
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Decimal | pl.Null):
        return "text"
    if dtype.is_integer():
        return "integer"
    if dtype.is_float():
        return "number"
    if isinstance(dtype, pl.Boolean):
        return "truth"
    if isinstance(dtype, pl.Date):
        return "day"
    raise InputError(f"the column '{name}' holds {dtype}, which a table cannot keep: leave it out")


def storable(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with exactly the types that columns hold; what a number is not becomes null.

    Raises
    ------
    DataError
        When a whole number is too large for any database's integer.
    """
    return rows.select(_storable(column) for column in rows.get_columns())


def _storable(column: pl.Series) -> pl.Series:
    kind = holds(column.name, column.dtype)
    if kind == "integer":
        try:
            return column.cast(pl.Int64)
        except pl.exceptions.InvalidOperationError as error:
            raise DataError(f"the column '{column.name}' holds whole numbers beyond 64 bits: leave it out") from error
    if kind == "number":
        return column.cast(pl.Float64).fill_nan(None)
    if kind == "moment":
        return column.dt.cast_time_unit("us").dt.convert_time_zone("UTC")
    if kind == "local moment":
        return column.dt.cast_time_unit("us")
    return column.cast(pl.String) if kind == "text" else column


def check_shape(
    found: Sequence[tuple[str, str, bool]],
    wanted: Sequence[tuple[str, str, bool]],
    table: str,
    *,
    later: Mapping[str, str] | None = None,
) -> None:
    """Refuse a table that is there already and is not what rows can be added to.

    Parameters
    ----------
    found, wanted : sequence of (name, type, whether it is in the primary key)
    later : mapping or None
        Columns that tables of earlier releases lack, and the statements that add them.

    Raises
    ------
    InputError
        When a column is missing, superfluous, of another type, or the primary key is another one.
    """
    there = {name: type_ for name, type_, _ in found}
    types = {name: type_ for name, type_, _ in wanted}
    later = later or {}
    absent = [name for name in later if name in types and name not in there]
    if absent:
        check_shape(found, [each for each in wanted if each[0] not in absent], table)
        statements = "; ".join(later[name] for name in absent)
        raise InputError(
            f"the table '{table}' was made by an earlier release and lacks the column '{absent[0]}': add it with "
            f"{statements} (empty in the rows that are there) and run the command again, or name another --table"
        )
    wrong = ""
    for name, type_ in types.items():
        if name not in there:
            wrong = f"it lacks the column '{name}'"
        elif there[name].lower() != type_.lower():
            wrong = f"its column '{name}' is {there[name] or 'without a type'}, where {type_} is needed"
        if wrong:
            break
    extra = [name for name in there if name not in types]
    if not wrong and extra:
        wrong = f"it has the column '{extra[0]}', which nothing would fill"
    key = [name for name, _, is_key in wanted if is_key]
    own = [name for name, _, is_key in found if is_key]
    if not wrong and sorted(own) != sorted(key):
        wrong = f"its primary key is ({', '.join(own) or 'none'}), not ({', '.join(key)})"
    if wrong:
        raise InputError(
            f"the table '{table}' is there already and is not one that these predictions can be added to: {wrong}; "
            f"name another --table, which is then made"
        )
