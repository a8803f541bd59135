"""From a column as its source writes it to a column as its Field says."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from tenfold.connectors.moments import COUNTED, counted, in_utc, moments
from tenfold.records.dataset import Field

MOMENT = pl.Datetime("us", "UTC")
_LARGEST_WHOLE = 2.0**63


def canonical_type(field: Field) -> pl.DataType:
    """Return the type of a field's column in the canonical table."""
    if field.kind == "numeric":
        return pl.Float64()
    if field.kind == "boolean":
        return pl.Boolean()
    if field.kind == "datetime":
        return MOMENT
    return pl.String()


def canonical(field: Field, dtype: pl.DataType) -> pl.Expr:
    """Return the expression that turns a column of ``dtype`` into the field's canonical form.

    What cannot be read becomes null: compare with `present` to find such values.
    """
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        read = _from_text(field)
    elif isinstance(dtype, pl.Null):
        read = pl.col(field.name)
    else:
        read = _from_typed(field, dtype)
    return read.cast(canonical_type(field)).alias(field.name)


def present(field: Field, dtype: pl.DataType) -> pl.Expr:
    """Return the expression that tells which values of a column must not become null.

    Infinite numbers may: no column of a canonical table holds them.
    """
    given = value_given(field, dtype)
    return given & pl.col(field.name).is_finite() if dtype.is_float() else given


def value_given(field: Field, dtype: pl.DataType) -> pl.Expr:
    """Return the expression that tells which values of a column are not missing, as its source writes them."""
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return stripped(field.name, field.missing_markers).is_not_null()
    given = pl.col(field.name).is_not_null()
    if dtype.is_float():
        given &= pl.col(field.name).is_not_nan()
    if field.missing_markers and dtype.is_numeric():
        given &= ~as_words(pl.col(field.name), dtype).is_in(list(field.missing_markers))
    return given


def stripped(name: str, markers: Sequence[str] = ()) -> pl.Expr:
    """Return a text column without the blanks around its values; empty strings and markers are null."""
    text = pl.col(name).cast(pl.String).str.strip_chars()
    missing = text == ""
    if markers:
        missing = missing | text.is_in(list(markers))
    return pl.when(~missing).then(text)


def number_pattern(*, decimal_comma: bool, thousands: str) -> str:
    """Return the regular expression of numbers written with a decimal comma or point and a thousands separator."""
    point = "," if decimal_comma else r"\."
    whole = r"\d+"
    if thousands:
        mark = r"[ \u00a0\u202f]" if thousands == " " else f"\\{thousands}"
        whole = rf"(?:[1-9]\d{{0,2}}(?:{mark}\d{{3}})+|\d+)"
    return rf"^[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?$"


def _from_text(field: Field) -> pl.Expr:
    text = stripped(field.name, field.missing_markers)
    if field.kind == "numeric":
        # Digits after a leading zero are a code, unless the column was declared to hold numbers written so.
        return _numbers(text if field.padded else pl.when(~text.str.contains(r"^[+-]?0\d+$")).then(text), field)
    if field.kind == "boolean":
        lower = text.str.to_lowercase()
        return pl.when(lower == "true").then(True).when(lower == "false").then(False)
    if field.kind == "datetime":
        return moments(text, field.datetime_format, field.timezone)
    return text


def bare(text: pl.Expr, *, unit: str, brackets: bool) -> pl.Expr:
    """Return numbers without the sign of what they count, and with a minus instead of brackets."""
    if brackets:
        text = text.str.replace(r"^\(\s*([^()]+?)\s*\)$", "-${1}")
    if unit:
        sign = f"(?i:{re.escape(unit)})"
        text = text.str.replace(rf"^([+-]?)[ \u00a0]?{sign}[ \u00a0]?([+-]?[\d.,])", "${1}${2}")
        text = text.str.replace(rf"^([+-]?[\d.,].*?)[ \u00a0\u202f]?{sign}$", "${1}")
    return text


def _numbers(text: pl.Expr, field: Field) -> pl.Expr:
    text = bare(text, unit=field.unit, brackets=field.brackets)
    if field.thousands or field.decimal_comma:
        pattern = number_pattern(decimal_comma=field.decimal_comma, thousands=field.thousands)
        text = pl.when(text.str.contains(pattern)).then(text)
    if field.thousands:
        marks = [" ", "\u00a0", "\u202f"] if field.thousands == " " else [field.thousands]
        for mark in marks:
            text = text.str.replace_all(mark, "", literal=True)
    if field.decimal_comma:
        text = text.str.replace(",", ".", literal=True)
    number = text.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _from_typed(field: Field, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(field.name)
    if field.kind == "numeric":
        if isinstance(dtype, pl.Duration):
            return column.dt.total_microseconds() / 1e6
        if dtype.is_numeric() or isinstance(dtype, pl.Boolean):
            number = column.cast(pl.Float64)
            return pl.when(number.is_finite() & value_given(field, dtype)).then(number)
        return pl.lit(None, pl.Float64)
    if field.kind == "boolean":
        return column if isinstance(dtype, pl.Boolean) else pl.lit(None, pl.Boolean)
    if field.kind == "datetime":
        if isinstance(dtype, pl.Date):
            return in_utc(column.cast(pl.Datetime("us")), field.timezone)
        if isinstance(dtype, pl.Datetime):
            if dtype.time_zone is None:
                return in_utc(column.cast(pl.Datetime("us")), field.timezone)
            return column.cast(pl.Datetime("us", dtype.time_zone)).dt.convert_time_zone("UTC")
        if dtype.is_numeric() and field.datetime_format in COUNTED:
            number = column.cast(pl.Float64)
            return counted(pl.when(number.is_finite()).then(number), field.datetime_format, field.timezone)
        return pl.lit(None, MOMENT)
    text = as_words(column, dtype)
    if field.missing_markers:
        text = pl.when(~text.is_in(list(field.missing_markers))).then(text)
    return text


def as_words(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return typed values as strings: whole numbers without ``.0``, truth values as ``true`` and ``false``."""
    if dtype.is_float():
        whole = (column == column.floor()) & (column.abs() < _LARGEST_WHOLE)
        text = (
            pl.when(whole).then(column.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(column.cast(pl.String))
        )
        return pl.when(column.is_finite()).then(text)
    return column.cast(pl.String).str.strip_chars()
