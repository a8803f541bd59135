"""A PostgreSQL database that batches are written to, through ADBC: rows go in by binary COPY."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import polars as pl

from tenfold.connectors.sinks.again import opened_again
from tenfold.connectors.sinks.protocols import ConnectionLost, Locked, Sink, Transaction, Undone
from tenfold.connectors.sinks.table import Column, Holds, TableName, quoted
from tenfold.foundation.errors import InputError, StoreError, TenfoldError
from tenfold.foundation.optional import require

_PURPOSE = "Writing to PostgreSQL"
_LONGEST_NAME_BYTES = 63
# One key among all advisory locks of a database: 'tenfold' in ASCII.
_ALONE = 0x74656E666F6C64
_SETTINGS = (
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET lock_timeout = '20s'",
    "SET TIME ZONE 'UTC'",
)
_LOCK_NOT_AVAILABLE = "55P03"
# A deadlock, and a conflict of transactions that must look as if they came one after the other.
_GAVE_WAY = {"40P01", "40001"}
_TYPES: dict[Holds, str] = {
    "text": "text", "integer": "bigint", "number": "double precision", "truth": "boolean", "day": "date",
    "moment": "timestamp with time zone", "local moment": "timestamp without time zone",
}  # fmt: skip


def open_postgresql(address: str, *, shown: str) -> Sink:
    """Connect to a database.

    Parameters
    ----------
    address : str
        ``postgresql://...`` with its secrets resolved.

    Raises
    ------
    StoreError
        When the server cannot be reached or refuses.
    InputError
        When no schema is there to make tables in.
    """
    connection = PostgresqlConnection(address, shown)
    try:
        with connection.writing() as transaction:
            schema = transaction.ask("SELECT current_schema()")[0][0]
        if schema is None:
            raise InputError(f"{shown} has no schema on its search path: write --table SCHEMA.NAME")
    except TenfoldError:
        connection.close()
        raise
    return Sink(
        connection=connection,
        catalogue=PostgresqlCatalogue(),
        sessions=PostgresqlSessions(),
        shown=shown,
        schema=str(schema),
    )


class PostgresqlConnection:
    """`Connection` to a server."""

    def __init__(self, address: str, shown: str):
        self._driver: Any = require("adbc_driver_postgresql.dbapi", extra="postgres", purpose=_PURPOSE)
        self._errors: Any = require("adbc_driver_manager", extra="postgres", purpose=_PURPOSE)
        self._address = address
        self._shown = shown
        self._connection = self._open()

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[Transaction]:
        try:
            try:
                transaction = PostgresqlTransaction(self._connection)
                if alone:
                    transaction.ask("SELECT pg_advisory_xact_lock($1)::text", (_ALONE,))
                yield transaction
                self._connection.commit()
            except BaseException:
                # A connection that is gone takes its transaction with it.
                with suppress(self._errors.Error):
                    self._connection.rollback()
                raise
        except self._errors.Error as error:
            # The driver's own error may quote the address with its password: it is not passed on.
            raise self._explained(error) from None

    def reopen(self) -> None:
        self._connection = opened_again(self.close, self._open)

    def close(self) -> None:
        with suppress(self._errors.Error):
            self._connection.close()

    def _open(self) -> Any:
        try:
            connection = self._driver.connect(self._address)
            try:
                with closing(connection.cursor()) as cursor:
                    for setting in _SETTINGS:
                        cursor.execute(setting)
                connection.commit()
            except BaseException:
                with suppress(self._errors.Error):
                    connection.close()
                raise
        except self._errors.Error as error:
            raise self._explained(error) from None
        return connection

    def _explained(self, error: Any) -> StoreError:
        said = self._said(str(error))
        state = error.sqlstate or ""
        if state == _LOCK_NOT_AVAILABLE:
            return Locked(
                f"{self._shown}: another session's open transaction holds the job or its table; "
                "wait for it or end it, then run the command again"
            )
        if state in _GAVE_WAY:
            return Undone(
                f"{self._shown} undid a chunk for the sake of another session, again and again ({said}); see what "
                "else writes to the table or to tenfold_jobs, and run the command again to go on"
            )
        # Class 08 is the connection; 57P is an administrator who ends sessions; without a state the library itself
        # speaks, of an input or output that failed.
        if state.startswith(("08", "57P")) or (not state and error.status_code == self._errors.AdbcStatusCode.IO):
            return ConnectionLost(f"{self._shown} cannot be reached: {said}; run the command again to go on")
        return StoreError(f"{self._shown} cannot be written to: {said}; nothing that was finished is lost")

    def _said(self, message: str) -> str:
        """Return the first line of what the driver says, without anything secret."""
        line = next((line.strip() for line in message.splitlines() if line.strip()), "unknown reason")
        line = line.split("[libpq] ", 1)[-1].replace(self._address, "the address")
        for secret in _secrets(self._address):
            line = line.replace(secret, "***")
        return line.rstrip(".")


def _secrets(address: str) -> set[str]:
    """Return what of an address must not be shown, as it is written and as it is meant."""
    try:
        parts = urlsplit(address)
        given = [parts.password or "", *(value for name, value in parse_qsl(parts.query) if "pass" in name)]
    except ValueError:
        # Not an address that can be taken apart: all of it is hidden instead.
        given = [address.partition("://")[2]]
    return {form for secret in given for form in (secret, unquote(secret)) if form}


class PostgresqlTransaction:
    """`Transaction` of a server."""

    def __init__(self, connection: Any):
        self._connection = connection

    def run(self, statement: str, values: Sequence[str | int] = ()) -> None:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(statement, tuple(values) or None)

    def ask(self, statement: str, values: Sequence[str | int] = ()) -> list[tuple[Any, ...]]:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(statement, tuple(values) or None)
            return [tuple(row) for row in cursor.fetchall()]

    def change(self, statement: str, values: Sequence[str | int] = ()) -> int:
        return len(self.ask(f"{statement} RETURNING 1", values))

    def append(self, table: TableName, rows: pl.DataFrame) -> None:
        with closing(self._connection.cursor()) as cursor:
            cursor.adbc_ingest(table.name, rows.to_arrow(), mode="append", db_schema_name=table.schema)


class PostgresqlCatalogue:
    """`Catalogue` of a server."""

    def type_of(self, column: Column, *, in_key: bool) -> str:
        del in_key
        return _TYPES[column.holds]

    def to_add(self, table: TableName, column: str) -> str:
        return f"ALTER TABLE {table.quoted} ADD COLUMN {quoted(column)} text NOT NULL DEFAULT ''"

    def name_of(self, transaction: Transaction, name: str) -> str:
        del transaction
        return name

    def described(self, transaction: Transaction, table: TableName) -> tuple[tuple[str, str, bool], ...] | None:
        found = transaction.ask(
            "SELECT c.oid::bigint, c.relkind::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
            " ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
            (table.schema or "", table.name),
        )
        if not found:
            return None
        number, kind = found[0]
        if kind not in {"r", "p"}:
            raise InputError(f"'{table.shown}' is there already, and is not a table: name another --table")
        rows = transaction.ask(
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), coalesce(a.attnum = ANY (i.indkey), false)"
            " FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_index i"
            " ON i.indrelid = a.attrelid AND i.indisprimary"
            " WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            (number,),
        )
        return tuple((str(name), str(type_), bool(key)) for name, type_, key in rows)

    def refuse_names(self, names: Sequence[str], what: str) -> None:
        for name in names:
            if len(name.encode()) > _LONGEST_NAME_BYTES:
                raise InputError(
                    f"PostgreSQL would cut the {what} '{name[:40]}…' off after {_LONGEST_NAME_BYTES} bytes: rename it"
                )


class PostgresqlSessions:
    """`Sessions` of a server, named by process number and start, so that a later one is not taken for an earlier."""

    def own(self, transaction: Transaction) -> str:
        rows = transaction.ask(
            "SELECT pid::text || ' ' || coalesce(extract(epoch FROM backend_start)::text, '')"
            " FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        )
        return str(rows[0][0])

    def lives(self, transaction: Transaction, session: str) -> bool:
        number, _, start = session.partition(" ")
        # Who may not see another's session sees it without its start: then it may be the one.
        rows = transaction.ask(
            "SELECT 1 FROM pg_stat_activity WHERE pid::text = $1"
            " AND coalesce(extract(epoch FROM backend_start)::text, $2) = $2",
            (number, start),
        )
        return bool(rows)

    def end(self, transaction: Transaction, session: str) -> bool:
        number, _, start = session.partition(" ")
        # Waits for up to ten seconds until the session is gone.
        rows = transaction.ask(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid::text = $1"
            " AND coalesce(extract(epoch FROM backend_start)::text, '') = $2",
            (number, start),
        )
        return all(bool(done) for (done,) in rows)
