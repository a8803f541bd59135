"""Tables of MySQL and MariaDB, streamed into Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.foundation.optional import require

_ROWS_AT_ONCE = 20_000
_SILENCE_SECONDS = 60
_BINARY_CHARSET = 63
_UNKNOWN_TABLE = 1146


def read_mysql(location: str, *, shown: str, table: str | None, query: str | None, into: Path) -> Path:
    """Write the rows of a table or a query to a Parquet file, in the order in which the server gives them.

    One read-only transaction sees one state of the tables. Whole numbers and floating numbers keep their type;
    everything else, DECIMAL and times among it, comes as the text that the server writes, TIMESTAMP in UTC. Columns of
    bytes stay bytes, which are left out of tables.

    Parameters
    ----------
    location : str
        ``mysql://USER:PASSWORD@HOST:PORT/DATABASE``, also ``mariadb://``; ``?unix_socket=/path`` where there is one.

    Raises
    ------
    DataError
        When the database cannot be reached, the table does not exist or the query fails.
    """
    import pyarrow
    from pyarrow import parquet

    if (table is None) == (query is None):
        raise DataError(f"{shown} is a database: name either a `table` or a `query`")
    sql = query or f"SELECT * FROM {_quoted(str(table))}"  # noqa: S608  # the name is quoted
    errors = require("pymysql.err", extra="mysql", purpose="Reading MySQL")
    with _connected(location, shown) as connection:
        try:
            with closing(connection.cursor()) as cursor:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
                cursor.execute("SET time_zone = '+00:00'")
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
                cursor.execute(sql)
                schema, readers = _schema(cursor)
                with parquet.ParquetWriter(into, schema) as writer:
                    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                        columns = [
                            pyarrow.array([_read(read, row[at]) for row in rows], type=schema.field(at).type)
                            for at, read in enumerate(readers)
                        ]
                        writer.write_table(pyarrow.table(columns, schema=schema))
        except errors.MySQLError as error:
            code, message = _code_and_message(error)
            if table is not None and code == _UNKNOWN_TABLE:
                raise DataError(
                    f"{shown} has no table '{table}'.{did_you_mean(table, mysql_tables(location, shown=shown))}"
                ) from None
            raise DataError(f"{shown} cannot be read: {message}") from None
    return into


def mysql_time_type(location: str, query: str, column: str, *, shown: str) -> str | None:
    """Return ``DATETIME``, ``TIMESTAMP`` or ``DATE`` where a column of a query's result is of that type, else None.

    Raises
    ------
    DataError
        When the database cannot be reached. What is wrong with the query is left to the reading to tell.
    """
    types = require("pymysql.constants.FIELD_TYPE", extra="mysql", purpose="Reading MySQL")
    errors = require("pymysql.err", extra="mysql", purpose="Reading MySQL")
    known = {types.DATETIME: "DATETIME", types.TIMESTAMP: "TIMESTAMP", types.DATE: "DATE"}
    with _connected(location, shown) as connection, closing(connection.cursor()) as cursor:
        try:
            cursor.execute(query)
        except errors.MySQLError:
            return None
        return next((known.get(found[1]) for found in cursor.description if found[0] == column), None)


def mysql_tables(location: str, *, shown: str) -> list[str]:
    """Return the names of the tables and views of the database, in order.

    Raises
    ------
    DataError
        When the database cannot be reached.
    """
    with _connected(location, shown) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1")
        return [_text(row[0]) for row in cursor.fetchall()]


@contextmanager
def _connected(location: str, shown: str) -> Iterator[Any]:
    pymysql = require("pymysql", extra="mysql", purpose="Reading MySQL")
    cursors = require("pymysql.cursors", extra="mysql", purpose="Reading MySQL")
    converters = require("pymysql.converters", extra="mysql", purpose="Reading MySQL")
    parts = urlsplit(location)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items() if name == "unix_socket"}
    try:
        connection = pymysql.connect(
            host=parts.hostname or "localhost",
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=unquote(parts.path.lstrip("/")),
            charset="utf8mb4",
            cursorclass=cursors.SSCursor,
            connect_timeout=_SILENCE_SECONDS,
            read_timeout=_SILENCE_SECONDS,
            # Without decoders values come as the server's text: what becomes of them is decided here.
            conv=converters.encoders,
            **options,
        )
    except (pymysql.MySQLError, ValueError) as error:
        raise DataError(f"{shown} cannot be opened: {_code_and_message(error)[1]}") from None
    try:
        yield connection
    finally:
        connection.close()


def _schema(cursor: Any) -> tuple[Any, list[Callable[[Any], object]]]:
    """Return the Arrow schema of a result, and how each of its columns is read."""
    import pyarrow

    types = require("pymysql.constants.FIELD_TYPE", extra="mysql", purpose="Reading MySQL")
    whole = {types.TINY, types.SHORT, types.INT24, types.LONG, types.LONGLONG, types.YEAR}
    # The public description lacks signs and character sets, so the fields themselves are looked at.
    flags = require("pymysql.constants.FLAG", extra="mysql", purpose="Reading MySQL")
    fields = []
    readers: list[Callable[[Any], object]] = []
    names = [column[0] for column in cursor.description]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"the query gives two columns called '{twice}'; name one of them with AS")
    for found in cursor._result.fields:  # noqa: SLF001 - there is no public way to the sign and the character set
        if found.type_code in whole:
            unsigned = found.type_code == types.LONGLONG and found.flags & flags.UNSIGNED
            fields.append((found.name, pyarrow.uint64() if unsigned else pyarrow.int64()))
            readers.append(int)
        elif found.type_code in {types.FLOAT, types.DOUBLE}:
            fields.append((found.name, pyarrow.float64()))
            readers.append(float)
        elif found.type_code == types.BIT or (found.charsetnr == _BINARY_CHARSET and found.type_code in _bytes(types)):
            fields.append((found.name, pyarrow.binary()))
            readers.append(bytes)
        else:
            fields.append((found.name, pyarrow.string()))
            readers.append(_text)
    return pyarrow.schema(fields), readers


def _bytes(types: Any) -> set[int]:
    return {
        types.BLOB, types.TINY_BLOB, types.MEDIUM_BLOB, types.LONG_BLOB, types.STRING, types.VAR_STRING, types.VARCHAR,
        types.GEOMETRY,
    }  # fmt: skip


def _read(read: Callable[[Any], object], value: Any) -> object:
    return None if value is None else read(value)


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _code_and_message(error: BaseException) -> tuple[int, str]:
    """Return the number and the sentence of a driver's error; neither quotes a password."""
    arguments: Sequence[object] = error.args
    if len(arguments) >= 2 and isinstance(arguments[0], int):
        return arguments[0], str(arguments[1]).splitlines()[0].rstrip(".")
    return 0, type(error).__name__


def _quoted(name: str) -> str:
    return ".".join("`" + part.replace("`", "``") + "`" for part in name.split("."))
