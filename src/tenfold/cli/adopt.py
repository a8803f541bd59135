"""``tenfold import``: a model from elsewhere, under the same requirements."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenfold.cli.command import Command, Document, Reply
from tenfold.cli.options import HERE, AsJson, ProjectPath
from tenfold.cli.run import show_metrics, show_requirements
from tenfold.cli.table import heading, pairs, suggest

if TYPE_CHECKING:
    from rich.console import Console


def adopt(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A model: of LightGBM, XGBoost, CatBoost, ONNX, skops or MLflow.")
    ],
    *,
    signature: Annotated[
        Path | None, typer.Option("--signature", metavar="FILE", help="JSON with the model's inputs, in its order.")
    ] = None,
    sample: Annotated[
        str | None, typer.Option("--sample", metavar="DATA", help="A table with the model's columns, in its order.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option("--classes", help="The model's classes in its own order: a,b,c.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="From which probability the positive class is decided.")
    ] = None,
    project: ProjectPath = HERE,
    as_json: AsJson = False,
) -> Command:
    """Register a model from elsewhere as a version, judged on the project's sealed rows.

    Exits with 1 when a requirement that must hold does not.
    """
    if signature is not None and sample is not None:
        raise typer.BadParameter("--signature says it already; keep one", param_hint="'--sample'")

    def work() -> Reply:
        from tenfold.project.adopt import Adoption
        from tenfold.project.open import open_project

        adoption = Adoption(
            path=path,
            signature=signature,
            sample=sample,
            classes=() if classes is None else tuple(name.strip() for name in classes.split(",")),
            threshold=threshold,
        )
        report = open_project(project).adopt(adoption)
        return Reply(document=report.document(), ok=report.ok, show=show_adopted)

    return Command(work=work, as_json=as_json)


def show_adopted(document: Document, console: Console) -> None:
    """Print what the import came to."""
    model = document.get("model") or {}
    heading(console, str(model.get("ref", "")), verdict=str(document.get("status", "")))
    threshold = document.get("threshold") or {}
    pairs(
        console,
        (
            ("from", document.get("kind")),
            ("task", document.get("task")),
            ("reads", f"{len(document.get('inputs') or [])} columns"),
            ("threshold", threshold.get("value")),
            ("because", threshold.get("reason")),
            ("proven on", _proven(document["proof"])),
            ("run", document.get("run")),
        ),
    )
    show_requirements(document, console)
    show_metrics(document, console)
    for finding in document.get("findings") or []:
        console.print(f"note: {finding}", highlight=False)
    suggest(console, (f"tenfold model promote {shlex.quote(str(model.get('ref', '')))}",))


def _proven(proof: Document) -> str:
    return f"{proof['rows']} hard rows; greatest difference {proof['greatest_difference']:.1e}"
