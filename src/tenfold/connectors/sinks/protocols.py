"""What a database must offer so that batches can be written to it; three small protocols and the record of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from tenfold.connectors.sinks.table import Column, TableName
from tenfold.foundation.errors import StoreError


class ConnectionLost(StoreError):
    """The connection broke: whether the last transaction was committed is not known."""


class Locked(StoreError):
    """Somebody else's open transaction holds what this one needs, and does not let go."""


class Undone(StoreError):
    """The database undid the transaction for another one's sake, a deadlock's mostly: doing it again may succeed."""


class Transaction(Protocol):
    """One open transaction. Values stand where a statement says ``$1``, ``$2``, ..."""

    def run(self, statement: str, values: Sequence[str | int] = ()) -> None:
        """Do a statement that gives no rows."""
        ...

    def ask(self, statement: str, values: Sequence[str | int] = ()) -> list[tuple[Any, ...]]:
        """Do a statement and return all its rows."""
        ...

    def change(self, statement: str, values: Sequence[str | int] = ()) -> int:
        """Do an UPDATE and return how many rows its condition met."""
        ...

    def append(self, table: TableName, rows: pl.DataFrame) -> None:
        """Add rows whose columns are called as the table's and have the types that `storable` gives."""
        ...


class Connection(Protocol):
    """A connection that can be opened again."""

    def writing(self, *, alone: bool = False) -> AbstractContextManager[Transaction]:
        """Open a transaction: committed and durable when the block ends, undone when it raises.

        Parameters
        ----------
        alone : bool
            No other such transaction of anybody runs at the same time.

        Raises
        ------
        ConnectionLost
            When it cannot be known what became of the transaction.
        Locked
            When the database does not become free.
        Undone
            When it gave way to another transaction.
        StoreError
            When the database refuses; nothing of the transaction is left.
        """
        ...

    def reopen(self) -> None:
        """Close what is left of the connection and open a new one; ConnectionLost when that stays in vain."""
        ...

    def close(self) -> None:
        """Close the connection, in whatever state it is."""
        ...


class Catalogue(Protocol):
    """How tables are described in this kind of database."""

    def type_of(self, column: Column, *, in_key: bool) -> str:
        """Return the name of the column's type, as this database writes it; ``in_key`` is of the primary key."""
        ...

    def to_add(self, table: TableName, column: str) -> str:
        """Return the statement with which a person adds a column of text; the rows that are there get an empty one."""
        ...

    def name_of(self, transaction: Transaction, name: str) -> str:
        """Return how the table that goes by ``name`` was called when it was made; ``name`` when there is none."""
        ...

    def described(self, transaction: Transaction, table: TableName) -> tuple[tuple[str, str, bool], ...] | None:
        """Return name, type and whether it is in the primary key, of each column; None when there is no such table.

        InputError when something else than a table bears the name.
        """
        ...

    def refuse_names(self, names: Sequence[str], what: str) -> None:
        """Raise InputError when this kind of database would not keep these names as they are."""
        ...


class Sessions(Protocol):
    """Who is connected: how another process tells whether the writer it reads of is still there."""

    def own(self, transaction: Transaction) -> str:
        """Return the name of the session that asks."""
        ...

    def lives(self, transaction: Transaction, session: str) -> bool:
        """Whether the session may still be there."""
        ...

    def end(self, transaction: Transaction, session: str) -> bool:
        """End a session with its open transaction; False when this kind of database cannot."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """A database that batches are written to.

    ``shown`` is how messages name it and never holds a secret; ``schema`` is where tables without one lie.
    """

    connection: Connection
    catalogue: Catalogue
    sessions: Sessions
    shown: str
    schema: str | None = None
