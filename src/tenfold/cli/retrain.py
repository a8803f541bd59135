"""``tenfold retrain``: train a challenger now, hold it against the champion, and say what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.progress import progress
from tenfold.cli.table import heading, pairs, suggest

if TYPE_CHECKING:
    from rich.console import Console


def retrain(
    project: ProjectPath = HERE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what a pass would begin now, and why.")] = False,
    as_json: AsJson = False,
) -> Command:
    """Train a challenger on what is known now, and hold it against the champion on rows that neither saw.

    It is promoted by itself only where the file says `retraining: {promote: auto}`.
    """

    def work() -> Reply:
        from tenfold.automation.tick import retrain as do_retrain
        from tenfold.project.open import open_project

        if dry_run:
            report = do_retrain(open_project(project), dry=True)
        else:
            with progress(title="retrain", budget_seconds=None) as events:
                report = do_retrain(open_project(project), events=events)
        return Reply(document=report.document(), ok=report.ok, show=show_retrain)

    return Command(work=work, as_json=as_json)


def show_retrain(document: Document, console: Console) -> None:
    """Print what was decided, or what would be."""
    would = document.get("would")
    if would is None:
        show_decisions(document, console)
        return
    first = would.get("first") or ()
    if first:
        heading(console, "before anything is begun:")
        pairs(console, (("first", sentence) for sentence in first))
    if would["train"]:
        heading(console, f"a challenger would be trained: {would.get('details', '')}")
        pairs(console, (("seen to change", sentence) for sentence in would.get("changed") or ()))
    else:
        heading(console, f"nothing would be trained: {would.get('reason', '')}")


def show_decisions(document: Document, console: Console) -> None:
    """Print each decision with what it rests on."""
    for decision in document.get("decisions") or []:
        named = decision.get("challenger") or decision.get("champion") or ""
        kept = f"nothing to renew: {named} stays" if named else "nothing to renew"
        heading(console, kept if decision["action"] == "none" else f"{decision['action']} {named}".strip())
        newest, lockbox, span = (decision.get(name) or {} for name in ("newest", "lockbox", "span"))
        request = decision.get("request") or {}
        pairs(
            console,
            (
                ("why", decision.get("reason")),
                ("changed", "; ".join(request.get("changed") or ()) if decision["action"] == "train" else None),
                ("champion", decision.get("champion")),
                ("trained on", f"{span['name']}, {span['rows']:,} rows: {span['reason']}" if span else None),
                (newest.get("rows", "newest"), _gain(newest)),
                (lockbox.get("rows", "old rows"), _gain(lockbox)),
                ("evidence", ", ".join(decision.get("evidence") or ()) or None),
            ),
        )
        if decision.get("waits_for") == "person":
            suggest(console, (f"tenfold model promote {decision['challenger']}",))


def _gain(gain: Document) -> str | None:
    if not gain:
        return None
    if gain.get("value") is None:
        return str(gain.get("reason") or "no difference can be told")
    return (
        f"{gain['metric']} {gain['challenger']:.4g} against {gain['champion']:.4g}: {gain['value']:+.4g}"
        f" ({gain['low']:+.4g} to {gain['high']:+.4g}) on {gain['n']:,} rows"
    )
