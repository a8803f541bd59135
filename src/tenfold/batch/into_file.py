"""Batch scoring into a file or a Delta table: chunk by chunk, seen by readers only when all rows are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import polars as pl

from tenfold.batch.flow import in_order
from tenfold.batch.given import Given, given_input
from tenfold.batch.job import job_name
from tenfold.batch.output import ARROW, DELTA, Kind, check_folder, kind_of, write_part
from tenfold.batch.rows import in_chunks, kept, numbered, read_history, read_rows
from tenfold.batch.scorer import MADE, Origin, Scorer
from tenfold.batch.staging import Chunk, StagedJob, Staging, staged
from tenfold.bundle.format import bundle_name, load_bundle
from tenfold.bundle.model import PREDICTION, Model
from tenfold.connectors.sinks.delta import DeltaSink
from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import DataError, InputError
from tenfold.foundation.fingerprint import hash_file
from tenfold.foundation.serial import canonical_json

CHUNK_ROWS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """How a batch is scored into a file.

    Attributes
    ----------
    chunk_rows : int
        Rows that are scored at a time, and lost at most when the process dies.
    keep : tuple of str
        Columns of the input that stand before the predictions in the output: keys, mostly.
    history : str or None
        Where the earlier rows are, for a model that reads lags which the input does not hold.
    table, query : str or None
        What to read where the input is a database.
    shown : str
        How messages name the input; empty: its location.
    intervals : bool
        Whether ``low`` and ``high``, or ``set``, follow the predictions.
    bare : bool
        Whether the rows do not say what they came of.
    workers : int
        How many chunks are scored at once.
    job : str or None
        The job's name; None: it is made of the model, the input and these options.
    once : bool
        Whether a file that is there is kept: one of this job's is finished, any other is refused.
    """

    chunk_rows: int = CHUNK_ROWS
    keep: tuple[str, ...] = ()
    history: str | None = None
    table: str | None = None
    query: str | None = None
    shown: str = ""
    intervals: bool = False
    bare: bool = False
    workers: int = 1
    job: str | None = None
    once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenToFile:
    """What was written.

    Attributes
    ----------
    output : str
        Where, as the user wrote it.
    rows, added, before : int
        Rows of the input; those that this call scored; those that were scored when it began.
    was_finished : bool
        Whether there was nothing left to do: a Delta table can tell, and a file that is written once.
    run_id : str
        The run of the job that this call was, as its rows name it.
    dropped : str
        What was thrown away, unfinished, for another job's sake; mostly empty.
    """

    output: str
    rows: int
    added: int
    before: int
    was_finished: bool
    columns: tuple[str, ...]
    job: str
    model_bundle: str
    input_hash: str
    run_id: str
    dropped: str = ""


def is_delta_output(output: str) -> bool:
    """Whether an output is a Delta table: ``delta:FOLDER``."""
    return output.startswith(DELTA)


def score_into_file(
    bundle: Path, location: str, output: str, options: FileOptions, *, model_ref: str, clock: Clock
) -> WrittenToFile:
    """Predict every row of an input and write the predictions in its order, however often this is stopped.

    Parameters
    ----------
    bundle : Path
        Where the model's bundle is.
    location : str
        A file, or a database with ``options.table`` or ``options.query``.
    output : str
        A file that ends with ``.csv``, ``.parquet`` or ``.jsonl``, or ``delta:FOLDER``: the kept columns,
        ``row_number``, ``prediction``, for classification ``proba_<class>`` for each class, and what the row came of.
        A file is replaced when all rows are there; a Delta table gets them in one commit, once.

    Raises
    ------
    InputError
        When the output cannot be written so.
    DataError
        When the input does not have what the model reads; nothing is written then.
    StoreError
        When another process works on the output, or the disk takes no more: what is scored is kept for the next call.
    """
    delta = DeltaSink(Path(output.removeprefix(DELTA))) if is_delta_output(output) else None
    target = Path(output) if delta is None else delta.folder
    if delta is None:
        kind = kind_of(target)
    else:
        check_folder(target)
        kind = ARROW
    model = load_bundle(bundle)
    name = bundle_name(bundle)
    with given_input(location, table=options.table, query=options.query, shown=options.shown) as given:
        history = read_history(model, options.history, rows_at_once=options.chunk_rows)
        scorer = Scorer(
            model=model,
            history=history,
            keep=options.keep,
            clock=clock,
            intervals=options.intervals,
            bare=options.bare,
        )
        job = _job(model, name, given, options, model_ref)
        with staged(target, job) as staging:
            batch = _Batch(scorer=scorer, staging=staging, given=given, kind=kind, options=options)
            if delta is not None and delta.holds(job.name):
                staging.forget()
                return batch.report(output, added=0, before=delta.rows(job.name), was_finished=True)
            if delta is None and options.once and target.exists():
                there = finished_rows(target, job)
                staging.forget()
                return batch.report(output, added=0, before=there, was_finished=True)
            try:
                before, empty = batch.score(ready=None if delta is None else delta.check)
            except (DataError, InputError):
                # Put right, the input is another one: nothing could go on after these chunks.
                staging.forget()
                raise
            rows = staging.rows
            if delta is None:
                staging.publish(_publisher(kind, empty))
            else:
                delta.append(job.name, empty, [chunk.path for chunk in staging.chunks], rows=rows)
                staging.forget()
            return batch.report(
                output, added=rows - before, before=before, was_finished=False, columns=tuple(empty.columns)
            )


def _publisher(kind: Kind, empty: pl.DataFrame) -> Callable[[Path, list[Chunk]], None]:
    def write(path: Path, chunks: list[Chunk]) -> None:
        kind.whole(path, empty, [chunk.path for chunk in chunks])

    return write


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """A job's rows through the model and into its staging."""

    scorer: Scorer
    staging: Staging
    given: Given
    kind: Kind
    options: FileOptions

    def score(self, *, ready: Callable[[pl.DataFrame], None] | None) -> tuple[int, pl.DataFrame]:
        """Score what is missing; return how many rows were there before, and the output's columns without a row.

        Parameters
        ----------
        ready : callable or None
            Looks at the columns before anything is scored, and raises when the output cannot take them.
        """
        staging, options = self.staging, self.options
        before = staging.rows
        frames = read_rows(
            self.scorer.model,
            self.given.location,
            table=None,
            query=None,
            shown=self.given.shown,
            rows_at_once=options.chunk_rows,
            with_history=self.scorer.history is not None,
        )
        with closing(frames):
            first = next(frames, None)
            whole: Iterator[pl.DataFrame] = iter(()) if first is None else chain((first,), frames)
            empty = self.scorer.no_rows(self._origin(), None if first is None else kept(first, options.keep))
            if ready is not None:
                ready(empty)
            chunks = numbered(in_chunks(whole, options.chunk_rows, after=before), before)
            with closing(
                in_order(enumerate(chunks, len(staging.chunks) + 1), self._written, workers=options.workers)
            ) as drafts:
                for draft, rows in drafts:
                    self.given.check_unchanged()
                    staging.add(draft, rows=rows)
        return before, empty

    def _written(self, chunk: tuple[int, tuple[int, pl.DataFrame]]) -> tuple[Path, int]:
        number, (before, frame) = chunk
        draft = self.staging.draft(number)
        rows = self.scorer.rows(frame, self._origin(), before=before)
        write_part(self.kind, rows, draft)
        return draft, rows.height

    def _origin(self) -> Origin:
        job = self.staging.job
        return Origin(
            model_ref=job.model_ref,
            model_bundle=job.model_bundle,
            job=job.name,
            input_hash=job.input_hash,
            epoch=job.epoch,
        )

    def report(
        self, output: str, *, added: int, before: int, was_finished: bool, columns: tuple[str, ...] = ()
    ) -> WrittenToFile:
        """Return what came of it."""
        job = self.staging.job
        return WrittenToFile(
            output=output,
            rows=before + added,
            added=added,
            before=before,
            was_finished=was_finished,
            columns=columns,
            job=job.name,
            model_bundle=job.model_bundle,
            input_hash=job.input_hash,
            run_id=self._origin().run_id,
            dropped=self.staging.dropped,
        )


def finished_rows(path: Path, job: StagedJob) -> int:
    """Return how many rows the file of a finished job has: it appeared whole, so its first row tells whose it is.

    Raises
    ------
    InputError
        When the file is not of this job, model and input: somebody else's is not replaced.
    """
    try:
        rows = _READ[path.suffix.lower()](path)
        first = rows.select("job", "model_bundle", "input_hash").head(1).collect()
        own = first.rows() == [(job.name, job.model_bundle, job.input_hash)]
        count = int(rows.select(pl.len()).collect(engine="streaming").item())
    except pl.exceptions.PolarsError:
        own, count = False, 0
    if not own:
        raise InputError(
            f"'{path}' is there already and does not hold the rows of the job '{job.name}': move it away, or name other"
            " files; what is there is not replaced"
        )
    return count


_READ: Mapping[str, Callable[[Path], pl.LazyFrame]] = {
    ".csv": partial(pl.scan_csv, infer_schema=False, glob=False),
    ".parquet": partial(pl.scan_parquet, glob=False),
    ".jsonl": partial(pl.scan_ndjson, infer_schema_length=1),
}


def _job(model: Model, bundle: str, given: Given, options: FileOptions, model_ref: str) -> StagedJob:
    if not options.bare:
        for name in options.keep:
            if name in {*MADE, PREDICTION}:
                raise InputError(f"the column '{name}' to keep is called as another column of the output: rename it")
    settings = {
        "keep": options.keep,
        "history": None if options.history is None else hash_file(Path(options.history)),
        "input_table": options.table,
        "input_query": options.query,
        "intervals": options.intervals,
        "bare": options.bare,
        "outputs": model.outputs,
    }
    return StagedJob(
        name=options.job or job_name(model_bundle=bundle, input_hash=given.hash, settings=settings),
        model_ref=model_ref,
        model_bundle=bundle,
        input=given.shown,
        input_hash=given.hash,
        settings=canonical_json(settings).decode(),
    )
