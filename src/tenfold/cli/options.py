"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
ProjectPath: TypeAlias = Annotated[
    Path, typer.Option("--project", "-p", help="The project's file, or the folder that holds tenfold.yaml.")
]
Table: TypeAlias = Annotated[str | None, typer.Option("--table", help="The table to read, where DATA is a database.")]

HERE = Path("tenfold.yaml")
"""The project of a command that names none."""


def folder_of(project: Path) -> Path:
    """Return the folder of a project that was named by its file or by its folder."""
    return project if project.is_dir() else project.parent
