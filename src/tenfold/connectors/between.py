"""The rows of a source that lie between two moments, by a column of theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from tenfold.connectors.formats import DATABASE_FILES, format_of
from tenfold.connectors.land import land
from tenfold.connectors.read import read_for_model
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError
from tenfold.records.dataset import Field

_ROWS_AT_ONCE = 100_000
_FURTHEST_ZONE = timedelta(hours=16)
"""By how much more than is wanted a column without a zone is asked for: no zone was ever further from UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The rows with ``since <= column < until``.

    Attributes
    ----------
    column : str
        The column of moments.
    since, until : datetime or None
        None: from the first row on, to the last.
    timezone : str or None
        Zone of times written without an offset; None is UTC.
    pattern : str or None
        How a text writes its times, as in `Field.datetime_format`; None is ISO 8601.
    """

    column: str
    since: datetime | None
    until: datetime | None
    timezone: str | None = None
    pattern: str | None = None


def rows_between(request: SourceRequest, span: Span, *, into: Path, dialect: Mapping[str, str] | None = None) -> int:
    """Write the rows of a source that lie in a span to a Parquet file, and return how many there are.

    A file's rows keep their order. A database has none: its rows are ordered by their moment, then by their other
    columns, so that the same rows make the same file. Moments are in UTC then; all else stands as it was. Where there
    is no row, no file is written.

    Raises
    ------
    DataError
        When the source cannot be read, lacks the column, or a row has no moment there.
    """
    place = Field(name=span.column, kind="datetime", timezone=span.timezone, datetime_format=span.pattern)
    asked = _asked(request, span)
    frames = read_for_model(
        asked.location,
        [place],
        dialect=dialect,
        table=asked.table,
        query=asked.query,
        shown=request.label,
        rows_at_once=_ROWS_AT_ONCE,
        needed="that says when a row came",
    )
    count = _write(_inside(frames, span, request.label), into)
    if count and _is_database(request):
        ordered = into.with_name(f"{into.name}.ordered")
        rows = pl.scan_parquet(into)
        rows.sort([span.column, *_orderable(rows, span.column)], maintain_order=True).sink_parquet(ordered)
        ordered.replace(into)
    return count


def _inside(frames: Iterator[pl.DataFrame], span: Span, shown: str) -> Iterator[pl.DataFrame]:
    for frame in frames:
        missing = frame[span.column].null_count()
        if missing:
            raise DataError(
                f"{shown}: {missing:,} {'row has' if missing == 1 else 'rows have'} no '{span.column}', which says when"
                " a row came: without it, it cannot be told whether a row was scored"
            )
        inside = frame.filter(_within(span))
        if inside.height:
            yield inside


def _write(frames: Iterable[pl.DataFrame], into: Path) -> int:
    from pyarrow import parquet

    writer, count = None, 0
    try:
        for frame in frames:
            table = frame.to_arrow()
            writer = writer or parquet.ParquetWriter(into, table.schema, compression="zstd")
            writer.write_table(table)
            count += frame.height
    finally:
        if writer is not None:
            writer.close()
    return count


def _within(span: Span) -> pl.Expr:
    inside = pl.lit(True)
    if span.since is not None:
        inside &= pl.col(span.column) >= span.since
    if span.until is not None:
        inside &= pl.col(span.column) < span.until
    return inside


def _orderable(rows: pl.LazyFrame, but: str) -> list[str]:
    schema = rows.collect_schema()
    return [name for name, dtype in schema.items() if name != but and not dtype.is_nested()]


def _is_database(request: SourceRequest) -> bool:
    if request.scheme == "file":
        return format_of(request) in DATABASE_FILES
    return request.scheme in {"postgresql", "mysql"}


def _asked(request: SourceRequest, span: Span) -> SourceRequest:
    """Return the request with the span in its query, where the database is PostgreSQL and keeps moments as such."""
    if request.scheme != "postgresql" or (span.since is None and span.until is None):
        return request
    column = _quoted(span.column)
    if request.query is not None:
        rows = f"({request.query.strip().rstrip(';')}) AS asked"
    else:
        rows = ".".join(_quoted(part) for part in str(request.table).split("."))
    dtype = _type_of(replace(request, table=None, query=f"SELECT * FROM {rows} LIMIT 0"), span.column)  # noqa: S608  # quoted names; the query is the user's own
    if not isinstance(dtype, pl.Datetime):
        return request
    wanted = []
    if span.since is not None:
        wanted.append(f"{column} >= {_literal(span.since - _margin(dtype), dtype)}")
    if span.until is not None:
        wanted.append(f"{column} < {_literal(span.until + _margin(dtype), dtype)}")
    # A row without a moment is asked for as well: it is told of, not passed over.
    where = f"({' AND '.join(wanted)}) OR {column} IS NULL"
    return replace(request, table=None, query=f"SELECT * FROM {rows} WHERE {where}")  # noqa: S608  # as above


def _type_of(request: SourceRequest, column: str) -> pl.DataType | None:
    with TemporaryDirectory(prefix="tenfold-between-") as folder:
        return pl.read_parquet_schema(land(request, Path(folder)).path).get(column)


def _margin(dtype: pl.Datetime) -> timedelta:
    return timedelta(0) if dtype.time_zone else _FURTHEST_ZONE


def _literal(moment: datetime, dtype: pl.Datetime) -> str:
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", timespec="microseconds")
    return f"TIMESTAMPTZ '{text}+00'" if dtype.time_zone else f"TIMESTAMP '{text}'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
