"""``tenfold run``: carry the project through the stages."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.elapsed import Elapsed
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.progress import progress
from tenfold.cli.table import heading, interval, number, pairs, rows, styled, suggest
from tenfold.foundation.errors import InputError
from tenfold.foundation.units import format_seconds, parse_seconds

if TYPE_CHECKING:
    from rich.console import Console

StageName = Literal["problem", "data", "validation", "features", "training", "tuning", "evaluation"]
_TOP_ROWS = 5


def run(
    *,
    context: typer.Context,
    project: ProjectPath = HERE,
    budget: Annotated[
        str | None, typer.Option("--budget", help="Bound the whole command, start to exit: 60s, 5m, 1h.")
    ] = None,
    until: Annotated[StageName | None, typer.Option("--until", help="The last stage to run.")] = None,
    workers: Annotated[
        Literal["processes", "inline"],
        typer.Option("--workers", help="Parallel processes, or everything in this one (pleasant to debug)."),
    ] = "processes",
    as_json: AsJson = False,
) -> Command:
    """Carry the project through the stages up to a registered, judged version.

    Exits with 1 when a requirement that must hold does not.
    """
    budget_seconds = _budget(budget)
    elapsed = context.obj if isinstance(context.obj, Elapsed) else Elapsed.begin()

    def work() -> Reply:
        from tenfold.project.open import open_project

        opened = open_project(project)
        with progress(title="tenfold run", budget_seconds=budget_seconds) as events:
            report = opened.run(
                budget=budget,
                until=until,
                events=events,
                workers=workers,
                started_seconds_ago=elapsed.seconds(),
            )
        return Reply(document=report.document(), ok=report.ok, show=show_run)

    return Command(work=work, as_json=as_json)


_REJECTED = 3
_DAY_SECONDS = 86_400.0


def _budget(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = parse_seconds(text)
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint="'--budget'") from error
    if seconds < 1.0:
        raise typer.BadParameter(f"{text} is too short: at least 1s", param_hint="'--budget'")
    return seconds


def show_run(document: Document, console: Console) -> None:
    """Print what came of a run: verdicts, leaderboard, where things are, what to type next."""
    model = document.get("model") or {}
    console.print()
    subject = str(model.get("ref") or document.get("run", "run"))
    heading(console, subject, verdict=str(document.get("status", "")))
    pairs(console, _facts(document))
    show_requirements(document, console)
    show_metrics(document, console)
    _show_leaderboard(document, console)
    suggest(console, _next(document, model))


def _facts(document: Document) -> list[tuple[str, object]]:
    stopped = document.get("stopped") or {}
    seconds = document.get("seconds")
    return [
        ("stopped", f"{stopped.get('stage', '')}: {stopped.get('reason', '')}".strip(": ") if stopped else None),
        ("task", document.get("task")),
        ("signal", _signal(document.get("feasibility") or {})),
        ("run", document.get("run")),
        ("time", format_seconds(float(seconds)) if seconds is not None else None),
        ("split", _split(document.get("split") or {})),
        *(("noted", finding) for finding in (document.get("split") or {}).get("findings") or []),
        ("search", _search(document.get("search") or {})),
        ("rejected", _rejected(document.get("search") or {})),
        ("measured", _measured(document.get("ways") or {}, (document.get("search") or {}).get("selection") or {})),
        ("calibration", _calibration(document.get("calibration") or {})),
        ("intervals", _intervals(document.get("intervals") or {})),
        ("model", (document.get("model") or {}).get("path")),
        ("report", document.get("report")),
        ("changed", "; ".join(document.get("changed") or []) or None),
        ("sealed", (document.get("sealed") or {}).get("reason")),
        ("live", _promotion(document.get("promotion") or {})),
    ]


def _search(search: Mapping[str, Any]) -> str | None:
    """Return how was searched, and what came of the trials."""
    if not search:
        return None
    counts = ", ".join(f"{count} {state}" for state, count in (search.get("counts") or {}).items())
    taken = sum(bool(each.get("taken")) for each in search.get("earlier") or [])
    earlier = f"; {taken} of {len(search['earlier'])} earlier trials taken over" if search.get("earlier") else ""
    made = f"{search.get('method', '')}, {search.get('trials', 0)} trials{f' ({counts})' if counts else ''}{earlier}"
    return f"{made}: {search['reason']}" if search.get("reason") else made


def _split(split: Mapping[str, Any]) -> str | None:
    """Return how the rows are divided, and why."""
    if not split:
        return None
    folds = int(split.get("folds") or 1)
    parts = [
        str(split.get("strategy", "")),
        str(split.get("scheme", "")) if split.get("scheme") != split.get("strategy") else "",
        f"{folds} folds" if folds > 1 else "one validation part",
        f"nested in {split['nested']}" if split.get("nested") else "",
        *(
            f"{name} {_span(float(split[f'{name}_seconds']))}"
            for name in ("gap", "embargo", "window")
            if split.get(f"{name}_seconds")
        ),
    ]
    return f"{', '.join(part for part in parts if part)}: {split.get('reason', '')}"


def _span(seconds: float) -> str:
    """Return a time between rows in days where it has several."""
    return format_seconds(seconds) if seconds < 2 * _DAY_SECONDS else f"{seconds / _DAY_SECONDS:.3g} days"


def _rejected(search: Mapping[str, Any]) -> str | None:
    """Return the trials that broke a requirement, each with its figure."""
    broken = search.get("rejected") or []
    told = [f"trial {each['number']} ({each['learner']}): {each['reason']}" for each in broken[:_REJECTED]]
    more = f"; and {len(broken) - _REJECTED} more" if len(broken) > _REJECTED else ""
    return "; ".join(told) + more if told else None


def _measured(ways: Mapping[str, Any], selection: Mapping[str, Any]) -> str | None:
    """Return the main metric by every way it was measured: the best of many beside what is left without its luck."""
    if len(ways) < 2:
        return None
    found = "; ".join(f"{way} {interval(row)}" for way, row in ways.items())
    tried = f" (of {selection['candidates']} tried)" if selection.get("candidates") else ""
    metric = next(iter(ways.values())).get("metric") or selection.get("metric") or ""
    return f"{metric}: {found}{tried}".lstrip(": ")


def _calibration(check: Mapping[str, Any]) -> str | None:
    return f"mended ({check.get('method', '')}): {check.get('reason', '')}" if check.get("mended") else None


def _intervals(check: Mapping[str, Any]) -> str | None:
    if not check:
        return None
    held = check.get("coverage") or {}
    return (
        f"{100 * float(check['level']):g} %: hold the truth of {interval(held)} of the {check.get('judged_on', '')}"
        f" rows, mean width or size {number(check.get('width'))}"
    )


def _promotion(promotion: Mapping[str, Any]) -> str | None:
    if not promotion:
        return None
    return (
        f"{promotion.get('ref', '')}: {'' if promotion.get('live') else 'not promoted, '}{promotion.get('reason', '')}"
    )


def _signal(feasibility: Mapping[str, Any]) -> str | None:
    status = feasibility.get("status")
    return None if status in (None, "skipped") else f"{status}: {feasibility.get('reason', '')}".strip(": ")


def show_requirements(document: Document, console: Console) -> None:
    """Print each requirement with its verdict, and why where it did not pass."""
    requirements = document.get("requirements") or []
    if not requirements:
        return
    from rich.text import Text

    console.print()
    rows(
        console,
        ("requirement", "asked", "verdict", "value", "n"),
        (
            (
                _subject(row),
                _asked(row),
                styled(row.get("verdict", "")),
                interval(row),
                number(row.get("n")),
            )
            for row in requirements
        ),
        right=("n",),
        fold=("requirement", "asked"),
    )
    for row in requirements:
        if why := _why(row):
            console.print(Text.assemble((_subject(row), "bold"), ": ", why))


def _subject(row: Mapping[str, Any]) -> str:
    of = f" ({row['slice']})" if row.get("slice") else ""
    level = " (should)" if row.get("level") == "should" else ""
    return f"{row.get('id', '')}{of}{level}"


def _asked(row: Mapping[str, Any]) -> str:
    """Return what was asked, and what it came to where that was not a number."""
    that = str(row.get("that") or "")
    relative = "baseline" in that or "champion" in that
    return f"{that} ({number(row['bound'])})" if relative and row.get("bound") is not None else that


def _why(row: Mapping[str, Any]) -> str:
    if row.get("verdict") == "pass":
        return ""
    reason = str(row.get("reason") or "")
    # A judgement says so itself; that of too few rows says only that they are too few.
    said = "would settle it" in reason
    needed = f"about {number(row['needed'])} rows would settle it" if row.get("needed") and not said else ""
    return "; ".join(part for part in (reason, needed) if part)


def show_metrics(document: Document, console: Console) -> None:
    """Print each metric by part."""
    parts = document.get("metrics") or {}
    # What the verdicts rest on comes first.
    for part, metrics in sorted(parts.items(), key=lambda entry: entry[0] != "test"):
        if metrics:
            console.print()
            rows(
                console,
                (str(part), "value [95 %]", "n"),
                ((name, interval(row), number(row.get("n"))) for name, row in metrics.items()),
                right=("n",),
            )


def _show_leaderboard(document: Document, console: Console) -> None:
    board = document.get("leaderboard") or []
    if not board:
        return
    # The best by the score that is shown, and whatever else is a part of the model.
    shown = [row for place, row in enumerate(board) if place < _TOP_ROWS or row.get("weight")]
    console.print()
    rows(
        console,
        ("learner", "score [95 %]", "weight", "fitted in", "µs a row"),
        (
            (
                row.get("learner", ""),
                interval({"value": row.get("score"), "low": row.get("low"), "high": row.get("high")}),
                f"{100 * row['weight']:.0f} %" if row.get("weight") else "",
                format_seconds(float(row["seconds"])) if row.get("seconds") is not None else "–",
                number(row.get("row_cpu_us"), 3),
            )
            for row in shown
        ),
        right=("weight", "fitted in", "µs a row"),
    )
    if len(board) > len(shown):
        console.print(f"[dim]{len(board) - len(shown)} more: tenfold runs show {document.get('run', '')} --json[/]")


def _next(document: Document, model: Mapping[str, Any]) -> list[str]:
    if document.get("stopped"):
        return []
    commands = []
    if model.get("ref"):
        if not (document.get("promotion") or {}).get("live") and document.get("status") == "passed":
            commands.append(f"tenfold model promote {shlex.quote(str(model['ref']))}")
        commands.append(f"tenfold predict {shlex.quote(str(model['ref']))} NEW.csv --output scored.csv")
    return commands
