"""What a stream holds at one moment, as a table."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import polars as pl

from tenfold.connectors.request import SourceRequest
from tenfold.connectors.streams.protocols import Entry, Stream
from tenfold.connectors.streams.redis import RedisStream
from tenfold.foundation.errors import DataError

ENTRY_ID = "entry_id"
ENTRY_TIME = "entry_time"
_ROWS_AT_ONCE = 100_000


def open_stream(request: SourceRequest) -> Stream:
    """Return the stream that a source names.

    Raises
    ------
    DataError
        When the server cannot be reached, or has no such stream.
    """
    if request.table is None:
        raise DataError(f"{request.label} is a server of streams: name one of them with `table`")
    return RedisStream(request.location, request.table, shown=request.label)


def read_stream(request: SourceRequest, workdir: Path) -> tuple[pl.LazyFrame, dict[str, str]]:
    """Write the entries of a stream to files and return them as rows of text, oldest first, with what was read.

    A read takes what is there: up to ``until``, or to the newest entry at the moment it begins. Its last id is
    recorded, and reading again up to that id gives the same rows as long as the server keeps them. Each row has the
    columns ``entry_id`` and ``entry_time`` before its values; an entry without a value has null there.

    Raises
    ------
    DataError
        When the stream is empty, or an entry holds no text.
    """
    parts: list[pl.LazyFrame] = []
    waiting: list[Entry] = []
    with closing(open_stream(request)) as stream:
        newest = stream.last()
        if newest is None:
            raise DataError(f"the stream '{request.table}' of {request.label} is empty")
        first = last = ""
        for entries in stream.read(since=request.since, until=request.until or newest):
            waiting += entries
            first, last = first or entries[0].id, entries[-1].id
            if len(waiting) >= _ROWS_AT_ONCE:
                part = workdir / f"entries.{len(parts)}.parquet"
                _frame(waiting).write_parquet(part)
                parts.append(pl.scan_parquet(part))
                waiting = []
    if waiting:
        parts.append(_frame(waiting).lazy())
    if not parts:
        raise DataError(f"the stream '{request.table}' of {request.label} holds no entry between `since` and `until`")
    return pl.concat(parts, how="diagonal"), {"stream": str(request.table), "first": first, "last": last}


def _frame(entries: list[Entry]) -> pl.DataFrame:
    names = list(dict.fromkeys(name for entry in entries for name in entry.values))
    own = {ENTRY_ID, ENTRY_TIME} & set(names)
    if own:
        raise DataError(f"the entries of the stream have a value '{own.pop()}', which is the name of the entry's own")
    columns: dict[str, pl.Series] = {
        ENTRY_ID: pl.Series([entry.id for entry in entries], dtype=pl.String),
        ENTRY_TIME: pl.Series([entry.time for entry in entries], dtype=pl.Datetime("us", "UTC")),
    }
    for name in names:
        columns[name] = pl.Series([entry.values.get(name) for entry in entries], dtype=pl.String)
    return pl.DataFrame(columns)
