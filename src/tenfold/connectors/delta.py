"""Delta tables: a folder of Parquet files and the log that says which of them count."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tenfold.foundation.errors import DataError
from tenfold.foundation.optional import require

LOG_FOLDER = "_delta_log"


def is_delta(path: Path) -> bool:
    """Whether a folder holds a Delta table."""
    return (path / LOG_FOLDER).is_dir()


def scan_delta(path: Path, *, shown: str) -> tuple[pl.LazyFrame, dict[str, str]]:
    """Return the rows of the newest version of a Delta table, file by file as its log lists them.

    The version is recorded. A commit that was cut short, by a full disk or a lost machine, is an empty file, and the
    library would take it for a commit that changes nothing: it is refused.

    Raises
    ------
    DataError
        When the folder holds no Delta table, or one that is damaged.
    """
    deltalake = require("deltalake", extra="delta", purpose="Reading Delta")
    errors = require("deltalake.exceptions", extra="delta", purpose="Reading Delta")
    torn = [entry.name for entry in sorted((path / LOG_FOLDER).glob("*.json")) if not entry.read_bytes().strip()]
    if torn:
        raise DataError(f"{shown} is damaged: its commit {torn[0]} is empty; restore that file, or the table")
    try:
        table = deltalake.DeltaTable(str(path))
        version = int(table.version())
        rows = pl.scan_delta(table)
        rows.collect_schema()
    except (errors.DeltaError, pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{shown} is not a Delta table, or damaged ({str(error).splitlines()[0]})") from error
    return rows, {"version": str(version)}
