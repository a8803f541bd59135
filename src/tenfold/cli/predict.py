"""``tenfold predict``: score rows into a file, a Delta table or a table of a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath, folder_of
from tenfold.cli.table import heading, pairs
from tenfold.foundation.errors import InputError
from tenfold.foundation.units import format_seconds

if TYPE_CHECKING:
    from rich.console import Console

    from tenfold.project.dated_input import Dates

_DATABASES = ("sqlite:", "postgresql://", "postgres://", "mysql://", "mariadb://", "env:", "${env:")


def predict(
    *,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="name@version, name@alias, or the path of a bundle.")],
    data: Annotated[str, typer.Argument(metavar="INPUT", help="The rows to score, in a file or a database.")],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="A file that ends with .csv, .parquet or .jsonl; delta:FOLDER; or sqlite:PATH, postgresql://… or "
            "mysql://…, with secrets as ${env:NAME}; or env:NAME, a variable that holds such an address.",
        ),
    ],
    table: Annotated[
        str | None,
        typer.Option("--table", help="The table to write, where the output is a database; else the one to read."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--key", "--keep", help="A column of the input to write as well; may be repeated."),
    ] = None,
    job: Annotated[
        str | None,
        typer.Option("--job", help="The job's name in the database; else it is made of the model and the input."),
    ] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Take the job from a process that still seems to work on it.")
    ] = False,
    accept_change: Annotated[
        bool, typer.Option("--accept-change", help="Go on with --job although the model or the input is another one.")
    ] = False,
    history: Annotated[
        str | None, typer.Option("--history", help="Earlier rows, where the model's features look back.")
    ] = None,
    input_table: Annotated[
        str | None, typer.Option("--input-table", help="The table to read, where INPUT is a database.")
    ] = None,
    chunk_rows: Annotated[
        int | None, typer.Option("--chunk-rows", min=1, help="How many rows are scored and written at a time.")
    ] = None,
    intervals: Annotated[
        bool,
        typer.Option(
            "--intervals",
            help="Also write low and high, or for classes the set that holds the truth; for models of a run with "
            "`evaluation: {intervals: 0.9}`.",
        ),
    ] = False,
    bare: Annotated[
        bool,
        typer.Option(
            "--bare", help="In a file, the kept columns and the predictions alone: no model, run, time and input."
        ),
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="How many chunks are scored at once; else one a core.")
    ] = None,
    join: Annotated[
        bool,
        typer.Option("--join", help="INPUT holds rows of the join's base: put the project's sources beside them."),
    ] = False,
    since: Annotated[
        str | None, typer.Option("--since", help="Only rows that came at this day or time or later, as 2026-03-01.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only rows that came before this day or time.")] = None,
    time_column: Annotated[
        str | None,
        typer.Option("--time", help="The column that says when a row came, for --since and --until."),
    ] = None,
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Score rows, in the order of the input."""

    def work() -> Reply:
        if output.startswith(_DATABASES):
            return into_table()
        given = {"--job": job is not None, "--take-over": take_over, "--accept-change": accept_change}
        wrong = [name for name, is_given in given.items() if is_given]
        if wrong:
            raise InputError(f"{wrong[0]} is for an output in a database: a file appears whole, or not at all")
        from tenfold.project.score import predict as predict_file

        report = predict_file(
            model,
            data,
            output if output.startswith("delta:") else Path(output),
            folder=folder_of(project),
            keep=tuple(keep or ()),
            history=history,
            table=input_table or table,
            chunk_rows=chunk_rows,
            intervals=intervals,
            join=join,
            dates=dates_of(time_column, since, until),
            bare=bare,
            workers=workers,
        )
        return Reply(document=report.document(), ok=report.ok, show=show_predict)

    def into_table() -> Reply:
        if bare:
            raise InputError("--bare is for an output in a file: a row of a table says what it came of")
        if intervals:
            raise InputError("--intervals is for an output in a file: a table of a database has the predictions alone")
        if table is None:
            raise InputError("say with --table which table of the database is to be written")
        from tenfold.batch.flow import usable_workers
        from tenfold.batch.into_table import CHUNK_ROWS, TableOptions
        from tenfold.batch.job import Insistence
        from tenfold.project.score import predict_into_table

        options = TableOptions(
            table=table,
            keep=tuple(keep or ()),
            job=job,
            chunk_rows=chunk_rows or CHUNK_ROWS,
            history=history,
            input_table=input_table,
            insistence=Insistence(take_over=take_over, accept_change=accept_change),
            workers=workers or usable_workers(),
        )
        report = predict_into_table(
            model,
            data,
            output,
            options,
            folder=folder_of(project),
            join=join,
            dates=dates_of(time_column, since, until),
        )
        return Reply(document=report.document(), ok=report.ok, show=show_predict)

    return Command(work=work, as_json=as_json)


def dates_of(column: str | None, since: str | None, until: str | None) -> Dates | None:
    """Return the dates of a back-fill; None where none are given."""
    if since is None and until is None:
        if column is not None:
            raise InputError("--time is for --since and --until: say from when on, or until when, rows are scored")
        return None
    if column is None:
        raise InputError("say with --time which column of the input says when a row came")
    from tenfold.project.dated_input import Dates

    return Dates(column=column, since=since, until=until)


def show_predict(document: Document, console: Console) -> None:
    """Print how many rows were scored, by what, to where."""
    table = f", table {document['table']}" if document.get("table") else ""
    heading(console, f"wrote {document.get('output', '')}{table}")
    seconds = document.get("seconds")
    pairs(
        console,
        (
            ("model", document.get("model")),
            ("rows", document.get("rows")),
            ("added", document.get("rows_added")),
            ("columns", ", ".join(document.get("columns") or []) or None),
            ("time", format_seconds(float(seconds)) if seconds is not None else None),
            ("notes", "; ".join(document.get("notes") or [])),
        ),
    )
