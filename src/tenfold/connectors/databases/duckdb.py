"""Tables of DuckDB files, streamed into Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tenfold.connectors.text_file import check_readable
from tenfold.foundation.errors import DataError, did_you_mean

_ROWS_AT_ONCE = 100_000


def read_duckdb(path: Path, *, shown: str, table: str | None, query: str | None, into: Path) -> Path:
    """Write the rows of a table or a query to a Parquet file, in the order in which the file holds them.

    The file is opened for reading only; what it says cannot reach other files, the network or extensions.

    Raises
    ------
    DataError
        When the file is no DuckDB database or is locked, the table does not exist or the query fails.
    """
    import duckdb
    from pyarrow import parquet

    if (table is None) == (query is None):
        raise DataError(f"{shown} is a database: name either a `table` or a `query`")
    with _open(path, shown) as connection:
        try:
            sql = query if query is not None else f"SELECT * FROM {_quoted(str(table))}"  # noqa: S608  # quoted
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise DataError(f"the query of {shown} must be one SELECT")
            relation = connection.sql(sql)
            reader = relation.to_arrow_reader(_ROWS_AT_ONCE)
            names = reader.schema.names
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise DataError(f"the query gives two columns called '{twice}'; name one of them with AS")
            with parquet.ParquetWriter(into, reader.schema) as writer:
                for batch in reader:
                    writer.write_batch(batch)
        except duckdb.CatalogException as error:
            if table is None:
                raise DataError(f"{shown} cannot be read: {_sentence(error)}") from error
            raise DataError(f"{shown} has no table '{table}'.{did_you_mean(table, _tables(connection))}") from error
        except duckdb.Error as error:
            raise DataError(f"{shown} cannot be read: {_sentence(error)}") from error
    return into


def tables_of(path: Path, *, shown: str) -> list[str]:
    """Return the names of the tables and views of a DuckDB file, in order.

    Raises
    ------
    DataError
        When the file is no DuckDB database or is locked.
    """
    with _open(path, shown) as connection:
        return _tables(connection)


def _open(path: Path, shown: str) -> Any:
    import duckdb

    check_readable(path, shown)
    try:
        connection = duckdb.connect(str(path), read_only=True, config={"threads": 1})
        for setting in (
            "TimeZone = 'UTC'",
            "preserve_insertion_order = true",
            "python_enable_replacements = false",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            "allow_community_extensions = false",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            connection.execute(f"SET {setting}")
    except duckdb.Error as error:
        raise DataError(f"{shown} cannot be opened: {_sentence(error)}") from error
    return connection


def _tables(connection: Any) -> list[str]:
    found = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main' ORDER BY table_name"
    ).fetchall()
    return [str(row[0]) for row in found]


def _sentence(error: Exception) -> str:
    line = str(error).splitlines()[0].strip()
    return line.partition("Error: ")[2] or line


def _quoted(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
