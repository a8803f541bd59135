"""``tenfold serve``: answer prediction requests over HTTP."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath, folder_of

if TYPE_CHECKING:
    from rich.console import Console

_DEFAULT_STORE = ".tenfold"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    *,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes any that is free.")] = 8471,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="How many processes answer.")] = 1,
    endpoint: Annotated[
        list[str] | None, typer.Option("--endpoint", help="An endpoint to serve; may be repeated. Else all.")
    ] = None,
    durable: Annotated[
        bool, typer.Option("--durable", help="Answer only when the disk has the predictions, at a few ms each.")
    ] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Let callers set the project's time with the header X-Tenfold-At.")
    ] = False,
    grpc_port: Annotated[
        int | None,
        typer.Option("--grpc-port", min=0, max=65535, help="Also answer the Open Inference Protocol over gRPC here."),
    ] = None,
    wait_ms: Annotated[
        int, typer.Option("--wait-ms", min=1, help="Refuse what would wait longer than this for its scoring.")
    ] = 500,
    grace: Annotated[
        int, typer.Option("--grace", min=1, help="Seconds that requests under way are given when it ends.")
    ] = 30,
    may_lose: Annotated[
        bool, typer.Option("--may-lose", help="Answer what cannot be logged, and count it as lost; else refuse it.")
    ] = False,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Write lines of JSON to stderr, one for each request as well.")
    ] = False,
    telemetry: Annotated[
        bool, typer.Option("--telemetry", help="Send OpenTelemetry traces, as OTEL_* variables say.")
    ] = False,
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Serve the promoted versions over HTTP until stopped; prints one line when ready."""

    def work() -> Reply:
        from tenfold.gateway.server import Gateway, ServeOptions

        options = ServeOptions(
            folder=_store_folder(project).absolute(),
            host=host,
            port=port,
            workers=workers,
            endpoints=tuple(endpoint or ()),
            durable=durable,
            replay=replay,
            grpc_port=grpc_port,
            wait_ms=wait_ms,
            grace_seconds=float(grace),
            may_lose=may_lose,
            log_json=log_json,
            telemetry=telemetry,
        )
        if host not in _LOOPBACK:
            _say(f"whoever reaches {host} may ask for predictions: the gateway asks nobody who they are")
        gateway = Gateway(options=options, said=_say)
        gateway.obey_signals()
        served = gateway.start()
        for sentence in _not_there(options.endpoints, options.folder):
            _say(sentence)
        return Reply(document=served, show=show_serve, then=gateway.run)

    return Command(work=work, as_json=as_json)


def _not_there(asked: Sequence[str], store: Path) -> list[str]:
    """Return a sentence for each endpoint that was asked for and has no version yet."""
    from tenfold.foundation.errors import did_you_mean

    # A name may be written before its first promotion: it is served from then on.
    published = [path.stem for path in (store / "endpoints").glob("*.json")]
    return [
        f"the endpoint '{name}' has no version yet and answers once one is promoted.{did_you_mean(name, published)}"
        for name in asked
        if name not in published
    ]


def show_serve(document: Document, console: Console) -> None:
    """Print one line: where, and what answers there."""
    served = ", ".join(_served(entry) for entry in document["endpoints"])
    console.print(f"serving {document['url']}  {served or 'no endpoint yet: promote a version'}", soft_wrap=True)


def _served(entry: Document) -> str:
    return f"/predict/{entry['endpoint']} ({entry['version'] or entry['problem']})"


def _store_folder(project: Path) -> Path:
    """Return the store that the project's file names; beside no file, the usual folder where there is one.

    Raises
    ------
    InputError
        When there is neither.
    """
    from tenfold.foundation.errors import InputError

    folder = folder_of(project)
    if not project.is_file() and not (folder / "tenfold.yaml").exists():
        if (project == HERE or project.is_dir()) and (folder / _DEFAULT_STORE).is_dir():
            return folder / _DEFAULT_STORE
        raise InputError(
            f"there is no project at {project}: `tenfold init DATA --target COLUMN` writes one; --project names another"
        )
    from tenfold.project.signing import trust_workers
    from tenfold.spec.load import load_spec

    spec = load_spec(project if project.is_file() else folder, os.environ)
    trust_workers(spec)
    return spec.store_folder


def _say(sentence: str) -> None:
    print(f"gateway: {sentence}", file=sys.stderr, flush=True)
