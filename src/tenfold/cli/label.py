"""``tenfold label``: take in what came of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.table import heading, pairs

if TYPE_CHECKING:
    from rich.console import Console


def label(
    *,
    data: Annotated[str, typer.Argument(metavar="FILE", help="A file or database with ids and outcomes.")],
    id_column: Annotated[str, typer.Option("--id", help="The column with the ids of the predictions.")] = "id",
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="The column with the outcomes: by default the target, or outcome.")
    ] = None,
    table: Annotated[str | None, typer.Option("--table", help="The table to read, where FILE is a database.")] = None,
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Take in outcomes, late or in any order; of two for one prediction the later one counts."""

    def work() -> Reply:
        from tenfold.project.labels import label_file
        from tenfold.project.open import open_project

        opened = open_project(project)
        report = label_file(
            data, opened.store, id_column=id_column, outcome=outcome, table=table, endpoint=opened.spec.endpoint
        )
        return Reply(document=report.document(), ok=report.ok, show=show_label)

    return Command(work=work, as_json=as_json)


def show_label(document: Document, console: Console) -> None:
    """Print how many outcomes were taken in."""
    taken, ids, strangers = document.get("rows", 0), document.get("ids") or 0, document.get("strangers")
    same = bool(taken) and document.get("batch") is None
    heading(console, "nothing new: all outcomes were known" if same else f"took in {taken:,} outcomes")
    pairs(
        console,
        (
            ("from", document.get("source")),
            ("known predictions", None if strangers is None else f"{ids - strangers:,} of {ids:,} ids"),
            ("known before", document.get("again") or None),
            ("corrected", document.get("corrected") or None),
            ("taken back", document.get("unknown") or None),
            ("of no prediction", strangers or None),
        ),
    )
