"""``tenfold``: the command line. Parses, calls the project, prints, and turns errors into exit codes."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TextIO

import typer

from tenfold.cli import (
    adopt,
    assess,
    check,
    data,
    demo,
    evidence,
    export,
    label,
    model,
    monitor,
    predict,
    retrain,
    run,
    runs,
    serve,
    signing,
    store,
    tick,
    traffic,
    up,
)
from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.elapsed import Elapsed
from tenfold.cli.failure import (
    DONE,
    FAILED_CHECK,
    FAILURE,
    INTERRUPTED,
    Failure,
    explain,
    explain_unexpected,
    traceback_of,
)
from tenfold.cli.options import AsJson, folder_of
from tenfold.cli.output import kept_for_reply, print_json, print_reply

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    name="tenfold",
    help="Carry a machine-learning model through its life, judged at every stage by the same requirements.",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)


@app.callback(invoke_without_command=True)
def front(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    as_json: AsJson = False,
) -> Command | None:
    """Carry a machine-learning model through its life, judged at every stage by the same requirements.

    Exit codes: 0 done, 1 a requirement or check failed, 2 wrong use or bad input, 3 an internal or environment failure.
    """
    if version:
        return Command(work=_version, as_json=as_json)
    if context.invoked_subcommand is None:
        if as_json:
            raise typer.TyperException("no command was named; `tenfold --help` lists them")
        typer.echo(context.get_help())
    return None


def _version() -> Reply:
    document = {"schema": "tenfold.version/1", "version": installed_version("tenfold")}
    return Reply(document=document, show=_show_version)


def _show_version(document: Document, console: Console) -> None:
    console.print(f"tenfold {document['version']}", highlight=False)


app.command("init")(data.init)
app.command("profile")(data.profile)
app.command("check")(check.check)
app.command("assess")(assess.assess)
app.command("plan")(check.plan)
app.command("run")(run.run)
app.add_typer(runs.app, name="runs")
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.command("import")(adopt.adopt)
app.command("serve")(serve.serve)
app.command("label")(label.label)
app.add_typer(monitor.app, name="monitor")
app.command("tick")(tick.tick)
app.command("traffic")(traffic.traffic)
app.command("retrain")(retrain.retrain)
app.command("up")(up.up)
app.command("demo")(demo.demo)
app.add_typer(model.app, name="model")
app.add_typer(signing.keys, name="key")
app.add_typer(store.app, name="store")
app.add_typer(evidence.app, name="evidence")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    elapsed = Elapsed.begin()
    sys.exit(execute(list(sys.argv[1:] if arguments is None else arguments), elapsed))


def execute(arguments: Sequence[str], elapsed: Elapsed) -> int:
    """Run one command line and return its exit code.

    Parameters
    ----------
    elapsed : Elapsed
        The time since the process was started: a budget bounds the whole command.
    """
    as_json = "--json" in _before_dashes(arguments)
    try:
        parser = typer.main.get_command(app)
        parsed = parser.main(list(arguments), prog_name="tenfold", standalone_mode=False, obj=elapsed)
        if not isinstance(parsed, Command):
            # Help was asked for and has been printed; or typer's own exit code.
            return parsed if isinstance(parsed, int) else DONE
    except SystemExit:
        # Typer's answer to a reader of the help who has left, as `head` does.
        return DONE
    except Exception as error:  # noqa: BLE001 - the edge: whatever happens becomes one sentence and an exit code
        return _fail(error, arguments, as_json=as_json, stream=sys.stdout)
    with kept_for_reply() as stream:
        try:
            reply = parsed.work()
            code = _print(reply, as_json=as_json, stream=stream)
            return code if reply.then is None else reply.then()
        except (KeyboardInterrupt, typer.Abort):
            interrupted = Failure(kind="interrupted", message="interrupted", exit=INTERRUPTED)
            return _tell(interrupted, as_json=as_json, stream=stream, aloud=False)
        except Exception as error:  # noqa: BLE001 - the edge, as above
            return _fail(error, arguments, as_json=as_json, stream=stream)


def _print(reply: Reply, *, as_json: bool, stream: TextIO | None) -> int:
    code = reply.exit if reply.exit is not None else DONE if reply.ok else FAILED_CHECK
    if stream is None:
        return code
    try:
        if as_json:
            print_json(reply.document, stream, one_line=reply.then is not None)
        else:
            print_reply(reply, stream)
        stream.flush()
    except BrokenPipeError:
        # Whoever read has seen enough, as `head` does: no reason to complain.
        return code
    except OSError as error:
        return _tell(
            Failure(kind="environment", message=f"stdout cannot be written: {error.strerror}", exit=FAILURE),
            as_json=False,
            stream=None,
        )
    return code


def _fail(error: Exception, arguments: Sequence[str], *, as_json: bool, stream: TextIO | None) -> int:
    failure = explain(error) or explain_unexpected(error, _state(arguments))
    if os.environ.get("TENFOLD_TRACEBACK") == "1":
        print(traceback_of(error), file=sys.stderr)
    return _tell(failure, as_json=as_json, stream=stream)


def _tell(failure: Failure, *, as_json: bool, stream: TextIO | None, aloud: bool = True) -> int:
    if as_json and stream is not None:
        # Nobody is left to be told when even this cannot be written.
        with contextlib.suppress(OSError):
            print_json(failure.document(), stream)
            stream.flush()
    elif aloud and sys.stderr is not None:
        _print_error(failure)
    return failure.exit


def _print_error(failure: Failure) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    style = "yellow" if failure.exit < FAILURE else "red"
    console.print(Text.assemble(("error: ", f"bold {style}"), failure.message), soft_wrap=True)


def _state(arguments: Sequence[str]) -> Path:
    """Return where the project keeps its state, as far as the words of the command line tell it."""
    words = list(arguments)
    for flag in ("--project", "-p"):
        if flag in words[:-1]:
            return folder_of(Path(words[words.index(flag) + 1])) / ".tenfold"
    return Path(".tenfold")


def _before_dashes(arguments: Sequence[str]) -> Sequence[str]:
    """Return the words before ``--``, after which nothing is an option."""
    words = list(arguments)
    return words[: words.index("--")] if "--" in words else words


if __name__ == "__main__":
    main()
