"""``tenfold runs``: look at runs, compare them, build one again from its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.run import show_run
from tenfold.cli.table import heading, minute, number, pairs, rows, styled
from tenfold.foundation.units import format_seconds

if TYPE_CHECKING:
    from rich.console import Console

_LONGEST_VALUE = 32
_HASH_LETTERS = 12

app = typer.Typer(help="Look at runs; rebuild one from its record.", no_args_is_help=True)

Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, as `tenfold runs list` shows it.")]


@app.command("list")
def list_runs(project: ProjectPath = HERE, as_json: AsJson = False) -> Command:
    """List the runs, newest first."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).runs()
        return Reply(document=report.document(), ok=report.ok, show=show_list)

    return Command(work=work, as_json=as_json)


@app.command("show")
def show(run: Run, project: ProjectPath = HERE, as_json: AsJson = False) -> Command:
    """Show what came of a run."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).show_run(run)
        # A failed run is shown as well as any other: the exit code is about the showing.
        return Reply(document=report.document(), show=show_record)

    return Command(work=work, as_json=as_json)


@app.command("diff")
def diff(
    first: Annotated[str, typer.Argument(metavar="RUN", help="A run's id.")],
    second: Annotated[str, typer.Argument(metavar="OTHER", help="The run to compare it with.")],
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Say what differs between two runs: settings, data, metrics, verdicts."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).diff_runs(first, second)
        return Reply(document=report.document(), ok=report.ok, show=show_diff)

    return Command(work=work, as_json=as_json)


@app.command("reproduce")
def reproduce(run: Run, project: ProjectPath = HERE, as_json: AsJson = False) -> Command:
    """Build a run's model again from its recorded decisions and compare the bundle's hash."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).reproduce(run)
        return Reply(document=report.document(), ok=report.ok, show=show_reproduction)

    return Command(work=work, as_json=as_json)


def show_list(document: Document, console: Console) -> None:
    """Print one line for each run."""
    found = document.get("runs") or []
    if not found:
        console.print("no runs yet: tenfold run")
        return
    rows(
        console,
        ("run", "began", "status", "stages", "model", "why it ended"),
        (
            (
                entry.get("run", ""),
                minute(entry.get("at")),
                styled(entry.get("status") or "–"),
                _stages(entry),
                entry.get("model") or "–",
                entry.get("reason") or "",
            )
            for entry in found
        ),
    )


def _stages(entry: Document) -> str:
    stages = entry.get("stages") or []
    cached = sum(bool(stage.get("cached")) for stage in stages)
    return f"{len(stages)}, {cached} cached" if cached else str(len(stages))


def show_record(document: Document, console: Console) -> None:
    """Print one run: what it ended with, or how far it came."""
    ended = document.get("document")
    if ended:
        show_run(ended, console)
        return
    heading(console, str(document.get("run", "run")), verdict=str(document.get("status") or ""))
    pairs(
        console,
        (
            ("began", minute(document.get("at"))),
            ("why", document.get("reason")),
            ("why", document.get("reason")),
            ("stages", ", ".join(str(stage.get("name")) for stage in document.get("stages") or [])),
        ),
    )


def show_diff(document: Document, console: Console) -> None:
    """Print what differs, side by side."""
    before, after = str(document.get("before", "before")), str(document.get("after", "after"))
    kinds = ("environment", "stages", "metrics", "requirements")
    if not any(document.get(kind) for kind in (*kinds, "spec")):
        heading(console, f"{before} and {after} do not differ")
        return
    if document.get("spec"):
        heading(console, "the file")
        console.print(str(document["spec"]).rstrip(), markup=False, highlight=False)
    for kind in kinds:
        changes = document.get(kind) or []
        if changes:
            console.print()
            rows(
                console,
                (kind, before, after),
                (
                    (change.get("name", ""), _short(change.get("before")), _short(change.get("after")))
                    for change in changes
                ),
            )


def _short(value: object) -> str:
    """Return a value for a column; of a hash its beginning."""
    text = number(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_HASH_LETTERS] + "…"


def show_reproduction(document: Document, console: Console) -> None:
    """Print whether the same bundle was built again."""
    equal = bool(document.get("equal"))
    heading(console, "the same bundle" if equal else "another bundle", verdict="passed" if equal else "failed")
    seconds = document.get("seconds")
    pairs(
        console,
        (
            ("run", document.get("run")),
            ("expected", document.get("expected")),
            ("found", document.get("found")),
            ("time", format_seconds(float(seconds)) if seconds is not None else None),
            ("why", document.get("reason")),
            ("differs", "; ".join(str(each) for each in document.get("differing") or []) or None),
            (
                "libraries",
                ", ".join(
                    f"{x['name']} {x['before']} then, {x['after']} now" for x in document.get("environment") or []
                )
                or None,
            ),
        ),
    )
