"""``tenfold evidence``: from requirement to proof and back, and what another bound would mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.table import heading, interval, minute, number, pairs, rows, styled

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    help="Trace requirements to their evidence and back; ask what a change would do.", no_args_is_help=True
)


@app.command("trace")
def trace(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="A requirement, KPI, function or judgement; all by default."),
    ] = None,
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Print what proves a requirement, or what a judgement is for; a must that nothing proves ends in 1."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).trace(name)
        return Reply(document=report.document(), ok=report.ok, show=show_trace)

    return Command(work=work, as_json=as_json)


@app.command("impact")
def impact(
    change: Annotated[
        str, typer.Argument(metavar="ID=BOUND", help="A requirement with another bound, such as ranks-well=0.75.")
    ],
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """List the versions that would fail with another bound, without training; a live one among them ends in 1."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).impact(change)
        return Reply(document=report.document(), ok=report.ok, show=show_impact)

    return Command(work=work, as_json=as_json)


def show_trace(document: Document, console: Console) -> None:
    """Print each promise with what it stands for and the judgements that prove it."""
    heading(console, "trace", verdict="passed" if document.get("ok") else "failed")
    pairs(
        console,
        (("version", document.get("subject")), ("not proved", ", ".join(document.get("unproved") or []))),
    )
    asked = document.get("judgement")
    if asked:
        console.print()
        _show_judgements(console, [asked])
    for promise in document.get("promises") or []:
        console.print()
        place = f" (line {promise['line']})" if promise.get("line") else ""
        heading(
            console, f"{promise.get('kind')} {promise.get('id')}{place}", verdict=str(promise.get("standing") or "")
        )
        pairs(
            console,
            (
                ("that", promise.get("that")),
                ("level", promise.get("level")),
                ("rests on", ", ".join(promise.get("rests_on") or [])),
                ("serves", ", ".join(promise.get("serves") or [])),
                ("judged at", ", ".join(f"{place} {many}" for place, many in (promise.get("kinds") or {}).items())),
            ),
        )
        if not asked:
            _show_judgements(console, promise.get("evidence") or [])
    orphans = document.get("orphans") or []
    if orphans:
        console.print()
        heading(console, "judgements of requirements that the file no longer has")
        _show_judgements(console, orphans)


def _show_judgements(console: Console, judgements: list[dict[str, Any]]) -> None:
    if not judgements:
        return
    rows(
        console,
        ("judgement", "version", "requirement", "place", "slice", "verdict", "value", "bound", "when"),
        (
            (
                str(line.get("evidence", "")),
                line.get("ref") or "–",
                line.get("id", ""),
                line.get("place", ""),
                line.get("slice") or "all rows",
                styled(line.get("verdict", "")),
                interval(line),
                number(line.get("bound")),
                minute(line.get("at")),
            )
            for line in judgements
        ),
    )


def show_impact(document: Document, console: Console) -> None:
    """Print for each version how it stands and how it would stand."""
    heading(
        console,
        f"{document.get('requirement')}: {document.get('asked')}",
        verdict="" if document.get("ok") else "failed",
    )
    pairs(console, (("now", document.get("before")), ("would fail", ", ".join(document.get("failing") or []))))
    versions = document.get("versions") or []
    if not versions:
        console.print("no versions yet: tenfold run")
        return
    console.print()
    rows(
        console,
        ("version", "live", "now", "then", "judged"),
        (
            (
                line.get("ref", ""),
                "live" if line.get("live") else "–",
                styled(line.get("now", "")),
                styled(line.get("then", "")),
                "; ".join(_judged(each) for each in line.get("judgements") or []),
            )
            for line in versions
        ),
    )


def _judged(line: dict[str, Any]) -> str:
    where = f"{line.get('place')} {line.get('slice') or ''}".strip()
    told = f"{where}: {interval(line)} against {number(line.get('bound'))}"
    return f"{where}: {line['reason']}" if line.get("bound") is None and line.get("reason") else told
