"""The rows of a source that lie between two moments, by a column of theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl

from tenfold.connectors.formats import DATABASE_FILES, format_of
from tenfold.connectors.narrow import Span, margin_of, narrowed
from tenfold.connectors.read import read_again, read_for_model
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError
from tenfold.records.dataset import Field

_ROWS_AT_ONCE = 100_000


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
    read = partial(
        read_for_model,
        dialect=dialect,
        shown=request.label,
        rows_at_once=_ROWS_AT_ONCE,
        needed="that says when a row came",
    )
    try:
        asked = narrowed(request, span)
        where = partial(_where, place, span)
        with closing(read(asked.location, [place], table=asked.table, query=asked.query, where=where)) as frames:
            count = _write(_inside(frames, span, request.label), into)
    except DataError:
        # The whole source tells it as it is: the table by its name, the row by its number.
        with closing(read(request.location, [place], table=request.table, query=request.query)) as frames:
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
        inside = frame.filter(_within(span, pl.col(span.column)))
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


def _within(span: Span, moment: pl.Expr) -> pl.Expr:
    inside = pl.lit(True)
    if span.since is not None:
        inside &= moment >= span.since
    if span.until is not None:
        inside &= moment < span.until
    return inside


def _orderable(rows: pl.LazyFrame, but: str) -> list[str]:
    schema = rows.collect_schema()
    return [name for name, dtype in schema.items() if name != but and not dtype.is_nested()]


def _where(place: Field, span: Span, schema: pl.Schema) -> pl.Expr:
    """Return which rows are worth reading: those of the span, and those of which it cannot be told."""
    dtype = schema[span.column]
    if isinstance(dtype, pl.String):
        return _where_text(span)
    moment = read_again(place, dtype)
    wanted = moment.is_null() | _within(span, moment)
    if not isinstance(dtype, pl.Datetime | pl.Date):
        return wanted
    # What the file keeps of the least and the greatest value of a part speaks of the column as it stands.
    raw, reach = pl.col(span.column), margin_of(dtype) + timedelta(seconds=1)
    near = pl.lit(True)
    if span.since is not None:
        near &= raw >= _bound(span.since - reach, dtype)
    if span.until is not None:
        near &= raw <= _bound(span.until + reach, dtype)
    return (near | raw.is_null()) & wanted


def _where_text(span: Span) -> pl.Expr:
    """Return which texts are worth reading as moments: to read all of them costs more than the rest of the scan."""
    if span.pattern is not None and not span.pattern.startswith("%Y-%m-%d"):
        return pl.lit(True)
    # A text that begins with a day stands in the order of its day, whatever follows.
    text, outside = pl.col(span.column), pl.lit(False)
    since, until = span.days
    if since is not None:
        outside |= text < since
    if until is not None:
        outside |= text >= until
    return ~(outside & text.str.contains(r"^\d{4}-\d{2}-\d{2}")) | text.is_null()


def _bound(moment: datetime, dtype: pl.DataType) -> pl.Expr:
    bare = moment.astimezone(UTC).replace(tzinfo=None)
    if not isinstance(dtype, pl.Datetime):
        return pl.lit(bare.date())
    utc = pl.Series([bare]).cast(pl.Datetime(dtype.time_unit))
    if dtype.time_zone is None:
        return pl.lit(utc[0], dtype=pl.Datetime(dtype.time_unit))
    there = utc.dt.replace_time_zone("UTC").dt.convert_time_zone(dtype.time_zone)
    return pl.lit(there[0], dtype=dtype)


def _is_database(request: SourceRequest) -> bool:
    if request.scheme == "file":
        return format_of(request) in DATABASE_FILES
    return request.scheme in {"postgresql", "mysql"}
