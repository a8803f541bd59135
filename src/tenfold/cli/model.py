"""``tenfold model``: the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli import signing
from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.reading import show_reading
from tenfold.cli.table import heading, interval, minute, number, pairs, rows, styled, suggest

if TYPE_CHECKING:
    from rich.console import Console

_HASH_LETTERS = 12

app = typer.Typer(help="The registry of models.", no_args_is_help=True)
app.command("sign")(signing.sign)
app.command("verify")(signing.verify)


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


@app.command("promote")
def promote(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="name@version or name@alias.")],
    *,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="ID", help="Accept a requirement that did not pass; needs --reason."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; recorded.")] = "",
    by: Annotated[str | None, typer.Option("--by", help="Who says so; the user of this machine by default.")] = None,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Switch, whatever the file's deployment.strategy says.")
    ] = False,
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Make a version the champion of the project's endpoint, or begin to try it, as `deployment.strategy` says.

    Exits with 1 when a requirement that must hold did not pass and is not accepted.
    """

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).promote(model, accept=tuple(accept or ()), reason=reason, by=by, at_once=at_once)
        return Reply(document=report.document(), ok=report.ok, show=show_release)

    return Command(work=work, as_json=as_json)


@app.command("rollback")
def rollback(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model's name.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; recorded.")],
    to: Annotated[
        str | None, typer.Option("--to", metavar="MODEL", help="The version to go back to; else the one before.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who says so; the user of this machine by default.")] = None,
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Go back to the version that was live before."""

    def work() -> Reply:
        from tenfold.project.open import open_project

        report = open_project(project).rollback(name, reason=reason, to=to, by=by)
        return Reply(document=report.document(), ok=report.ok, show=show_release)

    return Command(work=work, as_json=as_json)


@app.command("history")
def history(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model's name.")],
    *,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="What was live then, by the project's clock: 2013-07-15."),
    ] = None,
    known: Annotated[
        str | None,
        typer.Option("--known", metavar="TIME", help="With --at: as it was known then, by the system's clock."),
    ] = None,
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Say what happened to a model, oldest first; or what was live at a moment."""
    if known is not None and at is None:
        raise typer.BadParameter("is read beside --at only", param_hint="'--known'")

    def work() -> Reply:
        from tenfold.project.open import open_project

        opened = open_project(project)
        if at is not None:
            live = opened.live_at(name, at, known=known)
            return Reply(document=live.document(), ok=live.ok, show=show_live)
        report = opened.model_history(name)
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
    show_reading(document.get("reading") or {}, console)
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


def show_release(document: Document, console: Console) -> None:
    """Print what went live."""
    already = "" if document.get("changed") else " already"
    trial = document.get("traffic")
    if trial is not None:
        heading(console, f"{trial.get('candidate', '')} is tried beside {document.get('ref', '')}{already}")
        pairs(console, _released(document))
        suggest(console, (f"tenfold traffic {document.get('endpoint', '')}",))
        return
    heading(console, f"{document.get('ref', '')} is live{already}")
    pairs(console, _released(document))
    suggest(console, (f"tenfold model history {str(document.get('ref', '')).partition('@')[0]}",))


def show_live(document: Document, console: Console) -> None:
    """Print what was live at a moment."""
    live = document.get("live")
    if live is None:
        console.print(f"nothing of {document.get('name', '')} was live then")
        return
    heading(console, f"{live.get('ref', '')} was live")
    pairs(console, [("since", minute(live.get("at"))), *_released(live)])


def _released(release: Document) -> list[tuple[str, object]]:
    return [
        ("endpoint", f"{release.get('endpoint', '')}, revision {release.get('revision', '')}"),
        ("threshold", release.get("threshold")),
        ("bundle", release.get("bundle")),
        ("traffic", _divided(release.get("traffic"))),
        ("instead of", release.get("previous") if release.get("action") == "promote" else None),
        ("accepted", ", ".join(release.get("accepted") or []) or None),
        ("why", release.get("reason") or None),
        ("by", release.get("by")),
        ("clock", "set by a replay" if release.get("replay") else None),
    ]


def _divided(traffic: Document | None) -> str | None:
    if traffic is None:
        return None
    return (
        f"{traffic.get('candidate', '')}: {100 * float(traffic.get('share') or 0):g} % ({traffic.get('strategy', '')})"
    )


def show_history(document: Document, console: Console) -> None:
    """Print what happened, one line for each event."""
    events = document.get("events") or []
    # A release says which version it made champion; the aliases that moved with it are in the document.
    moved = {event.get("recorded") for event in events if event.get("event") == "released"}
    rows(
        console,
        ("when", "what", "by", "why"),
        (
            (minute(event.get("at")), _event(event), event.get("by") or "–", event.get("reason") or "")
            for event in events
            if (event.get("event") != "alias" or event.get("recorded") not in moved) and event.get("action") != "none"
        ),
    )


def _event(event: Document) -> str:
    if event.get("event") == "released":
        accepted = ", ".join(event.get("accepted") or [])
        replay = " (replay)" if event.get("replay") else ""
        if event.get("action") == "traffic":
            return (_divided(event.get("traffic")) or f"{event.get('ref', '')} answers everything") + replay
        what = (
            f"back to {event.get('ref', '')}"
            if event.get("action") == "rollback"
            else f"{event.get('ref', '')} is live"
        )
        return f"{what}{f', accepted: {accepted}' if accepted else ''}{replay}"
    if event.get("event") == "decision":
        named = event.get("challenger") or ""
        return {"train": "a challenger is trained"}.get(str(event.get("action")), f"{event.get('action')} {named}")
    if event.get("event") == "alias":
        number_now = event.get("number")
        now = "nothing" if number_now is None else f"{event.get('name', '')}@{number_now}"
        return f"{event.get('alias', '')} is {now}"
    return f"{event.get('ref', '')} {event.get('event', '')} by run {event.get('run', '–')}"
