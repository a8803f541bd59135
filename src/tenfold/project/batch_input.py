"""What a batch on a schedule reads: the rows of its source between two moments."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from tenfold.batch.rows import read_rows
from tenfold.bundle.format import load_bundle
from tenfold.connectors.between import rows_between
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import InputError
from tenfold.project.dated_input import span_of
from tenfold.spec.schema import Spec
from tenfold.spec.secret import substitute
from tenfold.spec.sections_batch import BatchSection, batch_source, batch_time

_ROWS_AT_ONCE = 100_000


def write_batch_rows(spec: Spec, bundle: Path, *, since: datetime, until: datetime, into: Path) -> int:
    """Write the rows of a batch's source with ``since <= time < until`` to a Parquet file; return how many there are.

    Where there is none, no file is written.

    Raises
    ------
    InputError
        When a place in the file needs an environment variable that is not set.
    DataError
        When the source cannot be read, or a row has no time.
    """
    span = span_of(spec, str(batch_time(spec)), since, until)
    return rows_between(_request(spec), span, into=into, dialect=load_bundle(bundle).reading)


def need_readable(spec: Spec, bundle: Path, rows: Path) -> None:
    """Read rows as the model will, so that none are settled that it cannot read.

    Raises
    ------
    DataError
        When a column is missing or a value cannot be read.
    """
    model, shown = load_bundle(bundle), _request(spec).label
    read = read_rows(
        model, str(rows), table=None, query=None, shown=shown, rows_at_once=_ROWS_AT_ONCE, with_history=False
    )
    for _ in read:
        pass


def batch_sink(spec: Spec, batch: BatchSection) -> str:
    """Return the database that predictions go to, as the file says it; the path of an SQLite file is relative to it."""
    kind, _, path = batch.sink.partition(":")
    if kind != "sqlite" or path.startswith(("/", "${", "//")):
        return batch.sink
    return f"sqlite:{spec.folder / path}"


def batch_file(spec: Spec, batch: BatchSection, moment: datetime) -> str:
    """Return the file of a moment, or ``delta:FOLDER``; a path is relative to the project's file.

    Raises
    ------
    InputError
        When an environment variable is not set.
    """
    delta = batch.sink_kind == "delta"
    path = batch.sink.removeprefix("delta:") if delta else batch.file_of(moment)
    return f"{'delta:' if delta else ''}{spec.folder / substitute(path, os.environ)}"


def _request(spec: Spec) -> SourceRequest:
    batch, source = spec.deployment.batch, batch_source(spec)
    if batch is None or source is None:
        raise InputError(f"{spec.path} has no `deployment.batch`")
    written = source.path if source.path is not None else source.url
    place = substitute(str(written), os.environ)
    return SourceRequest(
        name="batch",
        location=place if source.url is not None else str(spec.folder / place),
        shown=str(written),
        table=source.table,
        query=source.query,
    )
