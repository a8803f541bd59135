"""``tenfold demo``: the whole life of a model on real flights."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import AsJson
from tenfold.cli.table import heading, interval, number, rows, styled, suggest
from tenfold.foundation.units import format_seconds

if TYPE_CHECKING:
    from rich.console import Console


def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to live through the year; made anew.")] = Path(
        ".demo"
    ),
    as_json: AsJson = False,
) -> Command:
    """Train a model on flights of January to March 2013, serve it, and live through the rest of the year in minutes.

    Nothing is scripted: flights go to the running gateway week by week, their outcomes arrive a day later, monitors
    judge, retraining decides. Needs the tables of `pip install 'tenfold[demo]'`.
    """

    def work() -> Reply:
        from tenfold.demo.replay import Replay

        report = Replay(folder=_fresh(folder), say=_say).run()
        return Reply(document=report.document(), ok=report.ok, show=show_demo)

    return Command(work=work, as_json=as_json)


def _fresh(folder: Path) -> Path:
    """Return the folder when it is empty, or was made by an earlier demo and by nothing else."""
    from tenfold.demo.flights import is_demo
    from tenfold.foundation.errors import InputError

    if folder.exists() and not (folder.is_dir() and (is_demo(folder) or not any(folder.iterdir()))):
        raise InputError(f"'{folder}' holds something that is no earlier demo, and the demo begins by clearing it")
    return folder


def show_demo(document: Document, console: Console) -> None:
    """Print the year by months, the requirements with their evidence, and what to type next."""
    console.print()
    rows(
        console,
        ("month", "flights", "late", "AUC live", "of the first", "alarms", "champion", "decisions"),
        (
            (
                month["month"],
                number(month["rows"]),
                f"{month['late']:.0%}" if month.get("late") is not None else "–",
                _auc(month.get("roc_auc") or {}),
                number((month.get("roc_auc_of_the_first") or {}).get("value"), 3),
                str(len(month["alarms"])),
                month["champion"],
                "\n".join(_decision(each) for each in month["decisions"]) or "–",
            )
            for month in document["months"]
        ),
        right=("flights", "late", "of the first", "alarms"),
        fold=("decisions",),
    )
    console.print()
    heading(console, "the requirements of the version that is live")
    rows(
        console,
        ("requirement", "place", "verdict", "value", "n", "evidence"),
        (
            (
                " ".join(word for word in (row["requirement"], row.get("slice") or "") if word),
                row["place"],
                styled(row["verdict"]),
                interval(row),
                number(row.get("n")),
                row["evidence"],
            )
            for row in document["requirements"]
        ),
        right=("n",),
    )
    asked = document["requests"]
    console.print()
    console.print(
        f"{asked['rows']:,} flights predicted in {asked['sent']:,} requests; {document['promotions']} promotions;"
        f" {asked['failed']} requests failed ({asked['failed_during_passes']} of {asked['sent_during_passes']:,} that"
        f" were sent while a pass was at work); {format_seconds(document['seconds'])}"
    )
    here, name = document["folder"], document["endpoint"]
    suggest(
        console,
        (
            f"cd {here}",
            f"tenfold model history {name} --at 2013-07-15",
            "tenfold monitor show",
            "tenfold model list",
            "tenfold store verify",
        ),
    )


def _auc(found: Document) -> str:
    if found.get("value") is None:
        return "–"
    return f"{found['value']:.3f} ({found['low']:.3f}–{found['high']:.3f})"


def _decision(decision: Document) -> str:
    day = str(decision["at"])[5:10]
    return f"{day} {decision['action']} {decision.get('challenger') or ''}: {decision['reason']}"


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
