"""What each column holds: counts, spread, shape, most frequent values; the table is scanned once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

_BINS = 20
_TOP = 10
_LONGEST_SHOWN = 100
_FEW_DISTINCT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """The statistics of one column over all rows.

    ``histogram`` holds (left edge, count) of bins of equal width from ``low`` to ``high``; ``first`` and ``last`` are
    the ends of a column of times, ISO 8601 in UTC.
    """

    missing: int
    distinct: int
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    deviation: float | None = None
    quartiles: tuple[float, ...] = ()
    histogram: tuple[tuple[float, int], ...] = ()
    top: tuple[tuple[str, int], ...] = ()
    first: str | None = None
    last: str | None = None


def profile_columns(table: pl.DataFrame) -> Mapping[str, ColumnProfile]:
    """Return the profile of every column of a canonical table."""
    numbers = [name for name, dtype in table.schema.items() if dtype == pl.Float64]
    times = [name for name, dtype in table.schema.items() if dtype.is_temporal()]
    expressions: list[pl.Expr] = []
    for place, name in enumerate(table.columns):
        column = pl.col(name)
        expressions += [
            column.null_count().alias(f"{place}:missing"),
            column.drop_nulls().n_unique().alias(f"{place}:distinct"),
        ]
        if name in numbers:
            expressions += [
                column.min().alias(f"{place}:low"),
                column.max().alias(f"{place}:high"),
                column.mean().alias(f"{place}:mean"),
                column.std().alias(f"{place}:deviation"),
                *(column.quantile(share, "linear").alias(f"{place}:{share}") for share in (0.25, 0.5, 0.75)),
            ]
        elif name in times:
            expressions += [column.min().alias(f"{place}:low"), column.max().alias(f"{place}:high")]
    seen = table.select(expressions).row(0, named=True)
    return {name: _profile(table[name], place, seen) for place, name in enumerate(table.columns)}


def _profile(column: pl.Series, place: int, seen: Mapping[str, object]) -> ColumnProfile:
    missing, distinct = _whole(seen[f"{place}:missing"]), _whole(seen[f"{place}:distinct"])
    if column.dtype == pl.Float64:
        low, high = _number(seen[f"{place}:low"]), _number(seen[f"{place}:high"])
        quartiles = [_number(seen[f"{place}:{share}"]) for share in (0.25, 0.5, 0.75)]
        return ColumnProfile(
            missing=missing,
            distinct=distinct,
            low=low,
            high=high,
            mean=_number(seen[f"{place}:mean"]),
            deviation=_number(seen[f"{place}:deviation"]),
            quartiles=tuple(value for value in quartiles if value is not None),
            histogram=_histogram(column, low, high),
            top=_top(column) if distinct <= _FEW_DISTINCT else (),
        )
    if column.dtype.is_temporal():
        first, last = seen[f"{place}:low"], seen[f"{place}:high"]
        return ColumnProfile(
            missing=missing, distinct=distinct, first=str(first) if first else None, last=str(last) if last else None
        )
    return ColumnProfile(missing=missing, distinct=distinct, top=_top(column))


def _histogram(column: pl.Series, low: float | None, high: float | None) -> tuple[tuple[float, int], ...]:
    if low is None or high is None:
        return ()
    if low == high or not np.isfinite(high - low):
        return ((low, len(column) - column.null_count()),)
    counts, edges = np.histogram(column.drop_nulls().to_numpy(), bins=_BINS, range=(low, high))
    return tuple((float(edge), int(count)) for edge, count in zip(edges[:-1], counts, strict=True))


def _top(column: pl.Series) -> tuple[tuple[str, int], ...]:
    counts = column.drop_nulls().value_counts(name="count").sort(["count", column.name], descending=[True, False])
    return tuple((_shown(value), int(count)) for value, count in counts.head(_TOP).iter_rows())


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    text = str(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value
