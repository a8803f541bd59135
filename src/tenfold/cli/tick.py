"""``tenfold tick``: one pass over windows, batches, alerts and renewal; for cron, or on the timer of ``tenfold up``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.progress import progress
from tenfold.cli.retrain import show_decisions

if TYPE_CHECKING:
    from rich.console import Console


def tick(project: ProjectPath = HERE, as_json: AsJson = False) -> Command:
    """Do one pass: judge windows, score what a schedule asks for, tell of incidents, renew where there is a reason.

    A pass that finds nothing new does nothing, and one that dies is taken up by the next: type it as often as you like.
    """

    def work() -> Reply:
        from tenfold.automation.tick import tick as do_pass
        from tenfold.project.open import open_project

        with progress(title="tick", budget_seconds=None) as events:
            report = do_pass(open_project(project), events=events, tell=_tell)
        return Reply(document=report.document(), ok=report.ok, show=show_tick)

    return Command(work=work, as_json=as_json)


def show_tick(document: Document, console: Console) -> None:
    """Print what one pass did."""
    if document.get("busy"):
        console.print("another pass is at work: this one did nothing")
        return
    windows = (document.get("windows") or {}).get("windows") or []
    decisions = document.get("decisions") or []
    look = document.get("traffic") or {}
    batch = document.get("batch") or {}
    if not windows and not decisions and not look and not batch.get("slots") and not batch.get("problem"):
        console.print("nothing new")
        return
    if windows:
        console.print(f"{len(windows)} {'window was' if len(windows) == 1 else 'windows were'} looked at")
    if look:
        console.print(f"{look.get('candidate', '')} is tried ({look.get('strategy', '')}): {look.get('action', '')}")
        console.print(f"  {look.get('reason', '')}")
    _show_batch(batch, console)
    show_decisions(document, console)


def _show_batch(batch: Document, console: Console) -> None:
    for slot in batch.get("slots") or []:
        moment, rows = str(slot["slot"])[:16].replace("T", " "), int(slot["rows"])
        late = f", {slot['late']} of them late" if slot["late"] else ""
        told = f"{rows:,} rows scored by {slot['model']}{late}" if slot["state"] == "done" and rows else ""
        console.print(f"batch of {moment} UTC: {told or slot['reason'] or 'no rows'}")
    if batch.get("problem"):
        console.print(f"the batch stopped, {batch.get('waiting')} moments wait: {batch['problem']}")


def _tell(line: str) -> None:
    print(line, file=sys.stderr)
