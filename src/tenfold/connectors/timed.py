"""Tables of which it is known when their rows happened and became known, and how they join."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from tenfold.connectors.aggregates.plan import Aggregate
from tenfold.connectors.canonical import as_words
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.records.dataset import Field

KEY, ROW = "__key", "__row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What of a source joins.

    Attributes
    ----------
    on : mapping of str to str
        Column of the base to column of the source; all must be equal, and nothing equals a missing value.
    columns : tuple of str or None
        What is taken; None is every column that is no key.
    oldest_seconds : float or None
        How long before the moment a row may have happened.
    age : bool
        Whether the seconds between what happened and the moment become a column, ``NAME_age_seconds``.
    source : str or None
        The source, where it joins under another name.
    aggregate : Aggregate or None
        What is computed over all rows that count, instead of taking the last of them.
    sources : mapping of str to Joined
        What is put beside the rows of this source before they are aggregated, known at the same moment.
    """

    on: Mapping[str, str]
    columns: tuple[str, ...] | None = None
    oldest_seconds: float | None = None
    age: bool = False
    source: str | None = None
    aggregate: Aggregate | None = None
    sources: Mapping[str, Joined] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointInTimeJoin:
    """The base, the column of its moments, and the sources that join it by name."""

    base: str
    at: str | None
    sources: Mapping[str, Joined]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A canonical table with what was declared of its times."""

    path: Path
    fields: tuple[Field, ...]
    request: SourceRequest

    @property
    def happened(self) -> str | None:
        """The column of the moment at which a row happened."""
        return self.request.time or self.request.valid_from

    @property
    def is_timed(self) -> bool:
        """Whether rows become known in time; else the table holds for ever."""
        return self.happened is not None or self.request.available_at is not None


def key_numbers(base: Timed, source: Timed, on: Mapping[str, str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the row numbers of both tables with one number for each combination of keys; null where one is missing.

    A key of the base that the source does not have is null as well; keys are equal when their words are.
    """
    left, right = key_words(base, tuple(on)), key_words(source, tuple(on.values()))
    right.columns = left.columns
    known = right.drop_nulls().unique(maintain_order=True).with_row_index(KEY)
    names = left.columns
    numbered = [
        side.join(known, on=names, how="left", maintain_order="left").select(KEY).with_row_index(ROW)
        for side in (left, right)
    ]
    return numbered[0], numbered[1]


def key_words(table: Timed, columns: Sequence[str]) -> pl.DataFrame:
    """Return key columns as words, so that a whole number equals the same number written as text."""
    rows = pl.scan_parquet(table.path)
    schema = rows.collect_schema()
    return rows.select(
        as_words(pl.col(name), schema[name]).alias(f"__{at}") for at, name in enumerate(columns)
    ).collect()


def moments_of(table: Timed, column: str, name: str) -> pl.Series:
    """Return a column of moments; DataError when it holds something else."""
    kind = next(known.kind for known in table.fields if known.name == column)
    if kind != "datetime":
        raise DataError(
            f"column '{column}' of the source '{name}' holds no times ({kind}); declare its datetime_format"
        )
    return pl.scan_parquet(table.path).select(column).collect()[column]


def times_of(table: Timed) -> tuple[str, ...]:
    """Return the columns that say when rows happened, were known and end."""
    request = table.request
    times = (request.time, request.available_at, request.valid_from, request.valid_to)
    return tuple(time for time in times if time is not None)


def need(table: Timed, columns: Iterable[str], name: str) -> None:
    """Raise DataError when a table lacks a column."""
    known = [own.name for own in table.fields]
    for column in columns:
        if column not in known:
            raise DataError(f"source '{name}' has no column '{column}'.{did_you_mean(column, known)}")
