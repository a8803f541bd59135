"""From what the user wrote as output to a database that batches are written to."""

from __future__ import annotations

from pathlib import Path

from tenfold.connectors.request import MYSQL, POSTGRESQL
from tenfold.connectors.sinks.protocols import Sink
from tenfold.connectors.sinks.table import TableName
from tenfold.foundation.errors import InputError

SQLITE = "sqlite:"


def is_database(location: str) -> bool:
    """Whether an output, its variables resolved, names a database and not a file of predictions."""
    return location.startswith((SQLITE, *POSTGRESQL, *MYSQL))


def open_sink(location: str, *, shown: str) -> Sink:
    """Open the database at ``sqlite:PATH``, ``postgresql://...`` or ``mysql://...`` (``mariadb://...``).

    Parameters
    ----------
    location : str
        With its secrets resolved.
    shown : str
        How messages and records name it.

    Raises
    ------
    InputError
        When it is none, or the path cannot be a database.
    StoreError
        When the server cannot be reached.
    """
    if location.startswith(POSTGRESQL):
        from tenfold.connectors.sinks.postgresql import open_postgresql

        return open_postgresql(location, shown=shown)
    if location.startswith(MYSQL):
        from tenfold.connectors.sinks.mysql import open_mysql

        return open_mysql(location, shown=shown)
    if not location.startswith(SQLITE):
        raise InputError(f"{shown} is not a database: write sqlite:PATH, postgresql://… or mysql://…")
    from tenfold.connectors.sinks.sqlite import open_sqlite

    # sqlite:///PATH is how other tools write it.
    path = location.removeprefix(SQLITE).removeprefix("///")
    if not path or path.startswith("//"):
        raise InputError(f"{shown} names no file: write sqlite:PATH, such as sqlite:scores.db")
    return open_sqlite(Path(path), shown=shown)


def table_in(sink: Sink, name: str) -> TableName:
    """Return the table that the user calls ``name``: ``table``, or ``schema.table`` in PostgreSQL.

    Raises
    ------
    InputError
        When that cannot be a table's name there.
    """
    parts = name.split(".") if sink.schema is not None else [name]
    if not all(parts) or len(parts) > 2:
        raise InputError(f"'{name}' cannot name a table: write --table NAME or, in PostgreSQL, SCHEMA.NAME")
    if any("\0" in part for part in parts):
        raise InputError("a table's name cannot hold a null byte")
    sink.catalogue.refuse_names((parts[-1],), "table")
    with sink.connection.writing() as transaction:
        # SQLite knows a table by its name in any case: jobs are kept under the name with which it was made.
        known = sink.catalogue.name_of(transaction, parts[-1])
    return TableName(name=known, schema=parts[0] if len(parts) == 2 else sink.schema)
