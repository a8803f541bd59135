"""Where the runs are, and what each came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold.foundation.errors import InputError
from tenfold.project.metric_order import in_order
from tenfold.project.open import Project
from tenfold.reports.figures import interval_bar, interval_strip
from tenfold.reports.words import percent
from tenfold.store.rows import Run
from tenfold.web.words import tone

_MOST_RUNS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run of the list, as the commands' JSON has it."""

    entry: Mapping[str, Any]
    seconds: float
    cached: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunList:
    """The runs, newest first; ``more`` older ones are left out."""

    lines: tuple[RunLine, ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One candidate of the leaderboard."""

    entry: Mapping[str, Any]
    weight: str
    strip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """One run: its line, the document it ended with, and what was drawn of it; ``metrics`` by part, in order."""

    run: Run
    entry: Mapping[str, Any]
    document: Mapping[str, Any]
    judged: tuple[tuple[Mapping[str, Any], str], ...]
    metrics: tuple[tuple[str, tuple[tuple[str, Mapping[str, Any]], ...]], ...]
    leaderboard: tuple[Ranked, ...]
    report: bool


def runs_of(project: Project) -> RunList:
    """Return the runs, newest first."""
    runs = project.store.history.recent()
    lines = []
    for run in runs[:_MOST_RUNS]:
        entry = project.show_run(run.id).summary()
        seconds = sum(stage["seconds"] for stage in entry["stages"])
        lines.append(RunLine(entry=entry, seconds=seconds, cached=sum(stage["cached"] for stage in entry["stages"])))
    return RunList(lines=tuple(lines), more=max(0, len(runs) - _MOST_RUNS))


def run_of(project: Project, run: str) -> RunPage:
    """Return one run.

    Raises
    ------
    InputError
        When there is none of this name.
    """
    shown = project.show_run(run)
    document = shown.document_of_run or {}
    return RunPage(
        run=shown.run,
        entry=shown.summary(),
        document=document,
        judged=tuple((row, _bar(row)) for row in document.get("requirements") or ()),
        metrics=_metrics(project, document.get("metrics") or {}),
        leaderboard=_ranked(document.get("leaderboard") or ()),
        report=_report(project, document) is not None,
    )


def report_of(project: Project, run: str) -> Path:
    """Return the page that the run wrote.

    Raises
    ------
    InputError
        When there is no such run, or it wrote no page, or the page is gone.
    """
    found = _report(project, project.show_run(run).document_of_run or {})
    if found is None:
        raise InputError(f"run '{run}' has no report: only a run that comes to a version writes one")
    return found


def data_page_of(project: Project, run: str) -> Path:
    """Return the page about the data of the run's version.

    Raises
    ------
    InputError
        When there is no such run, or it wrote no page, or the page is gone.
    """
    page = report_of(project, run).with_suffix(".data.html")
    if not page.is_file():
        raise InputError(f"run '{run}' has no page about its data")
    return page


def _report(project: Project, document: Mapping[str, Any]) -> Path | None:
    # The document says where the page was written; the project may have been moved since.
    model, written = document.get("model"), document.get("report")
    if not model or not written:
        return None
    folder = (project.store.folder / "reports").resolve()
    page = (folder / Path(str(written)).name).resolve()
    return page if page.parent == folder and page.is_file() else None


def _bar(row: Mapping[str, Any]) -> str:
    return interval_bar(
        low=row.get("low"),
        value=row.get("value"),
        high=row.get("high"),
        bound=row.get("bound"),
        kind=tone(row["verdict"]),
    )


def _metrics(
    project: Project, parts: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> tuple[tuple[str, tuple[tuple[str, Mapping[str, Any]], ...]], ...]:
    """Return the metrics of each part; what verdicts rest on comes first, what was measured in running last."""
    order = {"test": 0, "operational": 2}
    return tuple(
        (part, tuple((name, parts[part][name]) for name in in_order(project.spec, parts[part])))
        for part in sorted(parts, key=lambda part: order.get(part, 1))
        if parts[part]
    )


def _ranked(board: tuple[Mapping[str, Any], ...] | list[Mapping[str, Any]]) -> tuple[Ranked, ...]:
    raced = [row for row in board if row.get("low") is not None]
    scale = [row[name] for row in raced for name in ("low", "score", "high") if row.get(name) is not None]
    return tuple(
        Ranked(
            entry=row,
            weight=percent(row["weight"]) if row.get("weight") else "",
            strip=interval_strip(low=row["low"], value=row["score"], high=row["high"], scale=(min(scale), max(scale)))
            if row in raced
            else "",
        )
        for row in board
    )
