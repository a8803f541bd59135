"""A job: one input through one model into one table, and the row of the database that says how far it is.

The row holds an epoch, which whoever takes the job over raises. Each chunk is written in one transaction with an
update of that row which succeeds only for the epoch and the number of rows that the writer knows: so a chunk is there
once or not at all, and a writer that was thought dead cannot write any more.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tenfold.connectors.sinks.protocols import Locked, Sink, Transaction
from tenfold.connectors.sinks.table import Column, TableName, TableShape, check_shape, quoted
from tenfold.foundation.errors import InputError, StoreError
from tenfold.foundation.fingerprint import fingerprint
from tenfold.foundation.serial import canonical_json
from tenfold.store.files.process import is_alive, pid_of, this_process

JOBS, CHUNKS = "tenfold_jobs", "tenfold_chunks"
FORMAT = 1
LATER = ("run_id",)
"""Columns of text that tables of predictions have had since a later release than their first."""
OPEN, FINISHED = "open", "finished"


class TakenOver(StoreError):
    """Another process has taken the job over: what this one still wanted to write is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a job is asked to do.

    Attributes
    ----------
    name : str
        As the user called it, or made of everything that decides what its rows are.
    table : TableName
        Where its rows go.
    model_ref, model_bundle : str
        The version as a person names it, and the hash of its bundle.
    shown, input_hash : str
        The input as messages name it, and the hash of its bytes.
    settings : mapping
        What else decides what its rows are: the kept columns, the hash of the earlier rows.
    """

    name: str
    table: TableName
    model_ref: str
    model_bundle: str
    shown: str
    input_hash: str
    settings: Mapping[str, object]

    @property
    def settings_text(self) -> str:
        """The settings as the job's row holds them."""
        return canonical_json(self.settings).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is, and who works on it; ``owner`` is empty while nobody does."""

    epoch: int
    owner: str
    session: str
    rows: int
    chunks: int
    state: str
    model_ref: str
    model_bundle: str
    input_hash: str
    settings: str
    claimed_at: str
    written_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to write a job's rows, until somebody else's epoch is greater."""

    job: Job
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Insistence:
    """What the user said to do where Tenfold would rather ask.

    Attributes
    ----------
    take_over : bool
        Take the job from a process that is still there.
    accept_change : bool
        Go on with a named job although its model or input is another one now.
    """

    take_over: bool = False
    accept_change: bool = False


def job_name(*, model_bundle: str, input_hash: str, settings: Mapping[str, object]) -> str:
    """Return the name of a job that the user did not name: the same for the same rows."""
    return fingerprint("batch job", model_bundle, input_hash, settings)[:16]


def make_tables(sink: Sink, job: Job, shape: TableShape | None) -> None:
    """Make the job's table and the two of all jobs, or check that those there are what they must be.

    Parameters
    ----------
    shape : TableShape or None
        None leaves the job's table alone: there are no rows that would tell what it must be.

    Raises
    ------
    InputError
        When one of the names belongs to something else.
    """
    with sink.connection.writing(alone=True) as transaction:
        tables = {job.table.beside(JOBS): _JOBS_SHAPE, job.table.beside(CHUNKS): _CHUNKS_SHAPE}
        if shape is not None:
            tables = {job.table: shape, **tables}
        # All are looked at before one is made: MySQL would keep it although the next one is refused.
        missing = [table for table, wanted in tables.items() if not _is_there(sink, transaction, table, wanted)]
        for table in missing:
            _make_table(sink, transaction, table, tables[table])


def look(sink: Sink, job: Job) -> Progress | None:
    """Return how far the job is; None when it has not begun.

    Raises
    ------
    InputError
        When the job wrote rows to a table that is gone.
    """
    with sink.connection.writing() as transaction:
        jobs = job.table.beside(JOBS)
        there = sink.catalogue.described(transaction, jobs)
        if there is None:
            return None
        check_shape(there, _wanted(sink, _JOBS_SHAPE), jobs.shown)
        progress = _progress(transaction, job)
        if progress is not None and progress.rows and sink.catalogue.described(transaction, job.table) is None:
            raise InputError(
                f"the job '{job.name}' wrote {progress.rows:,} rows to the table '{job.table.shown}', which is gone: "
                "bring it back, or begin anew with another --job"
            )
        return progress


def claim(sink: Sink, job: Job, *, now: datetime, insistence: Insistence) -> tuple[Claim, Progress]:
    """Become the one who writes the job's rows, and return how far it is.

    Raises
    ------
    StoreError
        When another process works on the job: the message says who.
    InputError
        When the job's name means another model or input.
    """
    try:
        return _claim(sink, job, now=now, insistence=insistence)
    except Locked:
        # Its owner is inside a transaction. Only where it may be taken from a living one, that session is ended.
        if not insistence.take_over or not _end_session(sink, job):
            raise
    return _claim(sink, job, now=now, insistence=insistence)


def renew(sink: Sink, claim: Claim) -> None:
    """Say under which session the owner goes on, after the connection was lost."""
    with sink.connection.writing() as transaction:
        transaction.run(
            f"UPDATE {_jobs(claim.job)} SET session = $1 WHERE {_MINE} AND epoch = $4",  # noqa: S608  # constants
            (sink.sessions.own(transaction), *_key(claim.job), claim.epoch),
        )


def end_lost(sink: Sink, claim: Claim) -> bool:
    """End the session that this process has lost, when the server still takes it for living.

    A server may learn late that a connection broke: until then the session holds what its open transaction held.

    Returns
    -------
    bool
        Whether it is gone; False when the job's row names the session of now or is another's, or none can be ended.
    """
    with sink.connection.writing() as transaction:
        progress = _progress(transaction, claim.job)
        if progress is None or progress.epoch != claim.epoch or progress.session == sink.sessions.own(transaction):
            return False
        return sink.sessions.end(transaction, progress.session)


def advance(transaction: Transaction, claim: Claim, *, first: int, rows: int, chunk: int, now: datetime) -> bool:
    """Move the job on by a chunk, inside the transaction that writes it; False when the chunk is there already.

    Parameters
    ----------
    first : int
        Rows that were written before.

    Raises
    ------
    TakenOver
        When the job is another's by now.
    """
    job = claim.job
    moved = transaction.change(
        f'UPDATE {_jobs(job)} SET "rows" = $1, chunks = $2, written_at = $3'  # noqa: S608  # constants
        ' WHERE target = $4 AND job = $5 AND epoch = $6 AND "rows" = $7',
        (first + rows, chunk, _moment(now), *_key(job), claim.epoch, first),
    )
    if not moved:
        found = _owned(transaction, claim)
        if found.rows == first + rows:
            return False
        raise StoreError(
            f"the job '{job.name}' is at row {found.rows:,}, not {first:,}: the server lost what it had confirmed, or "
            "the progress was changed by hand; run the command again to go on from there"
        )
    transaction.run(
        f"INSERT INTO {job.table.beside(CHUNKS).quoted}"  # noqa: S608  # constants
        ' (target, job, chunk, epoch, first_row, "rows", model_bundle, input_hash, written_at)'
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        (*_key(job), chunk, claim.epoch, first + 1, rows, job.model_bundle, job.input_hash, _moment(now)),
    )
    return True


def finish(transaction: Transaction, claim: Claim, *, now: datetime) -> None:
    """Say that all rows are there."""
    moved = transaction.change(
        f"UPDATE {_jobs(claim.job)} SET state = $1, finished_at = $2, owner = '', session = ''"  # noqa: S608  # constants
        " WHERE target = $3 AND job = $4 AND epoch = $5",
        (FINISHED, _moment(now), *_key(claim.job), claim.epoch),
    )
    if not moved:
        _owned(transaction, claim)


def release(sink: Sink, claim: Claim) -> None:
    """Let go of a job that is not finished, so that the next one need not ask whether this process still works."""
    with sink.connection.writing() as transaction:
        transaction.run(
            f"UPDATE {_jobs(claim.job)} SET owner = '', session = ''"  # noqa: S608  # constants
            " WHERE target = $1 AND job = $2 AND epoch = $3",
            (*_key(claim.job), claim.epoch),
        )


def _claim(sink: Sink, job: Job, *, now: datetime, insistence: Insistence) -> tuple[Claim, Progress]:
    with sink.connection.writing(alone=True) as transaction:
        before = _progress(transaction, job)
        if before is None:
            _begin(transaction, job, now)
        else:
            _refuse_working(sink, transaction, job, before, insistence)
            _refuse_changed(job, before, insistence)
        transaction.run(
            f"UPDATE {_jobs(job)} SET epoch = epoch + 1, owner = $1, session = $2, claimed_at = $3, state = $4,"  # noqa: S608  # constants
            " model_ref = $5, model_bundle = $6, input = $7, input_hash = $8, settings = $9, finished_at = ''"
            " WHERE target = $10 AND job = $11",
            (
                this_process(), sink.sessions.own(transaction), _moment(now), OPEN,
                job.model_ref, job.model_bundle, job.shown, job.input_hash, job.settings_text, *_key(job),
            ),
        )  # fmt: skip
        # Read after the update, which waited for whoever still had a chunk in the making.
        progress = _progress(transaction, job)
        assert progress is not None
    return Claim(job=job, epoch=progress.epoch), progress


def _begin(transaction: Transaction, job: Job, now: datetime) -> None:
    transaction.run(
        f"INSERT INTO {_jobs(job)} (target, job, format, model_ref, model_bundle, input, input_hash, settings, epoch,"  # noqa: S608  # constants
        ' owner, session, "rows", chunks, state, began_at, claimed_at, written_at, finished_at)'
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '', '', 0, 0, $9, $10, '', '', '')",
        (
            *_key(job), FORMAT, job.model_ref, job.model_bundle, job.shown, job.input_hash, job.settings_text, OPEN,
            _moment(now),
        ),
    )  # fmt: skip


def _refuse_working(sink: Sink, transaction: Transaction, job: Job, before: Progress, insistence: Insistence) -> None:
    if insistence.take_over or not before.owner or not is_alive(before.owner):
        return
    if not sink.sessions.lives(transaction, before.session):
        return
    raise StoreError(
        f"{_person(before.owner)} works on the job '{job.name}' since {before.claimed_at} and has written "
        f"{before.rows:,} rows; wait until it ends, or take the job from it with --take-over"
    )


def _refuse_changed(job: Job, before: Progress, insistence: Insistence) -> None:
    changed = {
        f"the model {before.model_ref} ({before.model_bundle[:12]})": before.model_bundle != job.model_bundle,
        f"an input with the hash {before.input_hash[:12]}": before.input_hash != job.input_hash,
        f"the settings {before.settings}": before.settings != job.settings_text,
    }
    other = [what for what, is_other in changed.items() if is_other]
    if not other or insistence.accept_change:
        return
    now = f"{job.model_ref} ({job.model_bundle[:12]}), {job.input_hash[:12]}, {job.settings_text}"
    raise InputError(
        f"the job '{job.name}' was begun with {' and '.join(other)}, now it is {now}: give another --job, or go on "
        f"after row {before.rows:,} all the same with --accept-change"
    )


def _end_session(sink: Sink, job: Job) -> bool:
    with sink.connection.writing() as transaction:
        progress = _progress(transaction, job)
        return progress is not None and sink.sessions.end(transaction, progress.session)


def _owned(transaction: Transaction, claim: Claim) -> Progress:
    found = _progress(transaction, claim.job)
    if found is None or found.epoch != claim.epoch:
        by = f"{_person(found.owner)} has taken" if found is not None and found.owner else "somebody has taken"
        raise TakenOver(
            f"{by} the job '{claim.job.name}' over from this process, whose further rows are refused; "
            "what was written before stays, and nothing is there twice"
        )
    return found


def _progress(transaction: Transaction, job: Job) -> Progress | None:
    names = ", ".join(f'"{name}"' for name in Progress.__dataclass_fields__)
    rows = transaction.ask(
        f"SELECT {names} FROM {_jobs(job)} WHERE target = $1 AND job = $2",  # noqa: S608  # constants
        _key(job),
    )
    return Progress(**dict(zip(Progress.__dataclass_fields__, rows[0], strict=True))) if rows else None


def _is_there(sink: Sink, transaction: Transaction, table: TableName, shape: TableShape) -> bool:
    """Whether there is such a table; refused when it is another one."""
    there = sink.catalogue.described(transaction, table)
    if there is None:
        return False
    later = {name: sink.catalogue.to_add(table, name) for name in LATER}
    check_shape(there, _wanted(sink, shape), table.shown, later=later)
    return True


def _make_table(sink: Sink, transaction: Transaction, table: TableName, shape: TableShape) -> None:
    lines = [
        f"{quoted(column.name)} {type_}{' NOT NULL' if column.required else ''}"
        for column, (_, type_, _) in zip(shape.columns, _wanted(sink, shape), strict=True)
    ]
    key = ", ".join(quoted(name) for name in shape.key)
    transaction.run(f"CREATE TABLE {table.quoted} ({', '.join(lines)}, PRIMARY KEY ({key}))")


def _wanted(sink: Sink, shape: TableShape) -> Sequence[tuple[str, str, bool]]:
    return [
        (column.name, sink.catalogue.type_of(column, in_key=column.name in shape.key), column.name in shape.key)
        for column in shape.columns
    ]


def _person(owner: str) -> str:
    """Return a process's name as a person looks for it."""
    host = owner.rpartition(":")[2]
    at = "of this machine" if host == socket.gethostname() else f"on '{host}'"
    return f"process {pid_of(owner)} {at}"


def _jobs(job: Job) -> str:
    return job.table.beside(JOBS).quoted


def _key(job: Job) -> tuple[str, str]:
    return (job.table.name, job.name)


def _moment(now: datetime) -> str:
    return now.isoformat(timespec="microseconds")


_MINE = "target = $2 AND job = $3"


def _texts(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name=name, holds="text", required=True) for name in names)


def _integers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name=name, holds="integer", required=True) for name in names)


_JOBS_SHAPE = TableShape(
    columns=(
        *_texts("target", "job"),
        *_integers("format"),
        *_texts("model_ref", "model_bundle", "input", "input_hash", "settings"),
        *_integers("epoch"),
        *_texts("owner", "session"),
        *_integers("rows", "chunks"),
        *_texts("state", "began_at", "claimed_at", "written_at", "finished_at"),
    ),
    key=("target", "job"),
)
_CHUNKS_SHAPE = TableShape(
    columns=(
        *_texts("target", "job"),
        *_integers("chunk", "epoch", "first_row", "rows"),
        *_texts("model_bundle", "input_hash", "written_at"),
    ),
    key=("target", "job", "chunk"),
)
