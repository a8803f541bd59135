"""``tenfold up``: gateway, pages, and passes of ``tenfold tick`` on a timer, under one parent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.serve import show_serve
from tenfold.foundation.errors import InputError
from tenfold.foundation.units import format_seconds, parse_seconds

if TYPE_CHECKING:
    from rich.console import Console

_SHORTEST_SECONDS = 1.0


def up(
    *,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes any that is free.")] = 8471,
    page_port: Annotated[
        int, typer.Option("--page-port", min=0, max=65535, help="The port of the pages, on this machine only.")
    ] = 8470,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="How many processes answer.")] = 1,
    every: Annotated[str, typer.Option("--every", help="From one pass to the next.")] = "60s",
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Serve, show, watch and renew until stopped; prints where things are when ready."""

    def work() -> Reply:
        from tenfold.automation.up import Household
        from tenfold.gateway.server import Gateway, ServeOptions
        from tenfold.project.open import open_project
        from tenfold.web.server import Pages

        seconds = parse_seconds(every)
        if seconds < _SHORTEST_SECONDS:
            raise InputError(f"--every is at least 1s, from the beginning of a pass to that of the next; found {every}")
        opened = open_project(project)
        options = ServeOptions(folder=opened.store.folder, host=host, port=port, workers=workers)
        household = Household(
            project=project,
            gateway=Gateway(options=options, said=_say),
            pages=Pages(project=opened, port=page_port, option=" with --page-port"),
            every_seconds=seconds,
            said=_say,
        )
        return Reply(document=household.start(), show=show_up, then=household.run)

    return Command(work=work, as_json=as_json)


def show_up(document: Document, console: Console) -> None:
    """Print where things are."""
    show_serve(document, console)
    console.print(f"look at {document['page']}", soft_wrap=True)
    console.print(f"a pass of tenfold tick every {format_seconds(document['tick_every_seconds'])}")


def _say(sentence: str) -> None:
    print(f"up: {sentence}", file=sys.stderr, flush=True)
