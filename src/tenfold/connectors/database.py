"""Tables of SQLite and PostgreSQL databases, streamed through ADBC into Parquet."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from tenfold.connectors.request import POSTGRESQL
from tenfold.connectors.text_file import check_readable
from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.foundation.optional import require


def read_database(location: str, *, shown: str, table: str | None, query: str | None, into: Path) -> Path:
    """Write the rows of a table or a query to a Parquet file, in the order in which the database gives them.

    Parameters
    ----------
    location : str
        ``postgresql://...`` or the path of an SQLite file.
    shown : str
        How messages name the database; never holds a secret.

    Raises
    ------
    DataError
        When the database cannot be opened, the table does not exist or the query fails.
    """
    if (table is None) == (query is None):
        raise DataError(f"{shown} is a database: name either a `table` or a `query`")
    if location.startswith(POSTGRESQL):
        return _read_postgresql(location, shown, table, query, into)
    return _read_sqlite(Path(location), shown, table, query, into)


def _read_postgresql(location: str, shown: str, table: str | None, query: str | None, into: Path) -> Path:
    driver = require("adbc_driver_postgresql.dbapi", extra="postgres", purpose="Reading PostgreSQL")
    errors = require("adbc_driver_manager", extra="postgres", purpose="Reading PostgreSQL")
    sql = query or _all_rows(*str(table).split("."))
    try:
        with closing(driver.connect(location)) as connection, closing(connection.cursor()) as cursor:
            cursor.execute("SET default_transaction_read_only = on")
            # Parallel and synchronised scans give rows in another order every time.
            cursor.execute("SET max_parallel_workers_per_gather = 0")
            cursor.execute("SET synchronize_seqscans = off")
            connection.commit()
            cursor.execute(sql)
            return _write(cursor, into)
    except errors.Error as error:
        message = _one_sentence(str(error), location)
        if table is not None and "does not exist" in message and "relation" in message:
            known = _names(lambda: _postgresql_names(driver, location), errors.Error)
            raise DataError(f"{shown} has no table '{table}'.{did_you_mean(table, known)}") from None
        # The driver's own error may quote the address with its password: it is not passed on.
        raise DataError(f"{shown} cannot be read: {message}") from None


def postgresql_tables(location: str, *, shown: str) -> list[str]:
    """Return the names of a database's own tables and views; those outside of the schema ``public`` with their schema.

    Raises
    ------
    DataError
        When the database cannot be opened.
    """
    driver = require("adbc_driver_postgresql.dbapi", extra="postgres", purpose="Reading PostgreSQL")
    errors = require("adbc_driver_manager", extra="postgres", purpose="Reading PostgreSQL")
    try:
        with closing(driver.connect(location)) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(
                "SELECT CASE table_schema WHEN 'public' THEN table_name ELSE table_schema || '.' || table_name END"
                " FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
                " ORDER BY 1"
            )
            return [str(row[0]) for row in cursor.fetchall()]
    except errors.Error as error:
        raise DataError(f"{shown} cannot be read: {_one_sentence(str(error), location)}") from None


def sqlite_tables(path: Path, *, shown: str) -> list[str]:
    """Return the names of the tables and views of an SQLite file, in order.

    Raises
    ------
    DataError
        When the file is no SQLite database.
    """
    check_readable(path, shown)
    driver = require("adbc_driver_sqlite.dbapi", extra="sqlite", purpose="Reading SQLite")
    errors = require("adbc_driver_manager", extra="sqlite", purpose="Reading SQLite")
    try:
        return sorted(_sqlite_names(driver, f"file:{quote(str(path.resolve()))}?mode=ro"))
    except errors.Error as error:
        raise DataError(f"{shown} cannot be read: {_one_sentence(str(error), '')}") from error


def _postgresql_names(driver: Any, location: str) -> list[str]:
    with closing(driver.connect(location)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables")
        return [str(row[0]) for row in cursor.fetchall()]


def _read_sqlite(path: Path, shown: str, table: str | None, query: str | None, into: Path) -> Path:
    check_readable(path, shown)
    driver = require("adbc_driver_sqlite.dbapi", extra="sqlite", purpose="Reading SQLite")
    errors = require("adbc_driver_manager", extra="sqlite", purpose="Reading SQLite")
    sql = query.strip().rstrip(";") if query else _all_rows(str(table))
    address = f"file:{quote(str(path.resolve()))}?mode=ro"
    try:
        with closing(driver.connect(address)) as connection, closing(connection.cursor()) as cursor:
            try:
                cursor.execute(sql)
                return _write(cursor, into)
            except (errors.Error, OSError) as error:
                if "mismatch" not in str(error):
                    raise
            # SQLite columns may mix types; the driver settles on the first rows' type. Read such tables as text.
            names = _columns(cursor, sql)
            words = ", ".join(f"CAST({_quoted(name)} AS TEXT) AS {_quoted(name)}" for name in names)
            cursor.execute(f"SELECT {words} FROM ({sql})")  # noqa: S608  # read-only, and the query is the user's own
            return _write(cursor, into)
    except errors.Error as error:
        message = _one_sentence(str(error), "")
        if table is not None and "no such table" in message:
            known = _names(lambda: _sqlite_names(driver, address), errors.Error)
            raise DataError(f"{shown} has no table '{table}'.{did_you_mean(table, known)}") from error
        raise DataError(f"{shown} cannot be read: {message}") from error


def _columns(cursor: Any, sql: str) -> list[str]:
    cursor.execute(f"SELECT * FROM ({sql}) LIMIT 0")  # noqa: S608  # read-only, and the query is the user's own
    return [str(column[0]) for column in cursor.description]


def _sqlite_names(driver: Any, address: str) -> list[str]:
    with closing(driver.connect(address)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        return [str(row[0]) for row in cursor.fetchall()]


def _names(list_tables: Callable[[], list[str]], failure: type[Exception]) -> list[str]:
    """Return the names of the tables, none when they cannot be listed: the message they are for stands without."""
    try:
        return list_tables()
    except failure:
        return []


def _write(cursor: Any, into: Path) -> Path:
    import pyarrow
    from pyarrow import parquet

    reader = cursor.fetch_record_batch()
    _refuse_twins(reader.schema.names)
    writer: Any = None
    try:
        for batch in reader:
            table = _without_extensions(pyarrow.Table.from_batches([batch]))
            if writer is None:
                writer = parquet.ParquetWriter(into, table.schema)
            writer.write_table(table)
        if writer is None:
            parquet.write_table(_without_extensions(reader.schema.empty_table()), into)
    finally:
        if writer is not None:
            writer.close()
    return into


def _without_extensions(table: Any) -> Any:
    """Return a table whose columns of a database's own types (NUMERIC, JSON) are what these are stored as: text."""
    import pyarrow

    for place, column in enumerate(table.schema):
        if isinstance(column.type, pyarrow.BaseExtensionType):
            stored = [chunk.storage for chunk in table.column(place).chunks]
            values = pyarrow.chunked_array(stored, type=column.type.storage_type)
            table = table.set_column(place, column.name, values)
    return table


def _refuse_twins(names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"the query gives two columns called '{twice}'; name one of them with AS")


def _all_rows(*name: str) -> str:
    return f"SELECT * FROM {'.'.join(_quoted(part) for part in name)}"  # noqa: S608  # the name is quoted


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _one_sentence(message: str, location: str) -> str:
    """Return the driver's first line without anything secret."""
    line = next((line.strip() for line in message.splitlines() if line.strip()), "unknown reason")
    for prefix in ("[libpq] ", "[SQLite] "):
        line = line.split(prefix, 1)[-1]
    if location:
        password = urlsplit(location).password
        line = line.replace(location, "the address")
        if password:
            line = line.replace(password, "***").replace(unquote(password), "***")
    return line.rstrip(".")
