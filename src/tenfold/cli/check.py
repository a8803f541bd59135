"""``tenfold check`` and ``tenfold plan``: what can be said before a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.data import show_findings
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.table import heading, pairs, rows, styled
from tenfold.foundation.units import format_seconds

if TYPE_CHECKING:
    from rich.console import Console


def check(project: ProjectPath = HERE, as_json: AsJson = False) -> Command:
    """Validate the file, the contract, the data and the feasibility."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        opened = open_project(project)
        if opened.spec.alert_locations:
            from tenfold.automation.alerts import need_known

            need_known(opened.spec)
        report = opened.check()
        return Reply(document=report.document(), ok=report.ok, show=show_check)

    return Command(work=work, as_json=as_json)


def plan(project: ProjectPath = HERE, as_json: AsJson = False) -> Command:
    """Say what a run would do again, and why."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).plan()
        return Reply(document=report.document(), ok=report.ok, show=show_plan)

    return Command(work=work, as_json=as_json)


def show_check(document: Document, console: Console) -> None:
    """Print whether a run would get past its gates, and what a person should know."""
    heading(console, "check", verdict="passed" if document.get("ok") else "failed")
    metric, feasibility = document.get("metric") or {}, document.get("feasibility") or {}
    pairs(
        console,
        (
            ("stopped", document.get("stopped")),
            ("task", document.get("task")),
            ("metric", f"{metric.get('name', '')}: {metric.get('reason', '')}".strip(": ")),
            ("signal", f"{feasibility.get('status', '')}: {feasibility.get('reason', '')}".strip(": ")),
        ),
    )
    show_findings(document, console)


def show_plan(document: Document, console: Console) -> None:
    """Print for each stage whether it would run, what it took the last time, and why it would."""
    rows(
        console,
        ("stage", "state", "last took", "why"),
        (
            (
                stage.get("name", ""),
                styled("cached" if stage.get("cached") else "would run"),
                format_seconds(float(stage["seconds"])) if stage.get("seconds") is not None else "–",
                "; ".join(stage.get("reasons") or []),
            )
            for stage in document.get("stages") or []
        ),
        right=("last took",),
    )
