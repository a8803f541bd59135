"""A MySQL or MariaDB database that batches are written to."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import polars as pl

from tenfold.connectors.sinks.again import opened_again
from tenfold.connectors.sinks.protocols import ConnectionLost, Locked, Sink, Transaction, Undone
from tenfold.connectors.sinks.table import Column, Holds, TableName, quoted
from tenfold.foundation.errors import DataError, InputError, StoreError
from tenfold.foundation.optional import require

_PURPOSE = "Writing to MySQL"
_LONGEST_NAME = 64
_SILENCE_SECONDS = 60
_LOCK_SECONDS = 20
_END_SECONDS = 10
# One lock of the server for all that Tenfold does alone; and one of each session, by which others see that it lives.
_ALONE, _SESSION = "tenfold", "tenfold session "
_SETTINGS = (
    # Names in double quotes, no value that is cut or bent to fit, and a backslash that is nothing else.
    "SET SESSION sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES,NO_ZERO_DATE,NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    f"SET SESSION innodb_lock_wait_timeout = {_LOCK_SECONDS}",
    f"SET SESSION lock_wait_timeout = {_LOCK_SECONDS}",
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION default_storage_engine = InnoDB",
)
_MARK = re.compile(r"\$(\d+)")
_WIDTH = re.compile(r"^(bigint|tinyint)\(\d+\)")
_WORDS = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
_KEY_TYPE = f"varchar(191) {_WORDS}"
_TYPES: dict[Holds, str] = {
    "text": f"longtext {_WORDS}", "integer": "bigint", "number": "double", "truth": "tinyint", "day": "date",
    "moment": "datetime(6)", "local moment": "datetime(6)",
}  # fmt: skip
# Server gone, lost in the middle, shutting down, killed, no connection to be had.
_LOST = {0, 1053, 1927, 2002, 2003, 2006, 2013, 2014, 2055, 4031}
_NO_SERVER = 2002
_DEADLOCK, _LOCK_TIMEOUT = 1213, 1205
_NO_SUCH_SESSION = 1094


def open_mysql(address: str, *, shown: str) -> Sink:
    """Connect to a database.

    Parameters
    ----------
    address : str
        ``mysql://USER:PASSWORD@HOST:PORT/DATABASE``, also ``mariadb://``, with its secrets resolved;
        ``?unix_socket=/path`` where there is one.

    Raises
    ------
    StoreError
        When the server cannot be reached or refuses.
    InputError
        When the address names no database.
    """
    if not urlsplit(address).path.strip("/"):
        raise InputError(f"{shown} names no database: write mysql://USER:PASSWORD@HOST/DATABASE")
    return Sink(
        connection=MysqlConnection(address, shown),
        catalogue=MysqlCatalogue(),
        sessions=MysqlSessions(),
        shown=shown,
    )


class MysqlConnection:
    """`Connection` to a server."""

    def __init__(self, address: str, shown: str):
        self._driver: Any = require("pymysql", extra="mysql", purpose=_PURPOSE)
        self._flags: Any = require("pymysql.constants.CLIENT", extra="mysql", purpose=_PURPOSE)
        self._address = address
        self._shown = shown
        self._connection = self._open()

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[Transaction]:
        try:
            transaction = MysqlTransaction(self._connection)
            # Making a table ends a transaction here: what is done alone is guarded by a lock of the session instead.
            if alone and transaction.ask("SELECT GET_LOCK($1, $2)", (_ALONE, _LOCK_SECONDS)) != [(1,)]:
                raise self._locked()
            try:
                self._connection.begin()
                try:
                    yield transaction
                    self._connection.commit()
                except BaseException:
                    # A connection that is gone takes its transaction with it.
                    with suppress(self._driver.MySQLError):
                        self._connection.rollback()
                    raise
            finally:
                if alone:
                    with suppress(self._driver.MySQLError):
                        transaction.ask("SELECT RELEASE_LOCK($1)", (_ALONE,))
        except self._driver.MySQLError as error:
            raise self._explained(error) from None

    def reopen(self) -> None:
        self._connection = opened_again(self.close, self._open)

    def close(self) -> None:
        with suppress(self._driver.MySQLError):
            self._connection.close()

    def _open(self) -> Any:
        parts = urlsplit(self._address)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items() if name == "unix_socket"}
        try:
            if "unix_socket" in options:
                self._knock(options["unix_socket"])
            connection = self._driver.connect(
                host=parts.hostname or "localhost",
                port=parts.port or 3306,
                user=unquote(parts.username or ""),
                password=unquote(parts.password or ""),
                database=unquote(parts.path.strip("/")),
                charset="utf8mb4",
                connect_timeout=_SILENCE_SECONDS,
                read_timeout=_SILENCE_SECONDS,
                write_timeout=_SILENCE_SECONDS,
                # An UPDATE counts the rows that it found, not those that it left as they were.
                client_flag=self._flags.FOUND_ROWS,
                **options,
            )
            try:
                with closing(connection.cursor()) as cursor:
                    for setting in _SETTINGS:
                        cursor.execute(setting)
                    session = secrets.token_hex(16)
                    cursor.execute("SELECT GET_LOCK(%s, 0)", (_SESSION + session,))
                    cursor.execute("SET @tenfold_session = %s", (session,))
            except BaseException:
                with suppress(self._driver.MySQLError):
                    connection.close()
                raise
        except (self._driver.MySQLError, ValueError) as error:
            raise self._explained(error) from None
        return connection

    def _knock(self, path: str) -> None:
        """Raise the driver's error where nobody listens: the driver itself would leave its socket open."""
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
            try:
                probe.settimeout(_SILENCE_SECONDS)
                probe.connect(path)
            except OSError as error:
                raise self._driver.OperationalError(_NO_SERVER, f"nobody listens on '{path}' ({error})") from error

    def _locked(self) -> Locked:
        return Locked(
            f"{self._shown}: another session's open transaction holds the job or its table; "
            "wait for it or end it, then run the command again"
        )

    def _explained(self, error: Exception) -> StoreError:
        code = error.args[0] if error.args and isinstance(error.args[0], int) else -1
        said = self._said(str(error.args[-1]) if error.args else "unknown reason")
        if code == _LOCK_TIMEOUT:
            return self._locked()
        if code == _DEADLOCK:
            return Undone(
                f"{self._shown} undid a chunk for the sake of another session, again and again ({said}); see what "
                "else writes to the table or to tenfold_jobs, and run the command again to go on"
            )
        if code in _LOST:
            return ConnectionLost(f"{self._shown} cannot be reached: {said}; run the command again to go on")
        return StoreError(f"{self._shown} cannot be written to: {said}; nothing that was finished is lost")

    def _said(self, message: str) -> str:
        """Return the first line of what the driver says, without anything secret."""
        line = next((line.strip() for line in message.splitlines() if line.strip()), "the connection was lost")
        line = line.replace(self._address, "the address")
        with suppress(ValueError):
            password = urlsplit(self._address).password
            if password:
                line = line.replace(password, "***").replace(unquote(password), "***")
        return line.rstrip(".")


class MysqlTransaction:
    """`Transaction` of a server."""

    def __init__(self, connection: Any):
        self._connection = connection

    def run(self, statement: str, values: Sequence[str | int] = ()) -> None:
        self.change(statement, values)

    def ask(self, statement: str, values: Sequence[str | int] = ()) -> list[tuple[Any, ...]]:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(*_bound(statement, values))
            return [tuple(row) for row in cursor.fetchall()]

    def change(self, statement: str, values: Sequence[str | int] = ()) -> int:
        with closing(self._connection.cursor()) as cursor:
            return int(cursor.execute(*_bound(statement, values)))

    def append(self, table: TableName, rows: pl.DataFrame) -> None:
        for column in rows.select(pl.selectors.float()).get_columns():
            if column.is_infinite().any():
                row = int(column.is_infinite().arg_max() or 0) + 1
                raise DataError(f"row {row} of a chunk has an infinite '{column.name}', which MySQL cannot keep")
        zoned = [name for name, dtype in rows.schema.items() if isinstance(dtype, pl.Datetime) and dtype.time_zone]
        columns = rows.with_columns(pl.col(zoned).dt.replace_time_zone(None)).get_columns()
        names = ", ".join(quoted(column.name) for column in columns).replace("%", "%%")
        marks = ", ".join("%s" for _ in columns)
        place = table.quoted.replace("%", "%%")
        statement = f"INSERT INTO {place} ({names}) VALUES ({marks})"  # noqa: S608  # names are quoted
        with closing(self._connection.cursor()) as cursor:
            # The driver sends as many rows in one statement as its longest statement holds.
            cursor.executemany(statement, list(zip(*(column.to_list() for column in columns), strict=True)))


class MysqlCatalogue:
    """`Catalogue` of a server."""

    def type_of(self, column: Column, *, in_key: bool) -> str:
        return _KEY_TYPE if in_key and column.holds == "text" else _TYPES[column.holds]

    def to_add(self, table: TableName, column: str) -> str:
        # Without a DEFAULT, which older servers refuse for such a type: what is there gets an empty text all the same.
        # In the quotes of a session that nobody has set up otherwise.
        place, name = (each.replace("`", "``") for each in (table.name, column))
        return f"ALTER TABLE `{place}` ADD COLUMN `{name}` {_TYPES['text']} NOT NULL"

    def name_of(self, transaction: Transaction, name: str) -> str:
        # Where the files of tables lie in a system that does not tell the cases apart, neither do names.
        folded = transaction.ask("SELECT @@lower_case_table_names") != [(0,)]
        return name.lower() if folded else name

    def described(self, transaction: Transaction, table: TableName) -> tuple[tuple[str, str, bool], ...] | None:
        found = transaction.ask(
            "SELECT table_type, engine FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name = $1",
            (table.name,),
        )
        if not found:
            return None
        kind, engine = found[0]
        if kind != "BASE TABLE":
            raise InputError(f"'{table.shown}' is there already, and is not a table: name another --table")
        if str(engine).lower() != "innodb":
            raise InputError(
                f"the table '{table.shown}' is kept by {engine}, which cannot undo half a chunk: name another --table, "
                "or change it with ALTER TABLE … ENGINE = InnoDB"
            )
        rows = transaction.ask(
            "SELECT column_name, column_type, character_set_name, collation_name, column_key = 'PRI'"
            " FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = $1"
            " ORDER BY ordinal_position",
            (table.name,),
        )
        return tuple(
            (str(name), _type(str(type_), charset, collation), bool(key))
            for name, type_, charset, collation, key in rows
        )

    def refuse_names(self, names: Sequence[str], what: str) -> None:
        seen: dict[str, str] = {}
        for name in names:
            if len(name) > _LONGEST_NAME:
                raise InputError(
                    f"MySQL has no {what} with a name of more than {_LONGEST_NAME} letters: rename '{name}'"
                )
            if name != name.rstrip() or any(ord(letter) > 0xFFFF for letter in name):
                raise InputError(f"MySQL would not keep the {what} '{name}' as it is: rename it")
            # MySQL tells no columns apart by their case.
            twin = seen.setdefault(name.lower(), name)
            if twin is not name and what == "column":
                raise InputError(f"MySQL takes the {what}s '{twin}' and '{name}' for the same one: rename one")


class MysqlSessions:
    """`Sessions` of a server. Each holds a lock of its own as long as it is there, which anybody may ask about."""

    def own(self, transaction: Transaction) -> str:
        rows = transaction.ask("SELECT @tenfold_session")
        return str(rows[0][0])

    def lives(self, transaction: Transaction, session: str) -> bool:
        return self._number(transaction, session) is not None

    def end(self, transaction: Transaction, session: str) -> bool:
        number = self._number(transaction, session)
        if number is None:
            return True
        try:
            transaction.run(f"KILL {int(number)}")
        except require("pymysql.err", extra="mysql", purpose=_PURPOSE).MySQLError as error:
            # It may have gone by itself since it was asked about.
            if error.args[0] != _NO_SUCH_SESSION:
                raise
        if transaction.ask("SELECT GET_LOCK($1, $2)", (_SESSION + session, _END_SECONDS)) != [(1,)]:
            return False
        transaction.ask("SELECT RELEASE_LOCK($1)", (_SESSION + session,))
        return True

    @staticmethod
    def _number(transaction: Transaction, session: str) -> int | None:
        rows = transaction.ask("SELECT IS_USED_LOCK($1)", (_SESSION + session,))
        return None if rows[0][0] is None else int(rows[0][0])


def _type(type_: str, charset: str | None, collation: str | None) -> str:
    """Return a column's type as `MysqlCatalogue.type_of` writes it: older servers name a width that says nothing."""
    bare = _WIDTH.sub(r"\1", type_)
    return bare if charset is None else f"{bare} CHARACTER SET {charset} COLLATE {collation}"


def _bound(statement: str, values: Sequence[str | int]) -> tuple[str, tuple[str | int, ...] | None]:
    """Return a statement as the driver binds values: in the order in which they are named."""
    order = [int(number) - 1 for number in _MARK.findall(statement)]
    if not order:
        return statement, None
    return _MARK.sub("%s", statement.replace("%", "%%")), tuple(values[place] for place in order)
