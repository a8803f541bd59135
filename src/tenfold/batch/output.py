"""The kinds of output that appear whole: how a chunk of each is kept, and how the whole is made of the chunks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tenfold.foundation.errors import InputError

if TYPE_CHECKING:
    from typing import BinaryIO

DELTA = "delta:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How rows are written.

    Attributes
    ----------
    part : callable
        Writes a frame as one chunk.
    whole : callable
        Makes the file of a frame without rows, which has all columns, and of the chunks' files.
    """

    part: Callable[[pl.DataFrame, BinaryIO], None]
    whole: Callable[[Path, pl.DataFrame, Iterable[Path]], None]


def kind_of(output: Path) -> Kind:
    """Return the kind that the file's ending names.

    Raises
    ------
    InputError
        When the ending is not known, or there is no such folder.
    """
    if output.suffix.lower() not in _KINDS:
        raise InputError(
            f"'{output.name}' does not say in which format to write: end its name with {', '.join(_KINDS)}"
        )
    check_folder(output)
    return _KINDS[output.suffix.lower()]


def check_folder(output: Path) -> None:
    """Raise InputError when there is no folder for an output."""
    if not output.parent.is_dir():
        raise InputError(f"the folder '{output.parent}' for the output does not exist: make it first")


def write_part(kind: Kind, frame: pl.DataFrame, path: Path) -> None:
    """Write a chunk; its bytes are on the disk when this returns."""
    with path.open("wb") as stream:
        kind.part(frame, stream)
        stream.flush()
        os.fsync(stream.fileno())


def batches(paths: Iterable[Path]) -> Iterator[Any]:
    """Yield the record batches of chunks that `ARROW` wrote, in their order, without reading them all at once."""
    import pyarrow

    for path in paths:
        with pyarrow.memory_map(str(path)) as source:
            yield from pyarrow.ipc.open_file(source).read_all().to_batches()


def _csv_part(frame: pl.DataFrame, stream: BinaryIO) -> None:
    frame.write_csv(stream, include_header=False)


def _csv_whole(path: Path, empty: pl.DataFrame, chunks: Iterable[Path]) -> None:
    with path.open("wb") as stream:
        empty.write_csv(stream)
        _one_after_another(stream, chunks)


def _json_part(frame: pl.DataFrame, stream: BinaryIO) -> None:
    frame.write_ndjson(stream)


def _json_whole(path: Path, empty: pl.DataFrame, chunks: Iterable[Path]) -> None:
    del empty
    with path.open("wb") as stream:
        _one_after_another(stream, chunks)


def _one_after_another(stream: BinaryIO, chunks: Iterable[Path]) -> None:
    for chunk in chunks:
        with chunk.open("rb") as source:
            shutil.copyfileobj(source, stream, 1 << 20)


def _arrow_part(frame: pl.DataFrame, stream: BinaryIO) -> None:
    import pyarrow

    table = frame.to_arrow()
    options = pyarrow.ipc.IpcWriteOptions(compression="lz4")
    with pyarrow.ipc.new_file(stream, table.schema, options=options) as writer:
        writer.write_table(table)


def _parquet_whole(path: Path, empty: pl.DataFrame, chunks: Iterable[Path]) -> None:
    import pyarrow
    from pyarrow import parquet

    schema = empty.to_arrow().schema
    with path.open("wb") as stream, parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        for batch in batches(chunks):
            writer.write_table(pyarrow.Table.from_batches([batch]).cast(schema))


ARROW = Kind(part=_arrow_part, whole=_parquet_whole)
_KINDS: Mapping[str, Kind] = {
    ".csv": Kind(part=_csv_part, whole=_csv_whole),
    ".parquet": ARROW,
    ".jsonl": Kind(part=_json_part, whole=_json_whole),
}
