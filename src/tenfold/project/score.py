"""Models by name, and files and tables scored with them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tenfold.batch.flow import usable_workers
from tenfold.batch.into_file import CHUNK_ROWS, FileOptions, WrittenToFile, score_into_file
from tenfold.batch.into_table import TableOptions, WrittenToTable, score_into_table
from tenfold.bundle.format import bundle_name, load_bundle
from tenfold.bundle.model import Model
from tenfold.foundation.clock import Clock, SystemClock
from tenfold.foundation.errors import DataError, InputError
from tenfold.foundation.fingerprint import fingerprint
from tenfold.project.dated_input import Dates, dated_input
from tenfold.project.document import Document
from tenfold.project.joined_input import joined_input
from tenfold.project.signing import vouch
from tenfold.project.table_reports import PredictReport
from tenfold.spec.load import load_spec
from tenfold.spec.secret import Location, Secret, plain_password, substitute
from tenfold.store.open import open_store

_DEFAULT_STORE = ".tenfold"
_PLAIN_VARIABLE = re.compile(r"^env:([A-Za-z_][A-Za-z0-9_]*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePredictReport:
    """A batch scored into a database; the document is ``tenfold.predict/1`` with what a job adds to it."""

    model: str
    output: str
    written: WrittenToTable
    seconds: float
    ok: bool = True

    def document(self) -> Document:
        """Return the scoring as JSON-ready values."""
        written = self.written
        return {
            "schema": "tenfold.predict/1",
            "model": self.model,
            "output": self.output,
            "rows": written.rows,
            "columns": list(written.columns),
            "seconds": self.seconds,
            "table": written.table,
            "job": written.job,
            "rows_added": written.added,
            "rows_before": written.before,
            "was_finished": written.was_finished,
            "model_bundle": written.model_bundle,
            "input_hash": written.input_hash,
            "run_id": written.run_id,
            "notes": [_note(written)],
        }


def _note(written: WrittenToTable | WrittenToFile) -> str:
    if isinstance(written, WrittenToFile) and written.dropped:
        return f"{written.dropped} was thrown away for this job, '{written.job}'"
    if written.was_finished:
        return f"the job '{written.job}' was finished before: 0 rows were added"
    if written.before:
        return f"the job '{written.job}' went on after row {written.before:,}"
    return f"the job is '{written.job}'"


def load(model: str | Path, *, folder: Path | str = ".") -> Model:
    """Load a model: ``name@version``, ``name@alias``, or the path of a bundle.

    Parameters
    ----------
    folder : path
        The project's folder, where the registry lies.

    Raises
    ------
    InputError
        When there is no such model.
    StoreError
        When the bundle is damaged.
    """
    return load_bundle(bundle_path(str(model), Path(folder)))


def bundle_path(model: str, folder: Path) -> Path:
    """Return where the bundle of a model lies."""
    return _found(model, folder)[1]


def _found(model: str, folder: Path) -> tuple[str | None, Path]:
    """Return the version that a model's name stands for now, None for a bundle's path, and where the bundle lies."""
    path = Path(model)
    if "@" not in model or path.exists():
        if path.exists():
            vouch(path, folder)
            return None, path
        raise InputError(f"'{model}' is neither a bundle's path nor a version; write it as name@1 or name@champion")
    with open_store(_store_folder(folder)) as store:
        version = store.registry.find(model)
        return f"{version.name}@{version.number}", store.blobs.path(version.blob)


def predict(
    model: str,
    data: str,
    output: Path | str,
    *,
    folder: Path,
    keep: tuple[str, ...] = (),
    history: str | None = None,
    table: str | None = None,
    chunk_rows: int | None = None,
    intervals: bool = False,
    join: bool = False,
    dates: Dates | None = None,
    bare: bool = False,
    workers: int | None = None,
    job: str | None = None,
    clock: Clock | None = None,
) -> PredictReport:
    """Score the rows of a file or a database table into a file or a Delta table, in their order.

    Parameters
    ----------
    output : path or str
        A file, or ``delta:FOLDER``.
    keep : tuple of str
        Columns of the input that are written beside the predictions.
    history : str, optional
        Earlier rows, for a model whose features look back.
    intervals : bool
        Whether ``low`` and ``high``, or ``set``, follow the predictions.
    join : bool
        Whether the rows are those of the base of the project's join, and its sources are put beside them first.
    dates : Dates, optional
        Which rows: those that came between two moments.
    bare : bool
        Whether the rows do not say which model, run and input they came of.
    workers : int, optional
        How many chunks are scored at once; one for each core unless told.
    job : str, optional
        The name of a job that is done once: a file that is there is kept then, and refused unless it is this job's.
    clock : Clock, optional
        What time it is for the rows; the system's unless told.

    Raises
    ------
    InputError
        When the model, the input or the output are not what they must be.
    StoreError
        When another process works on the output, or the disk takes no more.
    """
    clock = clock or SystemClock()
    began = clock.monotonic()
    source = located(data, os.environ)
    given, shown = source.secret.reveal(), source.shown if source.database else ""
    options = FileOptions(
        keep=keep,
        history=history,
        table=table,
        chunk_rows=chunk_rows or CHUNK_ROWS,
        intervals=intervals,
        bare=bare,
        workers=workers or usable_workers(),
        shown=shown,
        job=job,
        once=job is not None,
    )
    if dates is not None:
        with _only(dates, model, data, folder=folder, table=table) as only:
            of_these = partial(predict, model, str(only), output, folder=folder, keep=keep, history=history)
            also = partial(of_these, job=job, clock=clock)
            return also(chunk_rows=chunk_rows, intervals=intervals, join=join, bare=bare, workers=workers)
    ref, bundle = _found(model, folder)
    score = partial(score_into_file, bundle, model_ref=ref or load_bundle(bundle).name, clock=clock)
    if join:
        with joined_input(model, given, folder=folder, table=table, shown=shown) as rows:
            scored = score(str(rows), str(output), replace(options, table=None, shown=shown or data))
    else:
        try:
            scored = score(given, str(output), options)
        except DataError as error:
            if " lacks the column" not in str(error) or not _has_join(folder):
                raise
            raise DataError(f"{error} Where the rows are those of the join's base, add --join") from error
    return PredictReport(
        model=model,
        output=scored.output,
        rows=scored.rows,
        columns=scored.columns,
        seconds=clock.monotonic() - began,
        job=scored.job,
        rows_added=scored.added,
        rows_before=scored.before,
        was_finished=scored.was_finished,
        model_bundle=scored.model_bundle,
        input_hash=scored.input_hash,
        run_id=scored.run_id,
        notes=(_note(scored),),
    )


def predict_into_table(
    model: str,
    data: str,
    output: str,
    options: TableOptions,
    *,
    folder: Path,
    clock: Clock | None = None,
    join: bool = False,
    dates: Dates | None = None,
) -> TablePredictReport:
    """Score the rows of a file or a database table into a table; see `tenfold.batch.into_table.score_into_table`.

    Parameters
    ----------
    data, output : str
        ``${env:NAME}`` in them stands for the value of that environment variable, and ``env:NAME`` as the whole output,
        too; a password must stand there so.
    folder : path
        The project's folder, where the registry lies.
    clock : Clock, optional
        What time it is for the rows; the system's unless told.
    join, dates : bool, Dates or None
        As for files. The job of a back-fill by date is named by its dates: rows that came since it was finished are
        told of, they are not added.

    Raises
    ------
    InputError
        When the model, the input, the database or the table are not what they must be.
    StoreError
        When another process works on the same job, or the database cannot be written to.
    """
    clock = clock or SystemClock()
    began = clock.monotonic()
    place = located(_PLAIN_VARIABLE.sub(r"${env:\1}", output), os.environ)
    source = located(data, os.environ)
    shown = source.shown if source.database else ""
    ref, bundle = _found(model, folder)
    with ExitStack() as stack:
        given = source.secret.reveal()
        if dates is not None:
            options = _named_by_dates(options, dates, bundle=bundle, data=data)
            within = dated_input(bundle, given, dates, folder=folder, table=options.input_table, shown=shown)
            given, shown = str(stack.enter_context(within)), shown or data
            options = replace(options, input_table=None)
        if join:
            asked = joined_input(model, given, folder=folder, table=options.input_table, shown=shown)
            given, shown = str(stack.enter_context(asked)), shown or data
            options = replace(options, input_table=None)
        written = score_into_table(
            bundle,
            given,
            place.secret.reveal(),
            replace(options, shown=shown),
            model_ref=ref or load_bundle(bundle).name,
            shown=place.shown,
            clock=clock,
        )
    return TablePredictReport(
        model=ref or model, output=place.shown, written=written, seconds=clock.monotonic() - began
    )


def _only(dates: Dates, model: str, data: str, *, folder: Path, table: str | None) -> AbstractContextManager[Path]:
    source = located(data, os.environ)
    shown = source.shown if source.database else ""
    bundle = bundle_path(model, folder)
    return dated_input(bundle, source.secret.reveal(), dates, folder=folder, table=table, shown=shown)


def _named_by_dates(options: TableOptions, dates: Dates, *, bundle: Path, data: str) -> TableOptions:
    if options.insistence.accept_change:
        raise InputError(
            "--accept-change goes on after the rows that are there, but between --since and --until new ones may stand"
            " anywhere: give another --job, or dates that no job has scored"
        )
    if options.job is not None:
        return options
    settings = (data, options.input_table, dates, options.keep, options.history)
    return replace(options, job=f"back-fill-{fingerprint(bundle_name(bundle), *settings)[:16]}")


def located(written: str, environ: Mapping[str, str]) -> Location:
    """Return a place with the environment put in; InputError when a password stands there in plain text."""
    instead = plain_password(written)
    if instead is not None:
        raise InputError(f'a password stands on the command line; keep it in the environment and write "{instead}"')
    resolved = substitute(written, environ)
    return Location(shown=written, secret=Secret(resolved), database="://" in resolved)


def _has_join(folder: Path) -> bool:
    return (folder / "tenfold.yaml").exists() and load_spec(folder, os.environ).data.join is not None


def _store_folder(folder: Path) -> Path:
    """Return the store that the project's file names; beside no file, the usual folder."""
    if (folder / "tenfold.yaml").exists():
        return load_spec(folder, os.environ).store_folder
    return folder / _DEFAULT_STORE
