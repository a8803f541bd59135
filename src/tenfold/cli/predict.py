"""``tenfold predict``: score a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath, folder_of
from tenfold.cli.table import heading, pairs
from tenfold.foundation.units import format_seconds

if TYPE_CHECKING:
    from rich.console import Console


def predict(
    *,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="name@version, name@alias, or the path of a bundle.")],
    data: Annotated[str, typer.Argument(metavar="INPUT", help="The rows to score, in a file or a database.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where predictions go: .csv, .parquet or .jsonl.")],
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", help="A column of the input to write as well; may be repeated."),
    ] = None,
    history: Annotated[
        str | None, typer.Option("--history", help="Earlier rows, where the model's features look back.")
    ] = None,
    table: Annotated[str | None, typer.Option("--table", help="The table to read, where INPUT is a database.")] = None,
    chunk_rows: Annotated[
        int | None, typer.Option("--chunk-rows", min=1, help="How many rows are scored at a time.")
    ] = None,
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Score rows, in the order of the input."""

    def work() -> Reply:
        from tenfold.project.score import predict as predict_file

        report = predict_file(
            model,
            data,
            output,
            folder=folder_of(project),
            keep=tuple(keep or ()),
            history=history,
            table=table,
            chunk_rows=chunk_rows,
        )
        return Reply(document=report.document(), ok=report.ok, show=show_predict)

    return Command(work=work, as_json=as_json)


def show_predict(document: Document, console: Console) -> None:
    """Print how many rows were scored, by what, to where."""
    heading(console, f"wrote {document.get('output', '')}")
    seconds = document.get("seconds")
    pairs(
        console,
        (
            ("model", document.get("model")),
            ("rows", document.get("rows")),
            ("columns", ", ".join(document.get("columns") or [])),
            ("time", format_seconds(float(seconds)) if seconds is not None else None),
            ("notes", "; ".join(document.get("notes") or [])),
        ),
    )
