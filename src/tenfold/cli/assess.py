"""``tenfold assess``: which of several use cases first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import AsJson
from tenfold.cli.table import heading, interval, number, pairs, rows, styled

if TYPE_CHECKING:
    from rich.console import Console


def assess(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="The project files of two or more use cases.")],
    *,
    weight: Annotated[
        list[str] | None,
        typer.Option("--weight", metavar="NAME=NUMBER", help="A weight: value, feasibility, effort or risk."),
    ] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Write an HTML page about the ranking.")] = None,
    as_json: AsJson = False,
) -> Command:
    """Rank use cases by value, measured feasibility, effort and risk, and say how much hangs on the weights."""

    def work() -> Reply:
        from tenfold.project.assess import assess as assess_files
        from tenfold.project.assess import read_weights

        report = assess_files(files, weights=read_weights(weight or []), page=page)
        return Reply(document=report.document(), ok=report.ok, show=show_assess)

    return Command(work=work, as_json=as_json)


def show_assess(document: Document, console: Console) -> None:
    """Print the ranking, what its scores rest on, and its stability."""
    cases, stability = document.get("cases") or [], document.get("stability") or {}
    heading(console, f"{len(cases)} use cases")
    names = tuple(document.get("weights") or {})
    rows(
        console,
        ("rank", "use case", "score", *names, "first", "rank moves"),
        (
            (
                number(case.get("rank")),
                case.get("name", ""),
                f"{case.get('score', 0.0):.2f}",
                *(f"{case['parts'][name]['score']:.2f}" for name in names),
                f"{case.get('first_share', 0.0):.0%}",
                f"{case.get('best_rank')} to {case.get('worst_rank')}",
            )
            for case in cases
        ),
    )
    console.print(
        f"\nWith every weight changed by up to {stability.get('change', 0.0):.0%} of itself the order stays in"
        f" {stability.get('same_order', 0.0):.0%} of all cases, the first place in"
        f" {stability.get('same_first', 0.0):.0%}."
    )
    for case in cases:
        console.print()
        heading(console, f"{case.get('name')} ({case.get('file')})", verdict="stopped" if case.get("stopped") else "")
        _show_case(case, console)
    if document.get("page"):
        console.print(f"\npage  {document['page']}")


def _show_case(case: Document, console: Console) -> None:
    feasibility = case.get("feasibility") or {}
    ceiling = feasibility.get("ceiling") or {}
    pairs(
        console,
        (
            *(
                (name, f"{part.get('told')}" + (f" ({part['open']})" if part.get("open") else ""))
                for name, part in (case.get("parts") or {}).items()
            ),
            ("ceiling", f"{ceiling.get('metric')} {interval(ceiling)}" if ceiling else None),
            ("rows", (feasibility.get("curve") or {}).get("reason")),
            ("serving", case.get("serving")),
            ("stopped", styled(case["stopped"]) if case.get("stopped") else None),
        ),
    )
