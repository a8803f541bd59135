"""From the file's sources to the one table that the stages work on, read only when something needs it."""

from __future__ import annotations

from dataclasses import replace

from tenfold.connectors.aggregates.plan import Aggregate, Window
from tenfold.connectors.infer import FieldOverride
from tenfold.connectors.ingest import Ingested, IngestOptions, ingest, ingest_fingerprint
from tenfold.connectors.request import SourceRequest
from tenfold.connectors.timed import Joined, PointInTimeJoin
from tenfold.engine.stage import External
from tenfold.foundation.errors import DataError
from tenfold.foundation.fingerprint import fingerprint
from tenfold.lifecycle import Table
from tenfold.project.sampled import sample_of
from tenfold.spec.columns import check_columns
from tenfold.spec.location import endpoint_key
from tenfold.spec.schema import ColumnSection, Spec
from tenfold.spec.sections_aggregate import AggregateSection
from tenfold.spec.sections_sources import InnerSource, JoinedSource, JoinSection, SourceSection
from tenfold.store.open import Store


def table_of(spec: Spec, store: Store) -> External:
    """Return the table of a project's sources.

    Files are named by the hash of their bytes, so that an unchanged project is recognised without reading them as
    tables; what a database holds is known only by reading it.
    """
    options = ingest_options(spec)
    known = ingest_fingerprint(options)
    if known is None:
        ingested = _ingest(options, spec, store)
        return External.of(_named(ingested.fingerprint, spec), _table(ingested, spec))
    return External(
        fingerprint=_named(known, spec), load=lambda: _table(_as_hashed(_ingest(options, spec, store), known), spec)
    )


def _named(known: str, spec: Spec) -> str:
    """Name a table whose rows the file chooses by how it does; one that fits into memory is named by its bytes."""
    if spec.data.rows == "auto":
        return known
    return fingerprint(known, spec.data.rows, spec.problem.time, spec.training.seed)


def _as_hashed(ingested: Ingested, known: str) -> Ingested:
    """Return a table when it was read from the very bytes that named it."""
    if ingested.fingerprint != known:
        raise DataError("a source was changed while it was read: let whoever writes it end, then run the command again")
    return ingested


def ingest_options(spec: Spec) -> IngestOptions:
    """Return what to read and how to join it, as the file says."""
    return IngestOptions(
        sources=tuple(_request(name, section, spec) for name, section in spec.data.sources.items()),
        query=spec.data.query,
        join=None if spec.data.join is None else _join(spec.data.join, spec.problem.time),
        timezone=spec.data.timezone,
        overrides={name: _override(column) for name, column in spec.data.columns.items()},
    )


def _request(name: str, section: SourceSection, spec: Spec) -> SourceRequest:
    location = spec.locations[name]
    return SourceRequest(
        name=name,
        location=location.secret.reveal(),
        shown=location.shown,
        format=section.format,
        table=section.table,
        query=section.query,
        time=section.time,
        available_seconds=section.available_seconds,
        available_at=section.available_at,
        valid_from=section.valid_from,
        valid_to=section.valid_to,
        since=section.since,
        until=section.until,
        allow=spec.data.allow,
        endpoint="" if section.endpoint is None else spec.locations[endpoint_key(name)].secret.reveal(),
        delimiter=section.delimiter,
        quote=section.quote,
        header=section.header,
        encoding=section.encoding,
        header_rows=section.header_rows,
        names=section.names,
        skip=section.skip,
        footer=section.footer,
        comment="" if section.comment == "none" else section.comment,
        nested=section.nested == "text",
    )


def _join(section: JoinSection, time: str | None) -> PointInTimeJoin:
    return PointInTimeJoin(
        base=section.base,
        at=section.at or time,
        sources={name: _joined(joined) for name, joined in section.sources.items()},
    )


def _joined(section: InnerSource) -> Joined:
    inner = section.sources if isinstance(section, JoinedSource) else {}
    return Joined(
        on=section.on,
        source=section.source,
        columns=section.columns,
        oldest_seconds=section.oldest_seconds,
        age=section.age,
        aggregate=None if section.aggregate is None else _aggregate(section.aggregate),
        sources={name: _joined(each) for name, each in inner.items()},
    )


def _aggregate(section: AggregateSection) -> Aggregate:
    return Aggregate(
        columns=section.columns,
        rows=section.rows,
        windows=tuple(Window(name=name, seconds=seconds) for name, seconds in section.window_seconds.items()),
        gap_seconds=section.gap_seconds,
        id=section.id,
        most=section.most,
    )


def _override(column: ColumnSection) -> FieldOverride:
    return FieldOverride(
        kind=column.kind,
        missing=column.missing,
        datetime_format=column.datetime_format,
        timezone=column.timezone,
        decimal_comma=column.decimal_comma,
    )


def _ingest(options: IngestOptions, spec: Spec, store: Store) -> Ingested:
    ingested = ingest(options, workdir=store.scratch.new_folder())
    check_columns(spec, [field.name for field in ingested.fields])
    return ingested


def _table(ingested: Ingested, spec: Spec) -> Table:
    whole = Table(path=ingested.table, fields=ingested.fields, sources=ingested.sources)
    sampled = sample_of(
        ingested.table,
        spec.data.rows,
        time=spec.problem.time,
        seed=spec.training.seed,
        into=ingested.table.with_name("sample.parquet"),
    )
    return whole if sampled is None else replace(whole, path=sampled.path, whole=sampled.whole, chosen=sampled.reason)
