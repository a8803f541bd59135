"""Values that stand for none: dates no one meant, words for nothing, numbers piled up where no others are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
import polars as pl

from tenfold.records.dataset import Column, Finding

_FEWEST = 3
_PILED = 5.0
_MOSTLY = 0.5
_SOMETIMES_ZERO = 0.3
_APART = 0.6
_DATES = (
    date(1899, 12, 30),
    date(1899, 12, 31),
    date(1900, 1, 1),
    date(1901, 1, 1),
    date(1970, 1, 1),
    date(1753, 1, 1),
    date(1, 1, 1),
    date(1800, 1, 1),
    date(1111, 11, 11),
    date(2099, 12, 31),
    date(2999, 12, 31),
    date(9999, 12, 31),
)
_NUMBERS = (-1.0, -9.0, -99.0, -999.0, -9999.0, 0.0, 99.0, 999.0, 9999.0, 99999.0)
_WORDS = frozenset(
    {"-", "--", ".", "...", "?", "??", "x", "xx", "n.a.", "n/a", "na", "none", "null", "nil", "nan", "unknown", "unk"}
    | {"missing", "tbd", "tba", "undefined", "(blank)", "blank", "empty", "not available", "not applicable", "no data"}
    | {"not known", "not given", "keine angabe", "unbekannt", "inconnu", "desconocido"}
)


def find_stand_ins(table: pl.DataFrame, columns: Sequence[Column]) -> list[Finding]:
    """Return the columns with values that seem to mean missing, beside the numbers far from all others."""
    found = []
    for column in columns:
        if column.role not in {"feature", "time", "target"}:
            continue
        values = table[column.name]
        if column.field.kind == "datetime":
            told = _dates(values)
        elif column.field.kind == "numeric":
            told = _numbers(values, column)
        elif values.dtype == pl.String:
            told = _words(values, column)
        else:
            told = []
        for shown, rows in told:
            message = (
                f"'{column.name}' is {shown} in {rows:,} rows: does it mean missing? If so, write"
                f" `data: {{columns: {{{column.name}: {{missing: [{shown.strip(chr(39))}]}}}}}}`"
            )
            found.append(Finding(rule="stand-in", severity="warning", message=message, column=column.name, rows=rows))
    return found


def _dates(values: pl.Series) -> list[tuple[str, int]]:
    days = values.drop_nulls().cast(pl.Datetime("us")).dt.date()
    found = []
    for day in _DATES:
        rows = int((days == day).sum())
        if rows < _FEWEST:
            continue
        rest = days.filter(days != day)
        near = int(((rest - day).dt.total_days().abs() <= 365).sum()) if len(rest) else 0
        # Among days of the same year it is a day as any other, unless rows pile up there.
        if near < rows / 2:
            found.append((f"'{datetime(day.year, day.month, day.day).date().isoformat()}'", rows))  # noqa: DTZ001  # a day
    return found


def _numbers(values: pl.Series, column: Column) -> list[tuple[str, int]]:
    """Return numbers such as -1 where all others are positive, or 999 piled up among thinly spread ones."""
    known = values.drop_nulls().cast(pl.Float64).to_numpy()
    known = known[np.isfinite(known)]
    if len(known) < 50 or column.distinct < 15:
        return []
    found = []
    for value in _NUMBERS:
        rows = int((known == value).sum())
        if rows < max(_FEWEST, 0.002 * len(known)):
            continue
        rest = known[known != value]
        if value < 0:
            # A lone negative number among positive ones that do not reach down to it.
            if rest.min() >= 0 and not _far(value, rest) and rows >= max(10, 0.005 * len(known)):
                found.append((f"{value:g}", rows))
        elif value == 0.0:
            if (
                rows < _SOMETIMES_ZERO * len(known)
                and rest.min() > 0
                and rest.min() > 0.2 * np.median(rest)
                # A calm is a speed: where numbers begin near zero already, zero is the next one down.
                and rest.min() > _APART * (np.median(rest) - rest.min())
                and rows >= 10
            ):
                found.append((f"{value:g}", rows))
        elif not _far(value, rest) and value > np.quantile(rest, 0.9):
            width = max(float(np.subtract(*np.quantile(rest, [0.75, 0.25]))) / 4, 1.0)
            around = int(((np.abs(rest - value)) <= width).sum())
            if rows > _PILED * max(around, 1) and rows >= 10:
                found.append((f"{value:g}", rows))
    return found


def _far(value: float, rest: np.ndarray) -> bool:
    """Whether a value stands so far away that the general look at columns tells of it already."""
    low, high = float(rest.min()), float(rest.max())
    return min(abs(value - low), abs(value - high)) > high - low or (value <= -9 and low >= 0)


def _words(values: pl.Series, column: Column) -> list[tuple[str, int]]:
    if column.field.kind == "text" or column.distinct < 2 or column.role == "target":
        return []
    counts = values.drop_nulls().value_counts(name="\0rows").sort(["\0rows", values.name], descending=[True, False])
    found = []
    for level, rows in counts.head(2_000).iter_rows():
        if rows >= _FEWEST and str(level).casefold().strip() in _WORDS and rows < _MOSTLY * len(values):
            found.append((f"'{level}'", int(rows)))
    return found
