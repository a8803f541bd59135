"""Sources put beside the rows of one table, each as it was known just before the row's moment."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.connectors.aggregates.load import aggregated
from tenfold.connectors.timed import KEY, ROW, Joined, PointInTimeJoin, Timed, key_numbers, moments_of, need, times_of
from tenfold.foundation.errors import DataError

AGE = "age_seconds"
_AT = "__at"
_HAPPENED = "__happened"
_KNOWN = "__known"
_ENDS = "__ends"
_RANK = "__rank"


def join_as_known(tables: Mapping[str, Timed], join: PointInTimeJoin, into: Path) -> tuple[str, ...]:
    """Write every row of the base, in its order, with what was known of each source just before its moment.

    Of the rows with equal keys, a row counts at moment ``t`` when it happened before ``t`` (``time`` or
    ``valid_from``), was known before ``t`` (``time`` plus ``available``, or ``available_at``), and ends at ``t`` or
    later (``valid_to``; missing is never). All of these are exclusive: what happens or becomes known at ``t`` itself
    does not count. Of several the one that happened last is taken; among those of one moment the one that became known
    last, then the one that stands last. A row whose times are missing never counts. Where none counts, the columns
    are missing. A source without times must hold each key once.

    Of a source that is aggregated all rows that count are looked at, inside windows of when they happened: from so long
    before ``t`` (included) to ``t`` (excluded), both moved back by the gap. Where none counts, counts are 0 and all
    else is missing; of a row without a key or a moment everything is missing.

    Returns
    -------
    tuple of str
        What a person should know of it.

    Raises
    ------
    DataError
        When a column does not exist, holds no times where times are needed, or a source without times is ambiguous.
    """
    base = tables[join.base]
    need(base, (join.at,) if join.at is not None else (), join.base)
    rows = pl.scan_parquet(base.path)
    taken = {field.name for field in base.fields}
    parts: list[pl.LazyFrame] = [rows]
    notes: list[str] = []
    at = moments_of(base, join.at, join.base) if join.at is not None and _any_timed(tables, join) else None
    for name, joined in join.sources.items():
        if joined.aggregate is not None:
            made, plan = aggregated(base, tables, joined, name, at)
            _check_free(made, taken, name)
            taken |= made.keys()
            notes += plan.told(name)
            parts.append(pl.LazyFrame(list(made.values())))
            continue
        source = tables[joined.source or name]
        columns = _columns(source, joined, name)
        need(base, joined.on.keys(), join.base)
        found, ages = _rows_in_force(base, source, joined, join, name)
        renamed = {column: column if column not in taken else f"{name}_{column}" for column in columns}
        _check_free(renamed.values(), taken, name)
        taken |= set(renamed.values())
        parts.append(_picked(source, found, renamed))
        if joined.age:
            taken.add(f"{name}_{AGE}")
            parts.append(pl.LazyFrame({f"{name}_{AGE}": ages}))
    pl.concat(parts, how="horizontal").sink_parquet(into, maintain_order=True)
    return tuple(notes)


def _check_free(made: Iterable[str], taken: Collection[str], name: str) -> None:
    twice = next((column for column in made if column in taken), None)
    if twice is not None:
        raise DataError(f"'{twice}' of the source '{name}' has the name of another column; rename it at its source")


def _any_timed(tables: Mapping[str, Timed], join: PointInTimeJoin) -> bool:
    """Whether a moment is needed at all: without, the base's column may hold anything."""
    return any(table.is_timed for name, table in tables.items() if name != join.base)


def _rows_in_force(
    base: Timed, source: Timed, joined: Joined, join: PointInTimeJoin, name: str
) -> tuple[pl.Series, pl.Series]:
    """Return for each row of the base the number of the source's row, null where there is none, and its age."""
    left, right = key_numbers(base, source, joined.on)
    if not source.is_timed:
        twice = right.filter(pl.col(KEY).is_not_null() & pl.col(KEY).is_duplicated())
        if twice.height:
            raise DataError(
                f"the source '{name}' holds a key more than once (rows {twice[ROW][0] + 1} and {twice[ROW][1] + 1});"
                " say with `time` which row counts when"
            )
        found = left.select(KEY).join(right, on=KEY, how="left", maintain_order="left")[ROW]
        return found, pl.Series([None] * left.height, dtype=pl.Float64)
    if join.at is None:
        raise DataError(
            f"the source '{name}' changes in time: say with `at` which column of '{join.base}' is the moment"
        )
    left = left.with_columns(moments_of(base, join.at, join.base).alias(_AT))
    right = _with_times(source, right, name)
    found = _latest_valid(left, right) if source.request.valid_to is not None else _latest(left, right)
    happened = right.select(ROW, _HAPPENED)
    seen = left.select(_AT).with_columns(found.alias(ROW)).join(happened, on=ROW, how="left", maintain_order="left")
    age = (pl.col(_AT) - pl.col(_HAPPENED)).dt.total_microseconds() / 1e6
    ages = seen.select(age.alias(AGE))[AGE]
    if joined.oldest_seconds is not None:
        too_old = (ages > joined.oldest_seconds).fill_null(value=False)
        found = pl.select(pl.when(~too_old).then(found).alias(ROW))[ROW]
        ages = pl.select(pl.when(~too_old).then(ages).alias(AGE))[AGE]
    return found, ages


def _latest(left: pl.DataFrame, right: pl.DataFrame) -> pl.Series:
    """Return the last row to have happened among those known before each moment.

    Rows are put into the order in which they became known; the best so far, by what happened, is then a running
    maximum, and one search finds it for each moment.
    """
    best = (
        right.sort(_KNOWN, _RANK)
        .with_columns(pl.col(_RANK).cum_max().over(KEY))
        .unique((KEY, _KNOWN), keep="last", maintain_order=True)
        .select(KEY, _KNOWN, _RANK)
    )
    asked = left.with_row_index("__place").filter(pl.col(_AT).is_not_null() & pl.col(KEY).is_not_null())
    met = asked.sort(_AT).join_asof(
        best,
        left_on=_AT,
        right_on=_KNOWN,
        by=KEY,
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    ranked = met.select("__place", _RANK).join(right.select(_RANK, pl.col(ROW).alias("__found")), on=_RANK, how="left")
    places = pl.DataFrame({"__place": pl.int_range(left.height, dtype=pl.UInt32, eager=True)})
    return places.join(ranked, on="__place", how="left", maintain_order="left")["__found"].alias(ROW)


def _latest_valid(left: pl.DataFrame, right: pl.DataFrame) -> pl.Series:
    """Return the last row to have happened among those known before each moment and not ended by then.

    Moments are met in order. What becomes known goes on a heap for its key, what has ended is thrown away when it comes
    to the top: it cannot come back, as moments only grow.
    """
    known = right.sort(_KNOWN, _RANK).select(KEY, _KNOWN, _RANK, _ENDS, ROW)
    asked = left.with_row_index("__place").filter(pl.col(_AT).is_not_null() & pl.col(KEY).is_not_null()).sort(_AT)
    keys, moments = known[KEY].to_list(), known[_KNOWN].dt.epoch("us").to_numpy()
    ranks, rows = known[_RANK].to_list(), known[ROW].to_list()
    never = np.iinfo(np.int64).max
    ends = known[_ENDS].dt.epoch("us").fill_null(never).to_list()
    heaps: dict[int, list[tuple[int, int, int]]] = {}
    found: list[int | None] = [None] * left.height
    upcoming = 0
    for place, key, at in zip(
        asked["__place"].to_list(), asked[KEY].to_list(), asked[_AT].dt.epoch("us").to_list(), strict=True
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
    return pl.Series(ROW, found, dtype=pl.UInt32)


def _with_times(source: Timed, right: pl.DataFrame, name: str) -> pl.DataFrame:
    """Add when a row happened, was known and ends, and its rank among all; rows without a time are left out."""
    request = source.request
    known = request.available_at
    happened = source.happened or known
    assert happened is not None
    columns = [pl.Series(_HAPPENED, moments_of(source, happened, name))]
    if known is not None:
        columns.append(pl.Series(_KNOWN, moments_of(source, known, name)))
    if request.valid_to is not None:
        columns.append(pl.Series(_ENDS, moments_of(source, request.valid_to, name)))
    timed = right.with_columns(columns)
    if known is None:
        delay = pl.duration(microseconds=round((request.available_seconds or 0.0) * 1e6))
        timed = timed.with_columns((pl.col(_HAPPENED) + delay).alias(_KNOWN))
    # What was written before it happened still does not count before it happened.
    timed = timed.with_columns(
        pl.max_horizontal(_HAPPENED, pl.col(_KNOWN)).alias("__both"), pl.col(_KNOWN).alias("__told")
    )
    timed = timed.filter(pl.col(KEY).is_not_null() & pl.col(_HAPPENED).is_not_null() & pl.col(_KNOWN).is_not_null())
    return (
        timed.sort(_HAPPENED, "__told", ROW)
        .with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias(_RANK), pl.col("__both").alias(_KNOWN))
        .drop("__both", "__told")
    )


def _picked(source: Timed, found: pl.Series, renamed: Mapping[str, str]) -> pl.LazyFrame:
    rows = pl.scan_parquet(source.path).select(pl.col(column).alias(new) for column, new in renamed.items())
    numbered = rows.with_row_index(ROW)
    wanted = pl.LazyFrame({ROW: found.cast(pl.UInt32)})
    return wanted.join(numbered, on=ROW, how="left", maintain_order="left").drop(ROW)


def _columns(source: Timed, joined: Joined, name: str) -> list[str]:
    need(source, (*joined.on.values(), *times_of(source), *(joined.columns or ())), name)
    if joined.columns is not None:
        return list(joined.columns)
    own = {*joined.on.values(), *times_of(source)}
    return [field.name for field in source.fields if field.name not in own]
