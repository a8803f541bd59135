"""``tenfold model``: the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.table import heading, interval, minute, number, pairs, rows, styled, suggest

if TYPE_CHECKING:
    from rich.console import Console

_HASH_LETTERS = 12

app = typer.Typer(help="The registry of models.", no_args_is_help=True)


@app.command("list")
def list_models(project: ProjectPath = HERE, as_json: AsJson = False) -> Command:
    """List the registered versions."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).models()
        return Reply(document=report.document(), ok=report.ok, show=show_list)

    return Command(work=work, as_json=as_json)


@app.command("show")
def show(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="name@version or name@alias.")],
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Show a version: what it was made from, what it is worth, how it was judged."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).show_model(model)
        return Reply(document=report.document(), ok=report.ok, show=show_model)

    return Command(work=work, as_json=as_json)


@app.command("history")
def history(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model's name.")],
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Say what happened to a model, oldest first."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).model_history(name)
        return Reply(document=report.document(), ok=report.ok, show=show_history)

    return Command(work=work, as_json=as_json)


def show_list(document: Document, console: Console) -> None:
    """Print one line for each version."""
    models = document.get("models") or []
    if not models:
        console.print("no models yet: tenfold run")
        return
    rows(
        console,
        ("model", "aliases", "registered", "run", "bundle"),
        (
            (
                entry.get("ref", ""),
                ", ".join(entry.get("aliases") or []) or "–",
                minute(entry.get("at")),
                entry.get("run") or "–",
                str(entry.get("bundle") or "–")[:_HASH_LETTERS],
            )
            for entry in models
        ),
    )


def show_model(document: Document, console: Console) -> None:
    """Print one version: where it comes from, how it was judged, what it reads."""
    ref = str(document.get("ref", "model"))
    heading(console, ref)
    pairs(
        console,
        (
            ("task", document.get("task")),
            ("threshold", document.get("threshold")),
            ("aliases", ", ".join(document.get("aliases") or [])),
            ("registered", minute(document.get("at"))),
            ("run", document.get("run")),
            ("bundle", document.get("bundle")),
            ("path", document.get("path")),
        ),
    )
    evidence = document.get("evidence") or []
    if evidence:
        console.print()
        rows(
            console,
            ("requirement", "asked", "place", "verdict", "value", "n"),
            (_judged(entry.get("verdict") or {}) for entry in evidence),
            right=("n",),
        )
    inputs = document.get("inputs") or []
    if inputs:
        console.print()
        rows(console, ("input", "kind"), ((column.get("name", ""), column.get("kind", "")) for column in inputs))
    suggest(console, (f"tenfold predict {ref} NEW.csv --output scored.csv",))


def _judged(verdict: Document) -> tuple[object, ...]:
    of = f" ({verdict['slice']})" if verdict.get("slice") else ""
    return (
        f"{verdict.get('requirement', '')}{of}",
        verdict.get("text", ""),
        verdict.get("place", ""),
        styled(verdict.get("verdict", "")),
        interval(verdict),
        number(verdict.get("n")),
    )


def show_history(document: Document, console: Console) -> None:
    """Print what happened, one line for each event."""
    rows(
        console,
        ("when", "what", "by", "why"),
        (
            (minute(event.get("at")), _event(event), event.get("by") or "–", event.get("reason") or "")
            for event in document.get("events") or []
        ),
    )


def _event(event: Document) -> str:
    if event.get("event") == "alias":
        number_now = event.get("number")
        now = "nothing" if number_now is None else f"{event.get('name', '')}@{number_now}"
        return f"{event.get('alias', '')} is {now}"
    return f"{event.get('ref', '')} {event.get('event', '')} by run {event.get('run', '–')}"
