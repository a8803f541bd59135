"""``tenfold init`` and ``tenfold profile``: begin with a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.discovery import show_discovery
from tenfold.cli.options import AsJson, Table
from tenfold.cli.table import heading, number, pairs, rows, styled, suggest

if TYPE_CHECKING:
    from rich.console import Console

Data = Annotated[
    str, typer.Argument(metavar="DATA", help="A file, a folder, MODULE.py:FUNCTION, or a URL of a source.")
]

_LONGEST_VALUE = 24
_NOTICEABLE = 0.1


def init(
    *,
    data: Data,
    target: Annotated[str | None, typer.Option("--target", "-t", help="The column to predict.")] = None,
    folder: Annotated[Path, typer.Option("--folder", help="Where tenfold.yaml is written.")] = Path(),
    table: Table = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a tenfold.yaml that is already there.")] = False,
    as_json: AsJson = False,
) -> Command:
    """Look at the data and write tenfold.yaml, with what was inferred and why; without a target, list its tables."""

    def work() -> Reply:
        from tenfold.project.begin import init_project
        from tenfold.project.discovery import discover, holds_tables

        if target is None and table is None and holds_tables(data):
            found = discover(data)
            return Reply(document=found.document(), ok=found.ok, show=show_discovery)
        report = init_project(data, target, folder=folder, table=table, force=force)
        return Reply(document=report.document(), ok=report.ok, show=show_init)

    return Command(work=work, as_json=as_json)


def profile(
    *,
    data: Data,
    table: Table = None,
    page: Annotated[Path | None, typer.Option("--page", help="Write an HTML page about the table.")] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="DATA", help="An earlier snapshot: say what moved since.")
    ] = None,
    as_json: AsJson = False,
) -> Command:
    """Show types, missing values, duplicates and oddities of a table."""

    def work() -> Reply:
        from tenfold.project.begin import profile_data

        report = profile_data(data, table=table, page=page, against=against)
        return Reply(document=report.document(), ok=report.ok, show=show_profile)

    return Command(work=work, as_json=as_json)


def show_init(document: Document, console: Console) -> None:
    """Print what was inferred and where it was written."""
    heading(console, f"wrote {document.get('path', 'tenfold.yaml')}")
    pairs(
        console,
        (
            ("data", f"{number(document.get('rows'))} rows, {number(document.get('columns'))} columns"),
            ("target", document.get("target")),
            ("task", document.get("task")),
            ("metric", document.get("metric")),
            ("why", "\n".join(document.get("reasons") or [])),
            ("contract", document.get("contract")),
            ("noted", "\n".join(document.get("notes") or [])),
        ),
    )
    suggest(console, ("tenfold check", "tenfold run --budget 60s"))


def show_profile(document: Document, console: Console) -> None:
    """Print one line for each column, and what a person should know."""
    whole = document.get("whole") or document
    columns = whole.get("columns") or []
    total = whole.get("rows")
    heading(console, f"{number(total)} rows, {len(columns)} columns")
    for note in document.get("notes") or []:
        console.print(note, style="dim", markup=False)
    console.print()
    rows(
        console,
        ("column", "kind", "role", "missing", "distinct", "range or most frequent"),
        (
            (
                (column.get("field") or {}).get("name", ""),
                (column.get("field") or {}).get("kind", ""),
                column.get("role", ""),
                _share(column.get("missing"), total),
                number(column.get("distinct")),
                _values(column),
            )
            for column in columns
        ),
        right=("missing", "distinct"),
    )
    show_findings(document, console)
    _show_moved(document, console)
    if document.get("page"):
        console.print()
        pairs(console, (("page", document["page"]),))


def _show_moved(document: Document, console: Console) -> None:
    """Print the columns that lie farthest from the earlier snapshot."""
    moved = document.get("moved")
    if moved is None:
        return
    console.print()
    far = [shift for shift in moved if shift["distance"] >= _NOTICEABLE]
    console.print(f"{len(far)} of {len(moved)} columns moved by {_NOTICEABLE:g} or more since {document['against']}")
    rows(
        console,
        ("column", "distance", "missing"),
        (
            (
                shift["name"],
                f"{shift['distance']:.2f}",
                f"{100 * shift['missing_before']:.1f} % → {100 * shift['missing_now']:.1f} %",
            )
            for shift in far
        ),
        right=("distance",),
    )


def _share(part: object, total: object) -> str:
    if not isinstance(part, int) or not isinstance(total, int) or not part or not total:
        return ""
    share = 100 * part / total
    return f"{share:.0f} %" if share >= 1 else f"{share:.2g} %"


def _values(column: Document) -> str:
    if column.get("low") is not None:
        return f"{number(column.get('low'))} to {number(column.get('high'))}, mean {number(column.get('mean'))}"
    top = column.get("top") or []
    return ", ".join(f"{_cut(str(value))} ({number(count)})" for value, count in top[:3])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def show_findings(document: Document, console: Console) -> None:
    """Print what a person should know of the data."""
    findings = document.get("findings") or []
    if not findings:
        return
    console.print()
    rows(
        console,
        ("severity", "finding"),
        ((styled(finding.get("severity", "")), finding.get("message", "")) for finding in findings),
    )
