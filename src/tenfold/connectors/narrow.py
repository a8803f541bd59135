"""A span of time in the words of a database: so that it gives the rows of the span, not the whole table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from tenfold.connectors.databases.mysql import mysql_time_type
from tenfold.connectors.formats import format_of
from tenfold.connectors.land import land
from tenfold.connectors.moments import COUNTED
from tenfold.connectors.request import SourceRequest

FURTHEST_ZONE = timedelta(hours=16)
"""By how much more than is wanted a column without a zone is asked for: no zone was ever further from UTC."""
_DAY = timedelta(days=1)
_DATED = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"


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

    @property
    def days(self) -> tuple[str | None, str | None]:
        """The first day that a text of the span may begin with, and the first one behind it, in whatever zone."""
        since = None if self.since is None else f"{self.since.astimezone(UTC) - FURTHEST_ZONE:%Y-%m-%d}"
        until = None if self.until is None else f"{self.until.astimezone(UTC) + FURTHEST_ZONE + _DAY:%Y-%m-%d}"
        return since, until


def narrowed(request: SourceRequest, span: Span) -> SourceRequest:
    """Return the request with the span in its query, where the database can be asked so without losing a row.

    What it gives then may hold more rows than the span's, and holds all rows whose moment is missing or cannot be read:
    they are told of, not passed over. A request that cannot be narrowed is returned as it is.
    """
    if span.since is None and span.until is None:
        return request
    if request.scheme == "postgresql":
        return _typed(request, span)
    if request.scheme == "mysql":
        return _mysql(request, span)
    if request.scheme == "file":
        format_ = format_of(request)
        if format_ == "duckdb":
            return _typed(request, span)
        if format_ == "sqlite":
            return _sqlite(request, span)
    return request


def margin_of(dtype: pl.DataType) -> timedelta:
    """Return by how much more than is wanted a column of moments is asked for."""
    if isinstance(dtype, pl.Datetime):
        return timedelta(0) if dtype.time_zone else FURTHEST_ZONE
    return FURTHEST_ZONE + _DAY


def _typed(request: SourceRequest, span: Span) -> SourceRequest:
    if request.table is None and request.query is None:
        return request
    column, rows = _quoted(span.column), _rows(request, '"')
    dtype = _type_of(replace(request, table=None, query=f"SELECT * FROM {rows} LIMIT 0"), span.column)  # noqa: S608  # quoted names; the query is the user's own
    if not isinstance(dtype, pl.Datetime | pl.Date):
        return request
    low = None if span.since is None else _literal(span.since - margin_of(dtype), dtype)
    high = None if span.until is None else _literal(span.until + margin_of(dtype), dtype)
    return _with(request, rows, _between(column, low, high))


def _mysql(request: SourceRequest, span: Span) -> SourceRequest:
    if request.table is None and request.query is None:
        return request
    column, rows = _quoted(span.column, "`"), _rows(request, "`")
    type_ = mysql_time_type(request.location, f"SELECT * FROM {rows} LIMIT 0", span.column, shown=request.label)  # noqa: S608  # quoted names; the query is the user's own
    if type_ is None:
        return request
    # Its moments come as text without an offset, which is read on the clock of the span's zone.
    margin = FURTHEST_ZONE + _DAY if type_ == "DATE" else FURTHEST_ZONE
    low = None if span.since is None else f"'{_plain(span.since - margin)}'"
    high = None if span.until is None else f"'{_plain(span.until + margin)}'"
    return _with(request, rows, _between(column, low, high))


def _sqlite(request: SourceRequest, span: Span) -> SourceRequest:
    """Narrow a table whose columns hold any type: what does not look like a time is asked for as well."""
    if request.table is None and request.query is None:
        return request
    pattern = span.pattern
    counts = pattern if pattern in COUNTED else None
    if counts is None and pattern is not None and not pattern.startswith("%Y-%m-%d"):
        return request
    column, rows = _quoted(span.column), _rows(request, '"')
    if counts is None:
        # A text that begins with a day stands in the order of its day, whatever follows.
        kind = f"typeof({column}) = 'text' AND {column} GLOB '{_DATED}'"
        low, high = (None if day is None else f"'{day}'" for day in span.days)
    else:
        kind = f"typeof({column}) IN ('integer', 'real')"
        low = None if span.since is None else f"{_count(span.since - FURTHEST_ZONE, counts)}"
        high = None if span.until is None else f"{_count(span.until + FURTHEST_ZONE, counts)}"
    bounds = [*([f"{column} < {low}"] if low else []), *([f"{column} >= {high}"] if high else [])]
    return _with(request, rows, f"({kind} AND ({' OR '.join(bounds)})) IS NOT TRUE")


def _between(column: str, low: str | None, high: str | None) -> str:
    """Return the condition of the rows between two moments, and of those that have none."""
    bounds = [*([f"{column} >= {low}"] if low else []), *([f"{column} < {high}"] if high else [])]
    return f"({' AND '.join(bounds)}) OR {column} IS NULL"


def _with(request: SourceRequest, rows: str, where: str) -> SourceRequest:
    return replace(request, table=None, query=f"SELECT * FROM {rows} WHERE {where}")  # noqa: S608  # quoted names, moments of our own; the query is the user's


def _rows(request: SourceRequest, mark: str) -> str:
    if request.query is not None:
        return f"({request.query.strip().rstrip(';')}) AS asked"
    # A name of SQLite may hold a point; those of the others stand after their schema's.
    parts = [str(request.table)] if request.scheme == "file" else str(request.table).split(".")
    return ".".join(_quoted(part, mark) for part in parts)


def _type_of(request: SourceRequest, column: str) -> pl.DataType | None:
    with TemporaryDirectory(prefix="tenfold-between-") as folder:
        return pl.read_parquet_schema(land(request, Path(folder)).path).get(column)


def _literal(moment: datetime, dtype: pl.DataType) -> str:
    if not isinstance(dtype, pl.Datetime):
        return f"DATE '{moment.astimezone(UTC):%Y-%m-%d}'"
    return f"TIMESTAMPTZ '{_plain(moment)}+00'" if dtype.time_zone else f"TIMESTAMP '{_plain(moment)}'"


def _plain(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", timespec="microseconds")


def _count(moment: datetime, counts: str) -> float:
    length, begin = COUNTED[counts]
    return (moment.astimezone(UTC).replace(tzinfo=None) - begin) / timedelta(microseconds=1) / length


def _quoted(name: str, mark: str = '"') -> str:
    return f"{mark}{name.replace(mark, mark * 2)}{mark}"
