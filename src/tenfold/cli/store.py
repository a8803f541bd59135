"""``tenfold store``: the store's own health."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.table import heading, pairs, rows, styled

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(help="The store's own health.", no_args_is_help=True)


@app.command("doctor")
def doctor(project: ProjectPath = HERE, as_json: AsJson = False) -> Command:
    """Look for damage: missing or altered files, rows that point nowhere, leftovers."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).store_doctor()
        return Reply(document=report.document(), ok=report.ok, show=show_doctor)

    return Command(work=work, as_json=as_json)


@app.command("verify")
def verify(project: ProjectPath = HERE, as_json: AsJson = False) -> Command:
    """Verify the audit chain and the hash of every file that the records name."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).store_verify()
        return Reply(document=report.document(), ok=report.ok, show=show_verify)

    return Command(work=work, as_json=as_json)


def show_doctor(document: Document, console: Console) -> None:
    """Print one line for each thing that was looked at."""
    heading(console, str(document.get("folder", "store")), verdict="ok" if document.get("ok") else "damaged")
    pairs(
        console,
        (
            ("blobs", document.get("blobs")),
            ("leftovers", f"{len(document.get('orphans') or [])} files" if document.get("orphans") else None),
            ("free", _size(document.get("free_bytes"))),
            ("SQLite", document.get("sqlite_version")),
            ("died", ", ".join(document.get("stale_runs") or [])),
        ),
    )
    console.print()
    rows(
        console,
        ("what", "result", "found"),
        (
            (entry.get("name", ""), styled(entry.get("status", "")), entry.get("message", ""))
            for entry in document.get("checks") or []
        ),
    )


def show_verify(document: Document, console: Console) -> None:
    """Print how much was verified, and the first thing that is not as it was written."""
    heading(console, str(document.get("folder", "store")), verdict="ok" if document.get("ok") else "damaged")
    pairs(
        console,
        (
            ("audit entries", document.get("entries")),
            ("blobs", document.get("blobs")),
            ("head", (document.get("head") or {}).get("hash")),
            ("first bad entry", document.get("first_bad")),
        ),
    )
    for problem in document.get("problems") or []:
        console.print(str(problem), style="red", markup=False)


def _size(count: object) -> str | None:
    return f"{count / 1e9:.1f} GB" if isinstance(count, int) else None
