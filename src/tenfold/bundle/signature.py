"""The columns that a prediction needs: the same for a table, a list of rows and a single row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tenfold.bundle.canonical import BLANKS, Unreadable, Value, canonical_value, without_personal
from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.foundation.personal import MAYBE, hide_number
from tenfold.records.dataset import Field, Kind

_MOMENT = pl.Datetime("us", "UTC")
_TYPES: Mapping[Kind, pl.DataType] = {
    "numeric": pl.Float64(),
    "boolean": pl.Boolean(),
    "categorical": pl.String(),
    "text": pl.String(),
    "datetime": _MOMENT,
}
_NAMES_SHOWN = 8
_LEAST_PERSONAL = 1e10


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The fields that a model reads, in order."""

    fields: tuple[Field, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(field.name for field in self.fields)

    def conform(self, rows: object) -> pl.DataFrame:
        """Return rows as a canonical table with exactly these columns, in this order.

        Parameters
        ----------
        rows : polars.DataFrame, pandas.DataFrame or sequence of mappings
            In any order of columns; columns that the model does not read are left out.

        Returns
        -------
        polars.DataFrame
            Each column of the type that ``records.dataset.Field`` documents. Missing values and categories that were
            never seen pass: the model was fitted to know what to do with them.

        Raises
        ------
        DataError
            When a column is missing, or a value is of another nature than its column: the message names the column and
            the row (counted from 1).
        """
        columns, height = _columns(rows, self.names)
        series = [_conformed(field, columns[field.name]) for field in self.fields]
        return pl.DataFrame(series) if series else pl.DataFrame(height=height)

    def conform_row(self, row: Mapping[str, object]) -> dict[str, Value]:
        """Return one row, a mapping from column to value, with exactly these columns in canonical form.

        Raises
        ------
        DataError
            As `conform` does.
        """
        result: dict[str, Value] = {}
        for field in self.fields:
            try:
                result[field.name] = canonical_value(field, row[field.name])
            except KeyError:
                raise _missing(field.name, row) from None
            except Unreadable as error:
                raise DataError(f"column '{field.name}': {error}") from error
        return result


def column_names(rows: object) -> tuple[str, ...]:
    """Return the names of the columns that rows have: those of the first of a list of mappings."""
    if isinstance(rows, Sequence):
        return tuple(map(str, rows[0])) if rows and isinstance(rows[0], Mapping) else ()
    return tuple(map(str, getattr(rows, "columns", ())))


def canonical_type(kind: Kind) -> pl.DataType:
    """Return the type of a column of this kind in the canonical table."""
    return _TYPES[kind]


def _columns(rows: object, names: Sequence[str]) -> tuple[Mapping[str, pl.Series | list[Any]], int]:
    if isinstance(rows, pl.DataFrame):
        _check_present(names, rows.columns)
        return {name: rows[name] for name in names}, rows.height
    if type(rows).__module__.split(".")[0] == "pandas" and hasattr(rows, "columns"):
        return _pandas_columns(rows, names), len(rows)  # type: ignore[arg-type]  # a pandas frame has a length
    if isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
        return _row_columns(rows, names), len(rows)
    raise DataError(
        f"rows to predict are a polars or pandas data frame or a list of mappings, not {type(rows).__name__}"
        + (" (put the one mapping into a list)" if isinstance(rows, Mapping) else "")
    )


def _pandas_columns(frame: Any, names: Sequence[str]) -> dict[str, pl.Series | list[Any]]:
    found = [str(name) for name in frame.columns]
    _check_present(names, found)
    result: dict[str, pl.Series | list[Any]] = {}
    for name in names:
        if found.count(name) > 1:
            raise DataError(f"the data frame has {found.count(name)} columns called '{name}'; keep one")
        values = frame.iloc[:, found.index(name)]
        # Columns of Python objects and of categories are read value by value: their types may be mixed.
        typed = values.dtype.kind in "iufbM" and isinstance(values.dtype, np.dtype)
        result[name] = pl.Series(name, values.to_numpy()) if typed else values.astype(object).tolist()
    return result


def _row_columns(rows: Sequence[object], names: Sequence[str]) -> dict[str, pl.Series | list[Any]]:
    columns: dict[str, pl.Series | list[Any]] = {}
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise DataError(f"row {number} is a {type(row).__name__}, not a mapping from column to value")
    for name in names:
        try:
            columns[name] = [row[name] for row in rows]  # type: ignore[index]  # all are mappings
        except KeyError:
            number, short = next((at, row) for at, row in enumerate(rows, start=1) if name not in row)  # type: ignore[operator]  # mappings
            raise DataError(f"row {number}: {_missing(name, short)}") from None  # type: ignore[arg-type]  # a mapping is one
    return columns


def _check_present(names: Iterable[str], found: Sequence[str]) -> None:
    present = set(found)
    for name in names:
        if name not in present:
            raise _missing(name, found)


def _missing(name: str, found: Iterable[object]) -> DataError:
    known = [str(item) for item in found]
    shown = ", ".join(known[:_NAMES_SHOWN]) + (", ..." if len(known) > _NAMES_SHOWN else "")
    return DataError(
        f"the column '{name}' that the model reads is not there (given: {shown or 'no column'})."
        f"{did_you_mean(name, known)}"
    )


def _conformed(field: Field, values: pl.Series | list[Any]) -> pl.Series:
    """Return a column in canonical form: at once where its type allows, else by each distinct value."""
    dtype = canonical_type(field.kind)
    if isinstance(values, list):
        return pl.Series(field.name, _each(field, values), dtype=dtype)
    quick = _at_once(field, values)
    if quick is not None:
        return quick.rename(field.name)
    if values.dtype.is_nested() or isinstance(values.dtype, pl.Object):
        return pl.Series(field.name, _each(field, values.to_list()), dtype=dtype)
    distinct = values.unique(maintain_order=True)
    read = pl.Series(field.name, _each(field, distinct.to_list(), within=values), dtype=dtype)
    lookup = pl.DataFrame({"given": distinct, "read": read})
    joined = values.to_frame("given").join(
        lookup, on="given", how="left", nulls_equal=True, maintain_order="left", validate="m:1"
    )
    return joined["read"].rename(field.name)


def hide_column(values: pl.Series, field: Field) -> pl.Series:
    """Return a column in canonical form without the personal data that its field says it holds.

    A word is replaced by its pseudonym, personal data in a text by their kind, a number that is none of its column's
    kind but that of a card or a person is missing. What was replaced already stays as it is.
    """
    if field.personal in {"", "codes"}:
        return values
    if field.kind == "numeric":
        large = values.filter(values.abs() >= _LEAST_PERSONAL).drop_nulls().unique().to_list()
        gone = [number for number in large if hide_number(number) != number]
        return values.set(values.is_in(gone).fill_null(value=False), None) if gone else values
    if field.kind not in {"categorical", "text"}:
        return values
    found = values.filter(values.str.contains(MAYBE)).drop_nulls().unique(maintain_order=True)
    if found.is_empty():
        return values
    hidden = {value: without_personal(field, value) for value in found.to_list()}
    return values.replace({value: other for value, other in hidden.items() if value != other})


def _each(field: Field, values: Iterable[object], *, within: pl.Series | None = None) -> list[Value]:
    result = []
    for place, value in enumerate(values):
        try:
            result.append(canonical_value(field, value))
        except Unreadable as error:
            row = place if within is None else int((within == value).arg_max() or 0)
            raise DataError(f"column '{field.name}', row {row + 1}: {error}") from error
    return result


def _at_once(field: Field, values: pl.Series) -> pl.Series | None:
    """Return the column converted as a whole when every value of its type can be; None when each must be looked at."""
    dtype = values.dtype
    if isinstance(dtype, pl.Null):
        return values.cast(canonical_type(field.kind))
    if field.kind == "numeric" and dtype.is_numeric():
        numbers = values if isinstance(dtype, pl.Float64) else values.cast(pl.Float64)
        array = numbers.to_numpy()
        # Each expression of polars costs as much as some hundred numbers: none where every number is one already.
        if int(np.isnan(array).sum()) != numbers.null_count():
            numbers = numbers.fill_nan(None)
        if bool(np.isinf(array).any()):
            row = numbers.is_infinite().arg_max() or 0
            found = Unreadable(f"the number {numbers[row]!r} where a finite number (or none at all) is needed")
            raise DataError(f"column '{field.name}', row {row + 1}: {found}")
        return hide_column(numbers, field)
    if field.kind == "boolean" and isinstance(dtype, pl.Boolean):
        return values
    if field.kind in {"categorical", "text"} and isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        text = values.cast(pl.String).str.strip_chars(BLANKS)
        missing = (text == "") | text.is_in(list(field.missing_markers))
        text = text.set(missing.fill_null(value=False), None)
        return hide_column(text, field)
    if field.kind == "datetime" and isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return values.dt.convert_time_zone("UTC").cast(_MOMENT)
    return None
