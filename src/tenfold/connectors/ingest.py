"""From the declared sources to the one table that the stages work on."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from tenfold.connectors.infer import FieldOverride
from tenfold.connectors.land import source_fingerprint
from tenfold.connectors.personal_columns import HIDING, hide_personal
from tenfold.connectors.point_in_time import join_as_known
from tenfold.connectors.read import READER, SourceTable, canonicalise, read_source
from tenfold.connectors.request import SourceRequest
from tenfold.connectors.sql import Relation, join
from tenfold.connectors.timed import PointInTimeJoin, Timed
from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.foundation.fingerprint import fingerprint
from tenfold.records.dataset import Field, Source

TABLE_FILE = "table.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOptions:
    """What to read and how to join it.

    ``overrides`` speak of the columns after the query.
    """

    sources: tuple[SourceRequest, ...]
    query: str | None = None
    join: PointInTimeJoin | None = None
    timezone: str | None = None
    overrides: Mapping[str, FieldOverride] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """The canonical table, what its columns are, and the sources that it came from."""

    table: Path
    fields: tuple[Field, ...]
    sources: tuple[Source, ...]
    fingerprint: str
    notes: tuple[str, ...] = ()


def ingest(options: IngestOptions, *, workdir: Path) -> Ingested:
    """Read the sources, join them by the query, and write one canonical table into ``workdir``.

    Raises
    ------
    DataError
        When a source cannot be read, several are given without a query, or the query does not fit them.
    """
    if not options.sources:
        raise DataError("no data source is declared")
    if options.query is None and options.join is None and len(options.sources) > 1:
        named = ", ".join(request.name for request in options.sources)
        raise DataError(f"several sources are declared ({named}); write the `query` that joins them, or a `join`")
    workdir.mkdir(parents=True, exist_ok=True)
    into = workdir / TABLE_FILE
    if options.query is None and options.join is None:
        request = options.sources[0]
        table = read_source(request, into=into, overrides=options.overrides, timezone=options.timezone)
        return _ingested(options, into, hide_personal(into, table.fields), (table,), table.notes)
    with tempfile.TemporaryDirectory(dir=workdir, prefix="joining-") as folder:
        tables = _read_all(options, Path(folder))
        joined = Path(folder) / "joined.parquet"
        told = _join(options, tables, joined)
        fields, _ = canonicalise(
            pl.scan_parquet(joined),
            into,
            overrides=options.overrides,
            timezone=options.timezone,
            shown="the result of the query" if options.join is None else "the result of the join",
            typed=True,
        )
    read = tuple(tables.values())
    notes = (*(note for table in read for note in table.notes), *told)
    base = None if options.join is None else tables[options.join.base]
    return _ingested(options, into, hide_personal(into, _as_written(fields, read, base)), read, notes)


def _join(options: IngestOptions, tables: Mapping[str, SourceTable], into: Path) -> tuple[str, ...]:
    """Make one table of several, by the query or by what was known when; return what a person should know of it."""
    if options.join is not None:
        timed = {
            request.name: Timed(path=tables[request.name].path, fields=tables[request.name].fields, request=request)
            for request in options.sources
        }
        return join_as_known(timed, options.join, into)
    relations = {
        request.name: Relation(
            path=tables[request.name].path,
            fields=tables[request.name].fields,
            time=request.time,
            available_seconds=request.available_seconds,
            available_at=request.available_at,
        )
        for request in options.sources
    }
    assert options.query is not None
    join(relations, options.query, into, timezone=options.timezone)
    return ()


def join_rows(options: IngestOptions, rows: Path, fields: Sequence[Field], *, workdir: Path) -> Path:
    """Put the sources of a join beside other rows of its base than were ingested, in their order.

    Parameters
    ----------
    rows : Path
        A Parquet file whose keys and moments are canonical.
    fields : sequence of Field
        The columns of the base as it was ingested: they decide what the joined columns are called.

    Returns
    -------
    Path
        A Parquet file in ``workdir``.

    Raises
    ------
    DataError
        When a source cannot be read or does not join.
    """
    assert options.join is not None
    base = next(request for request in options.sources if request.name == options.join.base)
    others = replace(options, sources=tuple(request for request in options.sources if request is not base))
    tables = {
        name: Timed(path=table.path, fields=table.fields, request=request)
        for request, (name, table) in zip(others.sources, _read_all(others, workdir).items(), strict=True)
    }
    into = workdir / "joined.parquet"
    join_as_known({base.name: Timed(path=rows, fields=tuple(fields), request=base), **tables}, options.join, into)
    return into


def joined_as(options: IngestOptions) -> str:
    """Name how the sources of a join are read and put together, whatever their bytes are; empty without a join."""
    if options.join is None:
        return ""
    return fingerprint(_requests(options), options.join, options.timezone)


def ingest_fingerprint(options: IngestOptions) -> str | None:
    """Return what `ingest` would give as its fingerprint, by hashing the files only; None when a database is read."""
    snapshots = {request.name: source_fingerprint(request) for request in options.sources}
    if any(snapshot is None for snapshot in snapshots.values()):
        return None
    return _fingerprint(options, {name: str(snapshot) for name, snapshot in snapshots.items()})


def _fingerprint(options: IngestOptions, snapshots: Mapping[str, str]) -> str:
    """Name the table by all that decides it: the bytes read, how they are read, and the query; not where they lie."""
    requests = _requests(options)
    return fingerprint(
        (READER, HIDING),
        pl.__version__,
        requests,
        options.query,
        options.join,
        options.timezone,
        options.overrides,
        snapshots,
    )


def _requests(options: IngestOptions) -> list[SourceRequest]:
    """Return what was declared of the sources, but not where they lie."""
    return [replace(request, location="", shown="", endpoint="", allow=None) for request in options.sources]


def _ingested(
    options: IngestOptions, table: Path, fields: tuple[Field, ...], read: Sequence[SourceTable], notes: tuple[str, ...]
) -> Ingested:
    named = joined_as(options)
    sources = tuple(
        replace(each.source, fields=_without_values(each.fields), joined=named)
        if options.join is not None and each.source.name == options.join.base
        else each.source
        for each in read
    )
    return Ingested(
        table=table,
        fields=fields,
        sources=sources,
        fingerprint=_fingerprint(options, {source.name: source.snapshot for source in sources}),
        notes=notes,
    )


def _without_values(fields: Sequence[Field]) -> tuple[Field, ...]:
    """Return how columns are read without anything that stands in them: a key may be somebody's address."""
    return tuple(replace(known, levels=(), reason="") for known in fields)


def _read_all(options: IngestOptions, folder: Path) -> dict[str, SourceTable]:
    tables: dict[str, SourceTable] = {}
    for request in options.sources:
        if request.name in tables:
            raise DataError(f"two sources are called '{request.name}'; rename one")
        # What is declared of columns speaks of the table; a join's base gives it its columns as they are.
        is_base = options.join is not None and request.name == options.join.base
        table = read_source(
            request,
            into=folder / f"{len(tables)}.parquet",
            overrides=options.overrides if is_base else {},
            timezone=options.timezone,
        )
        names = [known.name for known in table.fields]
        if request.time is not None and request.time not in names:
            raise DataError(
                f"source '{request.name}' has no column '{request.time}'.{did_you_mean(request.time, names)}"
            )
        tables[request.name] = table
    return tables


def _as_written(fields: Sequence[Field], read: Sequence[SourceTable], base: SourceTable | None) -> tuple[Field, ...]:
    """Give columns that come through the query as they were their source's way of writing missing values and numbers.

    Rows to predict are then read as the source was. A name that stands in several sources is left alone, unless it is
    that of a column of a join's base, which keeps its names.
    """
    origin = [known for table in read for known in table.fields]
    names = Counter(known.name for known in origin)
    written = {known.name: known for known in origin if names[known.name] == 1}
    if base is not None:
        written |= {known.name: known for known in base.fields}
    return tuple(
        replace(
            found,
            missing_markers=written[found.name].missing_markers,
            decimal_comma=written[found.name].decimal_comma,
            thousands=written[found.name].thousands,
            unit=written[found.name].unit,
            brackets=written[found.name].brackets,
            datetime_format=written[found.name].datetime_format,
        )
        if found.name in written and written[found.name].kind == found.kind
        else found
        for found in fields
    )
