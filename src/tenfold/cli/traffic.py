"""``tenfold traffic``: who answers how much of an endpoint, what a trial says, and what other routers need to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.readout import show_plan, show_readout
from tenfold.cli.table import heading, minute, pairs, rows, suggest

if TYPE_CHECKING:
    from rich.console import Console

    from tenfold.records.release import Strategy

_TRIED = "VERSION[=SHARE]"


def traffic(
    endpoint: Annotated[
        str | None, typer.Argument(metavar="ENDPOINT", help="The endpoint; the project's own by default.")
    ] = None,
    *,
    canary: Annotated[
        str | None,
        typer.Option(
            "--canary",
            metavar=_TRIED,
            help="Try a version on a share that rises while no requirement fails: 4=10%, or 4 for the file's steps.",
        ),
    ] = None,
    ab: Annotated[
        str | None, typer.Option("--ab", metavar=_TRIED, help="Compare a version with the champion: 4=50%.")
    ] = None,
    shadow: Annotated[
        str | None,
        typer.Option("--shadow", metavar=_TRIED, help="Ask a version beside; nobody gets what it says."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="End the trial: the champion answers everything again.")
    ] = False,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Begin nothing: print what an A/B test, or the --ab or --canary that is named, would take.",
        ),
    ] = False,
    effect: Annotated[
        float | None,
        typer.Option(
            "--effect", metavar="DIFFERENCE", help="With --plan: the difference to be found, in the metric's unit."
        ),
    ] = None,
    per_day: Annotated[
        float | None, typer.Option("--per-day", metavar="UNITS", help="With --plan: units a day; the log's by default.")
    ] = None,
    read: Annotated[bool, typer.Option("--read", help="Print what the trial says so far, and what follows.")] = False,
    adjust: Annotated[
        str | None,
        typer.Option(
            "--adjust",
            metavar="champion|COLUMN",
            help="With --read: take off each row's value what the champion expects of it, or what goes with a column.",
        ),
    ] = None,
    emit: Annotated[
        Literal["istio", "gateway-api", "nginx"] | None,
        typer.Option("--emit", help="Print the same shares as the configuration of another router."),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="ID", help="A requirement that did not pass and is accepted; needs a reason."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; recorded.")] = "",
    by: Annotated[str | None, typer.Option("--by", help="Who says so; the user of this machine by default.")] = None,
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Say who answers how much of an endpoint, or change it.

    The same id always gets the same version. `tenfold tick` judges a trial by the requirements and ends it by itself.
    Exit code 1: what was read says that the version is to be taken back, or that nothing can be read.
    """
    asked: list[tuple[Strategy, str]] = []
    for strategy, tried in (("canary", canary), ("ab", ab), ("shadow", shadow)):
        if tried is not None:
            asked.append((strategy, tried))  # type: ignore[arg-type]  # the three are strategies
    # A plan may name the trial that it is of.
    if len(asked) > 1 or (bool(asked) and not plan) + everything + plan + read + (emit is not None) > 1:
        raise typer.BadParameter("name one of --canary, --ab, --shadow, --all, --plan, --read and --emit")
    if plan and shadow is not None:
        raise typer.BadParameter("--plan goes with --ab or --canary, not with --shadow")
    if adjust is not None and not read:
        raise typer.BadParameter("--adjust goes with --read")
    wanted = None if not asked else (asked[0][0], *_tried(asked[0][1], asked[0][0]))

    def work() -> Reply:
        from tenfold.project.open import open_project
        from tenfold.project.traffic import Asked

        opened = open_project(project)
        if plan:
            from tenfold.project.experiment import plan_document, plan_experiment
            from tenfold.project.planned_trial import plan_trial
            from tenfold.project.traffic import own_endpoint

            own_endpoint(opened, endpoint)
            if wanted is not None:
                trial = plan_trial(opened, wanted[1], wanted[0], wanted[2], effect=effect, per_day=per_day)
                return Reply(document=plan_document(trial), show=show_plan)
            halves = opened.spec.deployment.ab.share
            length = plan_experiment(opened, share=halves, effect=effect, per_day=per_day)
            return Reply(document=plan_document(length), show=show_plan)
        if wanted is None and not everything:
            report = opened.traffic(endpoint, emit=emit, read=read, adjust=adjust)
        else:
            strategy, ref, share = wanted or ("all", None, None)
            report = opened.change_traffic(
                Asked(strategy=strategy, ref=ref, share=share, accept=tuple(accept or ()), reason=reason, by=by),
                endpoint,
            )
        return Reply(document=report.document(), ok=report.ok, show=show)

    return Command(work=work, as_json=as_json)


def _tried(text: str, strategy: str) -> tuple[str, float | None]:
    """Return the version and the share that stand in ``4=10%``."""
    ref, equals, share = text.partition("=")
    hint = f"'--{strategy}'"
    if not ref.strip():
        raise typer.BadParameter(f"'{text}' names no version: write 4=10%", param_hint=hint)
    if not equals:
        return ref.strip(), None
    number = share.strip().removesuffix("%").strip()
    try:
        found = float(number)
    except ValueError:
        raise typer.BadParameter(f"'{share}' is no share: write 10%, or 0.1", param_hint=hint) from None
    return ref.strip(), found / 100.0 if share.strip().endswith("%") else found


def show(document: Document, console: Console) -> None:
    """Print who answers, and what a trial says."""
    emitted = document.get("emitted")
    if emitted is not None:
        console.print(emitted["text"], end="", markup=False, highlight=False, soft_wrap=True)
        return
    release = document.get("release")
    if release is None:
        console.print(f"nothing is live on {document.get('endpoint', '')} yet: tenfold model promote MODEL")
        return
    heading(console, f"{document.get('endpoint', '')}: {_told(document)}")
    rows(
        console,
        ("version", "as", "share"),
        ((each["version"], each["role"], f"{100 * each['share']:g} %") for each in document.get("shares") or ()),
        right=("share",),
    )
    trial = release.get("traffic") or {}
    pairs(
        console,
        (
            ("since", minute(trial["since"]) if trial else None),
            ("steps", ", ".join(f"{100 * step:g} %" for step in trial.get("steps") or ()) or None),
            ("for each step", f"{trial['requests']:,} judged requests" if trial.get("requests") else None),
            ("decided after", f"{trial['most']:,} judged requests at most" if trial.get("most") else None),
            ("divided by", trial.get("assign") or ("the id of each row" if trial else None)),
            ("why", release.get("reason") or None),
            ("by", release.get("by")),
        ),
    )
    _show_look(document.get("look") or {}, console)
    for part, printed in ((document.get("plan"), show_plan), (document.get("readout"), show_readout)):
        if part:
            console.print()
            printed(part, console)
    if trial and document.get("readout") is None:
        suggest(console, (f"tenfold traffic {document.get('endpoint', '')} --read",))


def _told(document: Document) -> str:
    words = {"all": "one version answers everything", "canary": "a canary", "ab": "an A/B test", "shadow": "a shadow"}
    return words.get(str(document.get("strategy")), "")


def _show_look(look: Document, console: Console) -> None:
    if not look:
        return
    gain, agreement = look.get("gain"), look.get("agreement")
    reach = f" ({look['gain_low']:+.4g} to {look['gain_high']:+.4g})" if look.get("gain_low") is not None else ""
    console.print()
    pairs(
        console,
        (
            ("looked at", minute(look.get("at"))),
            ("answered", f"{look.get('rows', 0):,}, of which {look.get('judged', 0):,} can be judged"),
            ("agrees", None if agreement is None else f"with the champion on {agreement:.1%} of them"),
            ("scores apart", None if look.get("apart") is None else f"{look['apart']:.4g} on average"),
            ("brings more", None if gain is None else f"{gain:+.4g} for a row{reach}"),
            ("then", f"{look.get('action')}: {look.get('reason')}"),
            ("evidence", ", ".join(look.get("evidence") or ()) or None),
        ),
    )
