"""``tenfold monitor``: look at production, window by window."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.table import heading, interval, minute, number, rows, styled, suggest
from tenfold.records.evidence import VERDICTS

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(help="Production, window by window.", no_args_is_help=True)


@app.command("run")
def run(project: ProjectPath = HERE, as_json: AsJson = False) -> Command:
    """Look at every window that is due, open and close incidents, and tell of them."""

    def work() -> Reply:
        from tenfold.automation.alerts import deliver
        from tenfold.project.open import open_project
        from tenfold.project.watch import watch

        opened = open_project(project)
        report = watch(opened.spec, opened.store)
        alerts = deliver(opened.store, opened.spec.alert_locations, tell=_tell)
        document = {**report.document(), "alerts": alerts.document()}
        return Reply(document=document, ok=report.ok, show=show_run)

    return Command(work=work, as_json=as_json)


@app.command("show")
def show(project: ProjectPath = HERE, as_json: AsJson = False) -> Command:
    """Show the windows and the incidents as they stand."""

    def work() -> Reply:
        from tenfold.project.open import open_project
        from tenfold.project.watch import show as show_health

        opened = open_project(project)
        report = show_health(opened.spec, opened.store)
        return Reply(document=report.document(), ok=report.ok, show=show_windows)

    return Command(work=work, as_json=as_json)


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def show_run(document: Document, console: Console) -> None:
    """Print what was looked at in this pass."""
    windows = document.get("windows") or []
    alerts = document.get("alerts") or {}
    heading(console, f"looked at {len(windows):,} windows, {number(document.get('rows'))} new predictions")
    if document.get("waiting"):
        console.print(
            f"{document['waiting']:,} predictions wait for the end of their window: {minute(document['due'])}"
        )
    if windows:
        _windows(document, console)
    if document.get("damaged"):
        console.print(f"{document['damaged']} places of the prediction log cannot be read")
    if alerts.get("failed"):
        console.print(f"{alerts['failed']} alerts could not be delivered; they are tried again")
    suggest(console, ("tenfold monitor show",) if windows else ())


def show_windows(document: Document, console: Console) -> None:
    """Print one line for each window, and the incidents."""
    windows = document.get("windows") or []
    if not windows:
        console.print("no windows yet: a window is looked at by tenfold monitor run, once it has ended")
        return
    _windows(document, console)
    incidents = document.get("incidents") or []
    if incidents:
        console.print()
        rows(
            console,
            ("incident", "kind", "state", "since", "windows", "what"),
            (
                (
                    incident["id"],
                    incident["kind"],
                    styled("closed") if incident.get("closed") else styled(incident["severity"]),
                    minute(incident["opened"]),
                    number(incident["windows"]),
                    incident["title"],
                )
                for incident in incidents
            ),
            right=("windows",),
        )


def _windows(document: Document, console: Console) -> None:
    metric = document.get("metric") or ""
    rows(
        console,
        ("window", "version", "rows", "labelled", metric or "worth", "requirements", "found"),
        (
            (
                minute(entry["window"]["start"]),
                entry["window"]["ref"],
                number(entry["window"]["rows"]),
                number(entry["window"]["labelled"]),
                _worth(entry, metric),
                _requirements(entry),
                _found(entry),
            )
            for entry in document.get("windows") or ()
        ),
        right=("rows", "labelled"),
    )


def _worth(entry: Document, metric: str) -> str:
    measured = (entry.get("metrics") or {}).get(metric)
    if measured is not None:
        return interval(measured)
    return "outcomes not due" if entry["window"]["status"] == "waiting" else "–"


def _requirements(entry: Document) -> str:
    found = Counter(verdict["verdict"] for verdict in entry.get("verdicts") or [])
    return ", ".join(f"{found[name]} {name}" for name in VERDICTS if found[name]) or "–"


def _found(entry: Document) -> str:
    words = [f"{finding['rule']} {finding.get('column') or ''}".strip() for finding in entry.get("integrity") or []]
    words += [f"drift {finding['column']}" for finding in entry.get("drift") or []]
    if entry.get("harmful"):
        words.append("worse than the baseline")
    return ", ".join(dict.fromkeys(words)) or "–"
