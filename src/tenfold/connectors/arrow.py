"""Tables of Arrow's own formats: the IPC file (Feather), and the IPC stream."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tenfold.foundation.errors import DataError

FILE_MAGIC = b"ARROW1"
STREAM_MAGIC = b"\xff\xff\xff\xff"
_FIRST_FEATHER = b"FEA1"


def scan_arrow(path: Path, *, shown: str, workdir: Path) -> pl.LazyFrame:
    """Return the rows of an Arrow file, or of an Arrow stream that was written to a file.

    Raises
    ------
    DataError
        When the file is neither, or damaged.
    """
    with path.open("rb") as stream:
        start = stream.read(len(FILE_MAGIC))
    if start.startswith(_FIRST_FEATHER):
        raise DataError(f"{shown} is of the first version of Feather, which is not read; write it again as Arrow")
    try:
        rows = (
            pl.scan_ipc(path, glob=False) if start == FILE_MAGIC else _unrolled(path, workdir / f"{path.name}.parquet")
        )
        rows.collect_schema()
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        # pyarrow's own errors are ValueErrors.
        raise DataError(f"{shown} is not an Arrow file, or damaged ({str(error).splitlines()[0]})") from error
    return rows


def _unrolled(path: Path, into: Path) -> pl.LazyFrame:
    """Return the rows of a stream, batch by batch through a file: a stream cannot be read from the middle."""
    import pyarrow
    from pyarrow import parquet

    with (
        pyarrow.OSFile(str(path)) as source,
        pyarrow.ipc.open_stream(source) as reader,
        parquet.ParquetWriter(into, reader.schema) as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)
    return pl.scan_parquet(into)
