"""``tenfold export``: a version as something that predicts elsewhere, when it proves equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.failure import DONE, explain
from tenfold.cli.options import HERE, AsJson, ProjectPath, folder_of
from tenfold.cli.table import heading, pairs
from tenfold.foundation.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

_MOST_SHOWN = 8


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="name@version, name@alias, or the path of a bundle.")],
    *,
    to: Annotated[
        list[str],
        typer.Option(
            "--to",
            metavar="KIND",
            help="What to write: function, onnx, sql, container, kserve, kubernetes or mlflow; may be repeated.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder in which each kind gets a folder of its own.")
    ] = Path("exports"),
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of a kind, such as function.package=scorer."),
    ] = None,
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Write a version for another place, refused with its reason unless it predicts the same on 10,000 hard rows.

    Each kind is tried. Exits with 1 when one was refused, and with 2 when one could not be tried as it was asked for.
    """

    def work() -> Reply:
        from tenfold.project.export import export as write

        report = write(model, to, output, folder=folder_of(project), options=_read(options or []))
        failures = [explain(each.error) for each in report.exports if each.error is not None]
        worst = max((each.exit for each in failures if each is not None), default=DONE)
        return Reply(document=report.document(), ok=report.ok, show=show_export, exit=worst)

    return Command(work=work, as_json=as_json)


def _read(written: list[str]) -> dict[str, str]:
    chosen = {}
    for each in written:
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise InputError(f"write an option as NAME=VALUE, such as function.package=scorer; found '{each}'")
        chosen[name.strip()] = value.strip()
    return chosen


def show_export(document: Document, console: Console) -> None:
    """Print for each kind where it was written and how it was proven, or why it was not."""
    for each in document.get("exports") or []:
        proof = each.get("proof") or {}
        heading(console, f"{document.get('model')} to {each.get('kind')}", verdict="" if proof else "failed")
        pairs(
            console,
            (
                (str(each.get("status")), each.get("reason")),
                ("output", each.get("output")),
                ("files", _named(each.get("files") or {})),
                (
                    "proof",
                    f"{proof['rows']:,} hard rows, off by at most {proof['greatest_difference']:.2g} "
                    f"(allowed {proof['tolerance']:g}), {proof['decisions_flipped']} decisions flipped"
                    if proof
                    else None,
                ),
                ("evidence", f"{document.get('judgements')} judgements of this version" if proof else None),
            ),
        )


def _named(files: Mapping[str, str]) -> str | None:
    """Return the files' names; of a folder with many, its own and how many they are."""
    inside = Counter(str(Path(name).parent) for name in files)
    many = {folder for folder, count in inside.items() if count > _MOST_SHOWN}
    said = [name for name in files if str(Path(name).parent) not in many]
    return ", ".join([*said, *(f"{folder}/ ({inside[folder]} files)" for folder in sorted(many))]) or None
