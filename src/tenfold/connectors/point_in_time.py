"""Sources put beside the rows of one table, each as it was known just before the row's moment."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tenfold.connectors.canonical import as_words
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.records.dataset import Field

AGE = "age_seconds"
_ROW = "__row"
_KEY = "__key"
_AT = "__at"
_HAPPENED = "__happened"
_KNOWN = "__known"
_ENDS = "__ends"
_RANK = "__rank"


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
    """

    on: Mapping[str, str]
    columns: tuple[str, ...] | None = None
    oldest_seconds: float | None = None
    age: bool = False
    source: str | None = None


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


def join_as_known(tables: Mapping[str, Timed], join: PointInTimeJoin, into: Path) -> Path:
    """Write every row of the base, in its order, with the row of each source that was in force just before its moment.

    Of the rows with equal keys, a row counts at moment ``t`` when it happened before ``t`` (``time`` or
    ``valid_from``), was known before ``t`` (``time`` plus ``available``, or ``available_at``), and ends at ``t`` or
    later (``valid_to``; missing is never). All of these are exclusive: what happens or becomes known at ``t`` itself
    does not count. Of several the one that happened last is taken; among those of one moment the one that became known
    last, then the one that stands last. A row whose times are missing never counts. Where none counts, the columns
    are missing.

    A source without times must hold each key once.

    Raises
    ------
    DataError
        When a column does not exist, holds no times where times are needed, or a source without times is ambiguous.
    """
    base = tables[join.base]
    _need(base, (join.at,) if join.at is not None else (), join.base)
    rows = pl.scan_parquet(base.path)
    taken = {field.name for field in base.fields}
    parts: list[pl.LazyFrame] = [rows]
    for name, joined in join.sources.items():
        source = tables[joined.source or name]
        columns = _columns(source, joined, name)
        _need(base, joined.on.keys(), join.base)
        found, ages = _rows_in_force(base, source, joined, join, name)
        renamed = {column: column if column not in taken else f"{name}_{column}" for column in columns}
        twice = next((new for new in renamed.values() if new in taken), None)
        if twice is not None:
            raise DataError(f"'{twice}' of the source '{name}' has the name of another column; rename it at its source")
        taken |= set(renamed.values())
        parts.append(_picked(source, found, renamed))
        if joined.age:
            taken.add(f"{name}_{AGE}")
            parts.append(pl.LazyFrame({f"{name}_{AGE}": ages}))
    pl.concat(parts, how="horizontal").sink_parquet(into, maintain_order=True)
    return into


def _rows_in_force(
    base: Timed, source: Timed, joined: Joined, join: PointInTimeJoin, name: str
) -> tuple[pl.Series, pl.Series]:
    """Return for each row of the base the number of the source's row, null where there is none, and its age."""
    left, right = _keyed(base, source, joined)
    if not source.is_timed:
        twice = right.filter(pl.col(_KEY).is_not_null() & pl.col(_KEY).is_duplicated())
        if twice.height:
            raise DataError(
                f"the source '{name}' holds a key more than once (rows {twice[_ROW][0] + 1} and {twice[_ROW][1] + 1});"
                " say with `time` which row counts when"
            )
        found = left.select(_KEY).join(right, on=_KEY, how="left", maintain_order="left")[_ROW]
        return found, pl.Series([None] * left.height, dtype=pl.Float64)
    if join.at is None:
        raise DataError(
            f"the source '{name}' changes in time: say with `at` which column of '{join.base}' is the moment"
        )
    left = left.with_columns(pl.Series(_AT, _moments(base, join.at, join.base)))
    right = _with_times(source, right, name)
    found = _latest_valid(left, right) if source.request.valid_to is not None else _latest(left, right)
    happened = right.select(_ROW, _HAPPENED)
    seen = left.select(_AT).with_columns(found.alias(_ROW)).join(happened, on=_ROW, how="left", maintain_order="left")
    age = (pl.col(_AT) - pl.col(_HAPPENED)).dt.total_microseconds() / 1e6
    ages = seen.select(age.alias(AGE))[AGE]
    if joined.oldest_seconds is not None:
        too_old = (ages > joined.oldest_seconds).fill_null(value=False)
        found = pl.select(pl.when(~too_old).then(found).alias(_ROW))[_ROW]
        ages = pl.select(pl.when(~too_old).then(ages).alias(AGE))[AGE]
    return found, ages


def _latest(left: pl.DataFrame, right: pl.DataFrame) -> pl.Series:
    """Return the last row to have happened among those known before each moment.

    Rows are put into the order in which they became known; the best so far, by what happened, is then a running
    maximum, and one search finds it for each moment.
    """
    best = (
        right.sort(_KNOWN, _RANK)
        .with_columns(pl.col(_RANK).cum_max().over(_KEY))
        .unique((_KEY, _KNOWN), keep="last", maintain_order=True)
        .select(_KEY, _KNOWN, _RANK)
    )
    asked = left.with_row_index("__place").filter(pl.col(_AT).is_not_null() & pl.col(_KEY).is_not_null())
    met = asked.sort(_AT).join_asof(
        best,
        left_on=_AT,
        right_on=_KNOWN,
        by=_KEY,
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    ranked = met.select("__place", _RANK).join(right.select(_RANK, pl.col(_ROW).alias("__found")), on=_RANK, how="left")
    places = pl.DataFrame({"__place": pl.int_range(left.height, dtype=pl.UInt32, eager=True)})
    return places.join(ranked, on="__place", how="left", maintain_order="left")["__found"].alias(_ROW)


def _latest_valid(left: pl.DataFrame, right: pl.DataFrame) -> pl.Series:
    """Return the last row to have happened among those known before each moment and not ended by then.

    Moments are met in order. What becomes known goes on a heap for its key, what has ended is thrown away when it comes
    to the top: it cannot come back, as moments only grow.
    """
    known = right.sort(_KNOWN, _RANK).select(_KEY, _KNOWN, _RANK, _ENDS, _ROW)
    asked = left.with_row_index("__place").filter(pl.col(_AT).is_not_null() & pl.col(_KEY).is_not_null()).sort(_AT)
    keys, moments = known[_KEY].to_list(), known[_KNOWN].dt.epoch("us").to_numpy()
    ranks, rows = known[_RANK].to_list(), known[_ROW].to_list()
    never = np.iinfo(np.int64).max
    ends = known[_ENDS].dt.epoch("us").fill_null(never).to_list()
    heaps: dict[int, list[tuple[int, int, int]]] = {}
    found: list[int | None] = [None] * left.height
    upcoming = 0
    for place, key, at in zip(
        asked["__place"].to_list(), asked[_KEY].to_list(), asked[_AT].dt.epoch("us").to_list(), strict=True
    ):
        while upcoming < len(keys) and moments[upcoming] < at:
            heap = heaps.setdefault(keys[upcoming], [])
            heapq.heappush(heap, (-ranks[upcoming], ends[upcoming], rows[upcoming]))
            upcoming += 1
        heap = heaps.get(key, [])
        while heap and heap[0][1] < at:
            heapq.heappop(heap)
        if heap:
            found[place] = heap[0][2]
    return pl.Series(_ROW, found, dtype=pl.UInt32)


def _with_times(source: Timed, right: pl.DataFrame, name: str) -> pl.DataFrame:
    """Add when a row happened, was known and ends, and its rank among all; rows without a time are left out."""
    request = source.request
    known = request.available_at
    happened = source.happened or known
    assert happened is not None
    columns = [pl.Series(_HAPPENED, _moments(source, happened, name))]
    if known is not None:
        columns.append(pl.Series(_KNOWN, _moments(source, known, name)))
    if request.valid_to is not None:
        columns.append(pl.Series(_ENDS, _moments(source, request.valid_to, name)))
    timed = right.with_columns(columns)
    if known is None:
        delay = pl.duration(microseconds=round((request.available_seconds or 0.0) * 1e6))
        timed = timed.with_columns((pl.col(_HAPPENED) + delay).alias(_KNOWN))
    # What was written before it happened still does not count before it happened.
    timed = timed.with_columns(
        pl.max_horizontal(_HAPPENED, pl.col(_KNOWN)).alias("__both"), pl.col(_KNOWN).alias("__told")
    )
    timed = timed.filter(pl.col(_KEY).is_not_null() & pl.col(_HAPPENED).is_not_null() & pl.col(_KNOWN).is_not_null())
    return (
        timed.sort(_HAPPENED, "__told", _ROW)
        .with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias(_RANK), pl.col("__both").alias(_KNOWN))
        .drop("__both", "__told")
    )


def _keyed(base: Timed, source: Timed, joined: Joined) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the row numbers of both tables with one number for each combination of keys; null where one is missing."""
    left = _words(base, list(joined.on), "base")
    right = _words(source, list(joined.on.values()), "source")
    right.columns = left.columns
    known = right.drop_nulls().unique(maintain_order=True).with_row_index(_KEY)
    names = left.columns
    return tuple(  # type: ignore[return-value]  # two of them
        side.join(known, on=names, how="left", maintain_order="left").select(_KEY).with_row_index(_ROW)
        for side in (left, right)
    )


def _words(table: Timed, columns: Sequence[str], _side: str) -> pl.DataFrame:
    """Return key columns as words, so that a whole number equals the same number written as text."""
    rows = pl.scan_parquet(table.path)
    schema = rows.collect_schema()
    return rows.select(
        as_words(pl.col(name), schema[name]).alias(f"__{at}") for at, name in enumerate(columns)
    ).collect()


def _picked(source: Timed, found: pl.Series, renamed: Mapping[str, str]) -> pl.LazyFrame:
    rows = pl.scan_parquet(source.path).select(pl.col(column).alias(new) for column, new in renamed.items())
    numbered = rows.with_row_index(_ROW)
    wanted = pl.LazyFrame({_ROW: found.cast(pl.UInt32)})
    return wanted.join(numbered, on=_ROW, how="left", maintain_order="left").drop(_ROW)


def _moments(table: Timed, column: str, name: str) -> pl.Series:
    kind = next(field.kind for field in table.fields if field.name == column)
    if kind != "datetime":
        raise DataError(
            f"column '{column}' of the source '{name}' holds no times ({kind}); declare its datetime_format"
        )
    return pl.scan_parquet(table.path).select(column).collect()[column]


def _columns(source: Timed, joined: Joined, name: str) -> list[str]:
    request = source.request
    times = (request.time, request.available_at, request.valid_from, request.valid_to)
    _need(source, (*joined.on.values(), *(time for time in times if time is not None), *(joined.columns or ())), name)
    if joined.columns is not None:
        return list(joined.columns)
    own = {*joined.on.values(), *times}
    return [field.name for field in source.fields if field.name not in own]


def _need(table: Timed, columns: Any, name: str) -> None:
    known = [field.name for field in table.fields]
    for column in columns:
        if column not in known:
            raise DataError(f"source '{name}' has no column '{column}'.{did_you_mean(column, known)}")
