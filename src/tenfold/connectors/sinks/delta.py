"""A Delta table that a batch is added to: all rows of a job in one commit, or none."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tenfold.connectors.delta import LOG_FOLDER, is_delta
from tenfold.foundation.errors import InputError, StoreError
from tenfold.foundation.optional import require

_PURPOSE = "Writing to Delta"
_APPLICATION = "tenfold/"
_ROWS = "tenfold_rows"


class DeltaSink:
    """A folder that is a Delta table, or becomes one.

    Each job is an application of Delta's protocol: the commit that adds its rows says that it did. Who asks before it
    adds them, adds them once; of two who ask at the same time, Delta refuses the second commit.

    Parameters
    ----------
    folder : Path
        The table's folder, on a disk of this machine.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._delta: Any = require("deltalake", extra="delta", purpose=_PURPOSE)
        self._errors: Any = require("deltalake.exceptions", extra="delta", purpose=_PURPOSE)
        if folder.exists() and not is_delta(folder) and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"'{folder}' is there already, and is not a Delta table: name another folder")

    def holds(self, job: str) -> bool:
        """Whether the table has the job's rows."""
        table = self._table()
        return table is not None and table.transaction_version(_APPLICATION + job) is not None

    def rows(self, job: str) -> int:
        """Return how many rows of the job were added, as its commit says."""
        table = self._table()
        commits = [] if table is None else table.history()
        found = [commit for commit in commits if commit.get("tenfold_job") == job]
        return int(found[0][_ROWS]) if found else 0

    def check(self, empty: pl.DataFrame) -> None:
        """Raise InputError when the table has other columns than the frame."""
        import pyarrow

        table, schema = self._table(), _schema(empty)
        if table is None:
            return
        there = {field.name: str(field.type) for field in pyarrow.schema(table.schema().to_arrow())}
        wanted = {field.name: _stored(str(field.type)) for field in schema}
        there = {name: _stored(type_) for name, type_ in there.items()}
        if there == wanted:
            return
        lacks = [name for name in wanted if name not in there]
        extra = [name for name in there if name not in wanted]
        other = [name for name in wanted if name in there and there[name] != wanted[name]]
        if lacks:
            wrong = f"it lacks the column '{lacks[0]}'"
        elif extra:
            wrong = f"it has the column '{extra[0]}', which nothing would fill"
        else:
            wrong = f"its column '{other[0]}' is {there[other[0]]}, where {wanted[other[0]]} is needed"
        raise InputError(
            f"the Delta table '{self.folder}' is not one that these predictions can be added to: {wrong}; "
            "name another folder, in which a table is then made"
        )

    def append(self, job: str, empty: pl.DataFrame, chunks: Sequence[Path], *, rows: int) -> None:
        """Add a job's rows in one commit; it is on the disk when this returns.

        Parameters
        ----------
        empty : DataFrame
            The columns, without a row.
        chunks : sequence of Path
            Files of Arrow's IPC format with the rows, in their order.

        Raises
        ------
        InputError
            When the table has other columns.
        StoreError
            When it cannot be written to.
        """
        import pyarrow

        self.check(empty)
        schema = _schema(empty)
        table = self._table()
        reader = pyarrow.RecordBatchReader.from_batches(schema, _cast(chunks, schema))
        known = set() if table is None else set(table.file_uris())
        properties = self._delta.CommitProperties(
            app_transactions=[self._delta.Transaction(_APPLICATION + job, 1)],
            custom_metadata={"tenfold_job": job, _ROWS: str(rows)},
        )
        try:
            self._delta.write_deltalake(
                self.folder if table is None else table, reader, mode="append", commit_properties=properties
            )
        except (self._errors.DeltaError, OSError) as error:
            said = str(error).splitlines()[0]
            raise StoreError(
                f"the Delta table '{self.folder}' cannot be written to: {said}; none of the job's rows are in it, and "
                "what is scored is kept: run the command again"
            ) from error
        self._flush(known)

    def _table(self) -> Any:
        """Return the table as it is now; None when there is none yet."""
        if not is_delta(self.folder):
            return None
        torn = [path.name for path in sorted((self.folder / LOG_FOLDER).glob("*.json")) if not path.stat().st_size]
        if torn:
            raise StoreError(f"the Delta table '{self.folder}' is damaged: its commit {torn[0]} is empty")
        try:
            return self._delta.DeltaTable(str(self.folder))
        except (self._errors.DeltaError, OSError) as error:
            raise StoreError(f"the Delta table '{self.folder}' cannot be read: {str(error).splitlines()[0]}") from error

    def _flush(self, known: set[str]) -> None:
        """Bring the newest commit and the files that it names to the disk: the library leaves that to the system."""
        table = self._delta.DeltaTable(str(self.folder))
        log = self.folder / LOG_FOLDER
        added = [Path(uri.removeprefix("file://")) for uri in set(table.file_uris()) - known]
        for path in (*added, log / f"{table.version():020d}.json", log, self.folder, self.folder.parent):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _schema(frame: pl.DataFrame) -> Any:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest()).schema


def _cast(chunks: Sequence[Path], schema: Any) -> Iterator[Any]:
    import pyarrow

    for path in chunks:
        with pyarrow.memory_map(str(path)) as source:
            for batch in pyarrow.ipc.open_file(source).read_all().to_batches():
                yield from pyarrow.Table.from_batches([batch]).cast(schema).to_batches()


def _stored(type_: str) -> str:
    """Return how a type is told: Delta has one kind of text, and one kind of time."""
    return {"large_string": "string", "string_view": "string"}.get(type_, type_)
