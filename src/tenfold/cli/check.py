"""``tenfold check`` and ``tenfold plan``: what can be said before a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.table import heading, interval, number, pairs, rows, styled
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


def plan(
    *,
    budget: Annotated[str | None, typer.Option("--budget", help="As a run with this budget would: 60s, 5m.")] = None,
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Say what a run would do again, and why."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).plan(budget=budget)
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
    _show_outlook(feasibility, console)
    _show_warnings(document, console)
    _show_quarantine(document.get("quarantine") or {}, console)
    _show_duties(document.get("duties") or [], console)
    _show_serving(document, console)


def _show_warnings(document: Document, console: Console) -> None:
    """Print what a person should know, where it was found, and the line that overrules it."""
    warnings = document.get("warnings") or []
    if not warnings:
        return
    console.print()
    rows(
        console,
        ("severity", "of", "what", "overruled by"),
        (
            (
                styled(each.get("severity", "")),
                each.get("source", ""),
                each.get("message", ""),
                each.get("override", ""),
            )
            for each in warnings
        ),
    )


def _show_quarantine(quarantine: Mapping[str, Any], console: Console) -> None:
    if not quarantine:
        return
    dropped = quarantine.get("dropped") or 0
    broken = ", ".join(f"{rule} ({number(count)})" for rule, count in (quarantine.get("by_rule") or {}).items())
    fate = f"a run leaves out {number(dropped)} of them" if dropped else "a run keeps them"
    text = (
        f"{number(quarantine.get('rows'))} of {number(quarantine.get('of'))} rows break the contract: {broken}; {fate}"
    )
    console.print()
    pairs(console, (("quarantine", f"{text} ({quarantine.get('override')} changes that)"),))


def _show_outlook(feasibility: Mapping[str, Any], console: Console) -> None:
    """Print how good a model could become, and what more rows would bring."""
    ceiling, curve = feasibility.get("ceiling") or {}, feasibility.get("curve") or {}
    beyond = ceiling.get("out_of_reach") or []
    pairs(
        console,
        (
            (
                "ceiling",
                f"{ceiling.get('metric')} of the best possible model: {interval(ceiling)}" if ceiling else None,
            ),
            ("out of reach", ", ".join(beyond)),
            ("rows", f"{curve.get('says')}: {curve.get('reason')}" if curve else None),
            (
                "twice the rows",
                f"{curve.get('metric')} {_doubled(curve)}" if curve.get("doubled") is not None else None,
            ),
        ),
    )


def _doubled(curve: Mapping[str, Any]) -> str:
    return interval({"value": curve["doubled"], "low": curve["doubled_low"], "high": curve["doubled_high"]})


def _show_duties(duties: Sequence[Mapping[str, Any]], console: Console) -> None:
    if not duties:
        return
    console.print()
    rows(
        console,
        ("duty", "state", "what", "write"),
        (
            (
                duty.get("id", ""),
                styled("fail" if duty.get("missing") else "pass"),
                duty.get("what", ""),
                duty.get("missing", ""),
            )
            for duty in duties
        ),
    )


def _show_serving(document: Document, console: Console) -> None:
    """Print the proposed way to serve, and the test plan."""
    serving = document.get("serving") or {}
    if not serving:
        return
    console.print()
    pairs(
        console,
        (
            ("serving", f"{serving.get('strategy')}: {serving.get('reason')}"),
            *(("  not", f"{way}: {why}") for way, why in serving.get("rejected") or []),
            *(("  open", each) for each in serving.get("open") or []),
        ),
    )
    console.print()
    rows(
        console,
        ("test", "area", "level", "proves", "by", "what"),
        (
            (
                test.get("id", ""),
                test.get("area", ""),
                test.get("level", ""),
                test.get("proves") or "–",
                test.get("by", ""),
                test.get("what", ""),
            )
            for test in document.get("tests") or []
        ),
    )


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
