"""Predictions written chunk by chunk to a file that appears only when it is whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tenfold.foundation.errors import InputError
from tenfold.store.files.process import is_alive, this_process

if TYPE_CHECKING:
    from typing import BinaryIO

_UNFINISHED = ".unfinished"

Write = Callable[["BinaryIO", Iterable[pl.DataFrame]], None]


def write_whole(output: Path, frames: Iterable[pl.DataFrame]) -> None:
    """Write frames, one after the other, to ``output``; a reader sees the old file or the whole new one.

    A process that is killed leaves its unfinished file beside the output; the next one that writes there removes it.

    Parameters
    ----------
    output : Path
        Ends with ``.csv``, ``.parquet`` or ``.jsonl``.
    frames : iterable of DataFrame
        At least one, all with the same columns.

    Raises
    ------
    InputError
        When the ending is another one, or the folder does not exist.
    """
    write = writer_for(output)
    _remove_leftovers(output)
    unfinished = output.with_name(f".{output.name}.{this_process()}{_UNFINISHED}")
    try:
        with unfinished.open("wb") as stream:
            write(stream, frames)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)


def writer_for(output: Path) -> Write:
    """Return what writes the format that the file's ending names.

    Raises
    ------
    InputError
        When the ending is not known, or there is no such folder.
    """
    if output.suffix.lower() not in _WRITERS:
        raise InputError(
            f"'{output.name}' does not say in which format to write: end its name with {', '.join(_WRITERS)}"
        )
    if not output.parent.is_dir():
        raise InputError(f"the folder '{output.parent}' for the output does not exist: make it first")
    return _WRITERS[output.suffix.lower()]


def _remove_leftovers(output: Path) -> None:
    """Remove what dead processes of this machine left of the same output; a living one's file is not touched."""
    start = f".{output.name}."
    for path in output.parent.iterdir():
        if path.name.startswith(start) and path.name.endswith(_UNFINISHED):
            owner = path.name.removeprefix(start).removesuffix(_UNFINISHED)
            if owner.count(":") == 2 and not is_alive(owner):
                path.unlink(missing_ok=True)


def _csv(stream: BinaryIO, frames: Iterable[pl.DataFrame]) -> None:
    for number, frame in enumerate(frames):
        frame.write_csv(stream, include_header=number == 0)


def _json_lines(stream: BinaryIO, frames: Iterable[pl.DataFrame]) -> None:
    for frame in frames:
        frame.write_ndjson(stream)


def _parquet(stream: BinaryIO, frames: Iterable[pl.DataFrame]) -> None:
    import pyarrow.parquet

    writer = None
    try:
        for frame in frames:
            table = frame.to_arrow()
            if writer is None:
                writer = pyarrow.parquet.ParquetWriter(stream, table.schema, compression="zstd")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


_WRITERS: Mapping[str, Write] = {".csv": _csv, ".parquet": _parquet, ".jsonl": _json_lines}
