"""Batch scoring into a table of a database: chunk by chunk, each row once, from where the last process stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

import polars as pl

from tenfold.batch.flow import in_order
from tenfold.batch.given import Given, given_input
from tenfold.batch.job import (
    CHUNKS,
    FINISHED,
    JOBS,
    Claim,
    Insistence,
    Job,
    Progress,
    advance,
    claim,
    end_lost,
    finish,
    job_name,
    look,
    make_tables,
    release,
    renew,
)
from tenfold.batch.rows import in_chunks, numbered, read_history, read_rows
from tenfold.batch.scorer import JOB, MADE, ROW, Origin, Scorer
from tenfold.bundle.format import bundle_name, load_bundle
from tenfold.bundle.model import PREDICTION
from tenfold.connectors.sinks.open import open_sink, table_in
from tenfold.connectors.sinks.protocols import ConnectionLost, Locked, Sink, Undone
from tenfold.connectors.sinks.table import Column, TableShape, storable
from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import DataError, InputError, StoreError
from tenfold.foundation.fingerprint import hash_file

CHUNK_ROWS = 20_000

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """How a batch is written to a table.

    Attributes
    ----------
    table : str
        Where the rows go; it is made when it is not there.
    keep : tuple of str
        Columns of the input that are written beside the predictions: keys, mostly.
    job : str or None
        The job's name; None makes it of the model, the input and what is kept, so that the same work is the same job.
    chunk_rows : int
        Rows of one transaction.
    history, input_table, shown : str
        As for files: earlier rows, what to read of a database, how messages name the input.
    input_query : str or None
        What to ask a database that is the input, instead of a table.
    insistence : Insistence
        What the user said to do where Tenfold would rather ask.
    workers : int
        How many chunks are scored at once.
    """

    table: str
    keep: tuple[str, ...] = ()
    job: str | None = None
    chunk_rows: int = CHUNK_ROWS
    history: str | None = None
    input_table: str | None = None
    shown: str = ""
    input_query: str | None = None
    insistence: Insistence = field(default_factory=Insistence)
    workers: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenToTable:
    """What came of a job.

    Attributes
    ----------
    rows, added, before : int
        Rows of the job in the table; those that this call wrote; those that were there.
    was_finished : bool
        Whether there was nothing left to do.
    run_id : str
        The run of the job that this call was, as its rows name it; of a finished job the last one.
    """

    table: str
    job: str
    rows: int
    added: int
    before: int
    was_finished: bool
    columns: tuple[str, ...]
    model_bundle: str
    input_hash: str
    run_id: str


def score_into_table(
    bundle: Path, location: str, output: str, options: TableOptions, *, model_ref: str, shown: str, clock: Clock
) -> WrittenToTable:
    """Predict every row of an input and add the predictions to a table, each once, however often this is stopped.

    Each chunk is one transaction, and so is the note of how far the job is. Whoever calls this again with the same
    model and input goes on after the last chunk; when there is none left, nothing is added.

    Parameters
    ----------
    bundle : Path
        Where the model's bundle is.
    location : str
        A file, or a database with ``options.input_table``.
    output : str
        ``sqlite:PATH``, ``postgresql://...`` or ``mysql://...``, its secrets resolved.
    model_ref : str
        How the rows name the model.
    shown : str
        How messages name the database; never holds a secret.

    Raises
    ------
    InputError
        When the table is another one, or the named job was begun with something else.
    DataError
        When the input does not have what the model reads; the chunks before that stay.
    StoreError
        When another process works on the job, or the database cannot be written to.
    """
    model = load_bundle(bundle)
    with given_input(location, table=options.input_table, query=options.input_query, shown=options.shown) as given:
        sink = open_sink(output, shown=shown)
        try:
            job = _job(bundle, given, sink, options, model_ref)
            history = read_history(model, options.history, rows_at_once=options.chunk_rows)
            scorer = Scorer(model=model, history=history, keep=options.keep, clock=clock)
            return _work(scorer, job, given, sink, options)
        finally:
            sink.connection.close()


def _job(bundle: Path, given: Given, sink: Sink, options: TableOptions, model_ref: str) -> Job:
    table = table_in(sink, options.table)
    if table.name.lower() in {JOBS, CHUNKS}:
        raise InputError(f"'{table.name}' is where Tenfold keeps how far jobs are: name another --table")
    settings = {
        "keep": options.keep,
        "history": None if options.history is None else hash_file(Path(options.history)),
        "input_table": options.input_table,
    }
    if options.input_query is not None:
        settings["input_query"] = options.input_query
    name = bundle_name(bundle)
    return Job(
        name=options.job or job_name(model_bundle=name, input_hash=given.hash, settings=settings),
        table=table,
        model_ref=model_ref,
        model_bundle=name,
        shown=given.shown,
        input_hash=given.hash,
        settings=settings,
    )


def _work(scorer: Scorer, job: Job, given: Given, sink: Sink, options: TableOptions) -> WrittenToTable:
    known = look(sink, job)
    if known is not None and _all_done(job, known):
        return _report(_origin(job, known.epoch), job, known.rows, known.rows, was_finished=True, columns=())
    frames = read_rows(
        scorer.model,
        given.location,
        table=None,
        query=None,
        shown=given.shown,
        rows_at_once=options.chunk_rows,
        with_history=scorer.history is not None,
    )
    with closing(frames):
        return _write(frames, scorer, job, given, sink=sink, options=options)


def _write(
    frames: Iterator[pl.DataFrame], scorer: Scorer, job: Job, given: Given, *, sink: Sink, options: TableOptions
) -> WrittenToTable:
    first = next(frames, None)
    columns = () if first is None else scorer.columns(first)
    make_tables(sink, job, None if first is None else _shape(sink, columns, options.keep))
    mine, progress = claim(sink, job, now=scorer.clock.now(), insistence=options.insistence)
    origin = _origin(job, mine.epoch)
    writer = _Writer(scorer=scorer, origin=origin, sink=sink, mine=mine, given=given, workers=options.workers)
    done = False
    try:
        whole = frames if first is None else chain((first,), frames)
        rows = writer.write_all(in_chunks(whole, options.chunk_rows, after=progress.rows), progress)
        done = True
    finally:
        if not done:
            # Who comes next sees in any case that this process is gone: letting go only spares the question.
            with suppress(StoreError):
                release(sink, mine)
    names = tuple(column.name for column in columns)
    return _report(origin, job, rows, progress.rows, was_finished=False, columns=names)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writer:
    """Chunks into the table, as long as the claim holds."""

    scorer: Scorer
    origin: Origin
    sink: Sink
    mine: Claim
    given: Given
    workers: int

    def write_all(self, chunks: Iterator[pl.DataFrame], progress: Progress) -> int:
        """Write chunk after chunk, say that the job is finished, and return how many rows are there then."""
        rows = progress.rows
        try:
            with closing(in_order(numbered(chunks, rows), self._scored, workers=self.workers)) as scored:
                for chunk, written in enumerate(scored, progress.chunks + 1):
                    self.given.check_unchanged()
                    self._commit(partial(self._write, written, before=rows, chunk=chunk))
                    rows += written.height
        except DataError as error:
            if not rows:
                raise
            raise DataError(
                f"{error}; the {rows:,} rows before are in the table: once the input is put right, go on after them "
                f"with --job {self.mine.job.name} --accept-change"
            ) from error
        self._commit(self._finish)
        return rows

    def _scored(self, chunk: tuple[int, pl.DataFrame]) -> pl.DataFrame:
        before, frame = chunk
        return storable(self.scorer.rows(frame, self.origin, before=before))

    def _write(self, rows: pl.DataFrame, *, before: int, chunk: int) -> None:
        """Write a chunk and the job's progress in one transaction; nothing when that was done already."""
        now = self.scorer.clock.now()
        with self.sink.connection.writing() as transaction:
            if advance(transaction, self.mine, first=before, rows=rows.height, chunk=chunk, now=now):
                transaction.append(self.mine.job.table, rows)

    def _finish(self) -> None:
        with self.sink.connection.writing() as transaction:
            finish(transaction, self.mine, now=self.scorer.clock.now())

    def _commit(self, write: Callable[[], None]) -> None:
        """Do a transaction until it is known to be committed.

        When the connection breaks, nobody says whether it was. Doing it again asks the job's row: either it advances
        now, or it shows that it had. When the database undid it for another session's sake, it is done again, too.
        """
        lost = False
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if lost:
                    renew(self.sink, self.mine)
                    lost = False
                write()
            except Undone:
                if attempt == _ATTEMPTS:
                    raise
            except Locked:
                # The one who holds the job may be this process itself, under the session that it lost.
                if not lost or attempt == _ATTEMPTS or not end_lost(self.sink, self.mine):
                    raise
            except ConnectionLost:
                if attempt == _ATTEMPTS:
                    raise
                lost = True
                self.sink.connection.reopen()
            else:
                return


def _all_done(job: Job, known: Progress) -> bool:
    same = (known.model_bundle, known.input_hash, known.settings)
    return known.state == FINISHED and same == (job.model_bundle, job.input_hash, job.settings_text)


def _shape(sink: Sink, columns: tuple[Column, ...], keep: tuple[str, ...]) -> TableShape:
    for name in keep:
        if name.lower() in {*MADE, PREDICTION}:
            raise InputError(f"the column '{name}' to keep is called as another column of the table: rename it")
    sink.catalogue.refuse_names([column.name for column in columns], "column")
    return TableShape(columns=columns, key=(JOB, ROW))


def _origin(job: Job, epoch: int) -> Origin:
    return Origin(
        model_ref=job.model_ref,
        model_bundle=job.model_bundle,
        job=job.name,
        input_hash=job.input_hash,
        epoch=epoch,
    )


def _report(
    origin: Origin, job: Job, rows: int, before: int, *, was_finished: bool, columns: tuple[str, ...]
) -> WrittenToTable:
    return WrittenToTable(
        table=job.table.shown,
        job=job.name,
        rows=rows,
        added=rows - before,
        before=before,
        was_finished=was_finished,
        columns=columns,
        model_bundle=job.model_bundle,
        input_hash=job.input_hash,
        run_id=origin.run_id,
    )
