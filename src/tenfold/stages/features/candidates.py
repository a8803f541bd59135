"""Which columns can be features, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tenfold.records.dataset import Column, Field, Kind, Role

_NEARLY_ALL = 0.9
_FEWEST_ROWS = 50
_NOT_FEATURES: Mapping[Role, str] = {
    "target": "it is what is predicted",
    "entity": "it says whose history a row belongs to",
    "group": "its rows stay together in the split, so it tells nothing about new ones",
    "assign": "it divides the traffic of an experiment",
    "weight": "it says how much a row counts",
    "id": "it only names the row",
    "sensitive": "it is sensitive, and not declared a feature",
    "ignored": "it is ignored",
}

MOST_SPLIT, _ROWS_TO_SPLIT = 5_000, 5
"""Trees that split on sets of levels may do so up to so many, of so many rows each on average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A column that can be a feature, with what its development rows hold.

    Attributes
    ----------
    missing : int
        Development rows without a value.
    distinct : int
        Distinct values among the others.
    levels : tuple of str
        Of a categorical column, sorted; empty for the other kinds and where there are too many to list.
    many_levels : tuple of str
        Of a categorical column with too many levels, sorted, where each has enough rows to be split upon.
    impute, scale : str or None
        What the user said.
    """

    field: Field
    missing: int
    distinct: int
    levels: tuple[str, ...] = ()
    many_levels: tuple[str, ...] = ()
    impute: str | None = None
    scale: str | None = None

    @property
    def name(self) -> str:
        """The column's name."""
        return self.field.name

    @property
    def kind(self) -> Kind:
        """What the column holds."""
        return self.field.kind


def unusable(column: Column, *, dates: bool) -> str:
    """Return why the part that a column plays keeps it from being a feature; empty when nothing does."""
    if column.available == "later" and column.role == "feature":
        return "it is known only after the prediction: only its lags can be used"
    if column.role == "time":
        if column.field.kind != "datetime":
            return "it is the time of the prediction: a number that grows never comes again"
        return "" if dates else "it is a time, and `features: {dates: false}`"
    if column.role != "feature":
        said = _NOT_FEATURES[column.role]
        return f"{said} ({column.reason})" if column.role in {"id", "ignored"} else said
    if column.field.kind == "datetime" and not dates:
        return "it is a time, and `features: {dates: false}`"
    return ""


def candidate(field: Field, values: pl.Series, declared: Column, *, most_levels: int) -> Candidate:
    """Describe a column by its development rows; ``declared`` says how the user wants it filled and scaled."""
    present = values.drop_nulls()
    distinct = present.n_unique()
    listed = field.kind == "categorical" and distinct <= most_levels
    split = field.kind == "categorical" and not listed and distinct <= MOST_SPLIT
    split = split and len(present) >= _ROWS_TO_SPLIT * distinct
    levels = tuple(present.unique().sort().to_list()) if listed or split else ()
    return Candidate(
        field=field,
        missing=len(values) - len(present),
        distinct=distinct,
        levels=levels if listed else (),
        many_levels=levels if split else (),
        impute=declared.impute,
        scale=declared.scale,
    )


def says_nothing(found: Candidate, rows: int) -> str:
    """Return why a column cannot tell rows apart; empty when it can."""
    if found.distinct == 0:
        return "no development row has a value"
    if found.distinct == 1 and found.missing == 0:
        return "all development rows hold the same value"
    present = rows - found.missing
    if found.kind == "categorical" and present >= _FEWEST_ROWS and found.distinct > _NEARLY_ALL * present:
        return f"nearly every row has a value of its own ({found.distinct:,} in {present:,} rows)"
    return ""


def copies(candidates: Sequence[Candidate], table: pl.DataFrame) -> dict[str, str]:
    """Return, for each column that equals an earlier one in every row, the name of that one."""
    first: dict[tuple[str, int, int], list[str]] = {}
    result: dict[str, str] = {}
    for found in candidates:
        values = table[found.name]
        alike = first.setdefault((str(values.dtype), found.distinct, found.missing), [])
        original = next((name for name in alike if values.equals(table[name], null_equal=True)), None)
        if original is not None:
            result[found.name] = original
        else:
            alike.append(found.name)
    return result
