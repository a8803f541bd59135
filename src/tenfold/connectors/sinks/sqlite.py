"""An SQLite file that batches are written to."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import polars as pl

from tenfold.connectors.sinks.protocols import Locked, Sink, Transaction
from tenfold.connectors.sinks.table import Column, Holds, TableName, quoted
from tenfold.foundation.errors import InputError, StoreError

# As long as a writer of a large transaction may take.
_BUSY_SECONDS = 30.0
_MARK = re.compile(r"\$(\d+)")
_TYPES: dict[Holds, str] = {
    "text": "TEXT", "integer": "INTEGER", "number": "REAL", "truth": "INTEGER", "day": "TEXT", "moment": "TEXT",
    "local moment": "TEXT",
}  # fmt: skip


def open_sqlite(path: Path, *, shown: str) -> Sink:
    """Open the file, which is made when the first transaction writes to it.

    Raises
    ------
    InputError
        When the path is a folder or lies in none.
    """
    if path.is_dir() or not path.parent.is_dir():
        wrong = "is a folder" if path.is_dir() else f"lies in '{path.parent}', which does not exist: make it first"
        raise InputError(f"{shown} cannot be a database: '{path}' {wrong}")
    connection = SqliteConnection(path.resolve(), shown)
    return Sink(connection=connection, catalogue=SqliteCatalogue(), sessions=SqliteSessions(), shown=shown)


class SqliteConnection:
    """`Connection` to a file. The journal's mode is left as whoever made the file has chosen it."""

    def __init__(self, path: Path, shown: str):
        self._path = path
        self._shown = shown
        self._connection = self._open()

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[Transaction]:
        del alone  # every transaction that writes to an SQLite file is alone
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield SqliteTransaction(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                # Where the error itself undid the transaction, there is none left to undo.
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def reopen(self) -> None:
        self.close()
        self._connection = self._open()

    def close(self) -> None:
        self._connection.close()

    def _open(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            # A row that was reported as written must survive a power cut, whatever the library was built with.
            connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            raise self._explained(error) from error
        return connection

    def _explained(self, error: sqlite3.Error) -> StoreError | InputError:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return Locked(
                f"{self._shown} did not become free for {_BUSY_SECONDS:.0f} s: another program is in the middle of "
                "writing to it, or reading for long; wait for it or end it, then run the command again"
            )
        if name.startswith("SQLITE_NOTADB"):
            return InputError(f"'{self._path}' is there already and is not an SQLite database: name another file")
        return StoreError(f"{self._shown} cannot be written to: {error}; nothing that was finished is lost")


class SqliteTransaction:
    """`Transaction` of an SQLite file."""

    def __init__(self, connection: sqlite3.Connection):
        self._connection = connection

    def run(self, statement: str, values: Sequence[str | int] = ()) -> None:
        self._connection.execute(_MARK.sub(r"?\1", statement), values).close()

    def ask(self, statement: str, values: Sequence[str | int] = ()) -> list[tuple[Any, ...]]:
        with closing(self._connection.execute(_MARK.sub(r"?\1", statement), values)) as cursor:
            return cursor.fetchall()

    def change(self, statement: str, values: Sequence[str | int] = ()) -> int:
        with closing(self._connection.execute(_MARK.sub(r"?\1", statement), values)) as cursor:
            return cursor.rowcount

    def append(self, table: TableName, rows: pl.DataFrame) -> None:
        moments = pl.selectors.temporal()
        columns = rows.with_columns(moments.dt.to_string("iso:strict")).get_columns()
        names = ", ".join(quoted(column.name) for column in columns)
        marks = ", ".join("?" for _ in columns)
        statement = f"INSERT INTO {table.quoted} ({names}) VALUES ({marks})"  # noqa: S608  # names are quoted
        values = zip(*(column.to_list() for column in columns), strict=True)
        self._connection.executemany(statement, values)


class SqliteCatalogue:
    """`Catalogue` of an SQLite file."""

    def type_of(self, column: Column, *, in_key: bool) -> str:
        del in_key
        return _TYPES[column.holds]

    def to_add(self, table: TableName, column: str) -> str:
        return f"ALTER TABLE {table.quoted} ADD COLUMN {quoted(column)} TEXT NOT NULL DEFAULT ''"

    def name_of(self, transaction: Transaction, name: str) -> str:
        rows = transaction.ask("SELECT name FROM sqlite_master WHERE lower(name) = lower($1)", (name,))
        return str(rows[0][0]) if rows else name

    def described(self, transaction: Transaction, table: TableName) -> tuple[tuple[str, str, bool], ...] | None:
        kind = transaction.ask("SELECT type FROM sqlite_master WHERE lower(name) = lower($1)", (table.name,))
        if not kind:
            return None
        if kind[0][0] != "table":
            raise InputError(f"'{table.shown}' is there already, and is a {kind[0][0]}: name another --table")
        rows = transaction.ask("SELECT name, type, pk FROM pragma_table_info($1)", (table.name,))
        return tuple((str(name), str(type_), bool(key)) for name, type_, key in rows)

    def refuse_names(self, names: Sequence[str], what: str) -> None:
        seen: dict[str, str] = {}
        for name in names:
            # SQLite takes ASCII letters of either case for the same.
            twin = seen.setdefault(name.lower(), name)
            if twin is not name:
                raise InputError(f"SQLite takes the {what}s '{twin}' and '{name}' for the same one: rename one")
            if name.lower().startswith("sqlite_") and what == "table":
                raise InputError(f"SQLite keeps names such as '{name}' for itself: name another --table")


class SqliteSessions:
    """`Sessions` of an SQLite file, which knows none: the process alone tells whether the writer is still there."""

    def own(self, transaction: Transaction) -> str:
        del transaction
        return ""

    def lives(self, transaction: Transaction, session: str) -> bool:
        del transaction, session
        return True

    def end(self, transaction: Transaction, session: str) -> bool:
        del transaction, session
        return False
