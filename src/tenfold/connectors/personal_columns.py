"""Columns that hold personal data: found where a table is read, and hidden before anything else sees a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from tenfold.bundle.signature import canonical_type, hide_column
from tenfold.foundation.personal import MAYBE, find_personal, hide_number, mask_personal
from tenfold.records.dataset import Field, Personal

HIDING = 1
"""Raised when other values are hidden, so that cached tables are made anew."""

_LOOKED_AT = 20_000
_ROW_GROUP = 131_072
_MOST = 0.5
_LONG_CODE = 10
_LONG_NUMBER = 1e10
_ALL_LONG = 0.9
_NUMBERS_MOST = 0.8
_FEWEST_NUMBERS = 20
# A card's number in a column of amounts stands this far above all of them.
_APART = 1_000.0


def hide_personal(table: Path, fields: Sequence[Field]) -> tuple[Field, ...]:
    """Replace the personal data in a canonical table, in place, and return its fields with what was found.

    A word that holds personal data becomes its pseudonym, personal data in a text become their kind. A column of whole
    numbers most of which have the check digits of cards or of national ids is read as words, which are pseudonyms then;
    one such number far above all others of its column is missing. Where only digits have such a form and most others of
    their length do not, they are codes: one in ten fits check digits by chance.

    Parameters
    ----------
    table : Path
        A Parquet file as ingestion writes it.
    """
    rows = pl.scan_parquet(table)
    found = {field.name: _looked_at(rows, field) for field in fields}
    told = tuple(_as_read(field, found[field.name]) for field in fields)
    hidden = [field for field in told if field.personal in {"some", "most"}]
    if hidden:
        rows.with_columns(_hidden(field) for field in hidden).sink_parquet(
            beside := table.with_name(f"{table.name}.hidden"), compression="lz4", row_group_size=_ROW_GROUP
        )
        beside.replace(table)
    return told


def _hidden(field: Field) -> pl.Expr:
    """Return the expression that hides what a column holds, stretch by stretch."""
    dtype = canonical_type(field.kind)
    column = pl.col(field.name)
    return column.map_batches(
        lambda values: hide_column(_as_words(values, field), field), return_dtype=dtype, is_elementwise=True
    )


def _looked_at(rows: pl.LazyFrame, field: Field) -> Personal:
    name = field.name
    if field.kind == "numeric":
        return _numbers(rows, field)
    if field.kind not in {"categorical", "text"}:
        return ""
    if field.levels:
        return _words(field.levels, len(field.levels), text=False)
    maybe = rows.select(pl.col(name).filter(pl.col(name).str.contains(MAYBE)).unique(maintain_order=True))
    values = maybe.head(_LOOKED_AT).collect(engine="streaming")[name].to_list()
    if not values or field.kind == "text":
        return _words(values, 0, text=True)
    distinct = rows.select(pl.col(name).drop_nulls().n_unique()).collect(engine="streaming").item()
    return _words(values, min(int(distinct), _LOOKED_AT), text=False)


def _words(values: Iterable[str], distinct: int, *, text: bool) -> Personal:
    """Return what distinct values hold, of ``distinct`` that the column has."""
    codes, fitting, holding = 0, 0, 0
    for value in values:
        found = bool(find_personal(value))
        if not text and _is_code(value):
            codes += 1
            fitting += found
        else:
            holding += found
    by_chance = fitting < _MOST * codes
    if not holding and (by_chance or not fitting):
        return "codes" if fitting else ""
    together = holding if by_chance else holding + fitting
    return "most" if not text and together >= _MOST * distinct else "some"


def _is_code(value: str) -> bool:
    return value.isdigit() and len(value) >= _LONG_CODE


def _numbers(rows: pl.LazyFrame, field: Field) -> Personal:
    value = pl.col(field.name)
    counts = rows.select(value.count().alias("all"), (value >= _LONG_NUMBER).sum().alias("long"))
    every, many = counts.collect(engine="streaming").row(0)
    if not many:
        return ""
    long = rows.select(value.filter(value >= _LONG_NUMBER).unique(maintain_order=True)).head(_LOOKED_AT)
    numbers = long.collect(engine="streaming")[field.name].to_list()
    fitting = [number for number in numbers if hide_number(number) != number]
    if many >= _ALL_LONG * every and len(numbers) >= _FEWEST_NUMBERS:
        return "most" if len(fitting) >= _NUMBERS_MOST * len(numbers) else ""
    if not fitting or len(fitting) < len(numbers):
        return ""
    others = rows.select(value.filter(value < _LONG_NUMBER).max()).collect(engine="streaming").item()
    return "some" if others is None or min(fitting) >= _APART * others else ""


def _as_read(field: Field, personal: Personal) -> Field:
    if not personal:
        return field
    if field.kind == "numeric" and personal == "most":
        reason = "whole numbers with the check digits of cards or of national ids: names of people, not quantities"
        return Field(name=field.name, kind="categorical", reason=reason, personal=personal)
    field = replace(field, personal=personal, reason=mask_personal(field.reason))
    if field.personal == "codes" or not field.levels:
        return field
    return replace(field, levels=tuple(sorted(hide_column(pl.Series(field.levels), field).to_list())))


def _as_words(values: pl.Series, field: Field) -> pl.Series:
    """Return the numbers of a column that is read as words since as words; anything else as it is."""
    if field.kind != "categorical" or values.dtype == pl.String:
        return values
    return values.cast(pl.Int64).cast(pl.String).alias(field.name)
