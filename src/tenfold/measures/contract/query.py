"""Rules written as a SELECT over the whole table, by DuckDB, which sees this table and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from tenfold.foundation.errors import DataError
from tenfold.measures.contract.contract import Rule

DATA = "data"
ROW = "row"
# Of what reads the file, nothing is left once the table is declared.
_LOCK = (
    "TimeZone = 'UTC'",
    "python_enable_replacements = false",
    "autoinstall_known_extensions = false",
    "autoload_known_extensions = false",
    "allow_community_extensions = false",
    "enable_external_access = false",
    "lock_configuration = true",
)


def rows_breaking(rule: Rule, table: pl.DataFrame | Path) -> pl.Series:
    """Return the numbers of the rows, ascending from 0, that a rule's SELECT returns in its column ``row``.

    Parameters
    ----------
    table : DataFrame, or path of a Parquet file
        Seen by the SELECT as ``data``, with the row's number as the column ``row``.

    Raises
    ------
    DataError
        When it is not one SELECT, does not fit the table, or does not return rows of it.
    """
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection:
        columns = _declare(connection, table)
        if ROW in columns:
            raise DataError(
                f"the rule '{rule.id}' numbers the rows in '{ROW}', but the table has a column of that name"
            )
        for setting in _LOCK:
            connection.execute(f"SET {setting}")
        try:
            statements = connection.extract_statements(rule.sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise DataError(f"the rule '{rule.id}' must be one SELECT over the table {DATA}")
            answer = connection.sql(rule.sql)
            if ROW not in answer.columns:
                raise DataError(
                    f"the rule '{rule.id}' must return the rows that break it in a column '{ROW}';"
                    f" it returns {', '.join(answer.columns)}"
                )
            found = pl.from_arrow(answer.project(ROW).to_arrow_table())
        except duckdb.Error as error:
            raise DataError(f"the rule '{rule.id}' fails: {str(error).splitlines()[0]}") from error
    assert isinstance(found, pl.DataFrame)
    if not found[ROW].dtype.is_integer():
        raise DataError(f"the rule '{rule.id}' returns {found[ROW].dtype} as '{ROW}'; return the row numbers of {DATA}")
    return found[ROW].drop_nulls().unique().sort().cast(pl.UInt32)


def _declare(connection: Any, table: pl.DataFrame | Path) -> list[str]:
    if isinstance(table, Path):
        connection.execute(
            f"CREATE TABLE {DATA} AS SELECT *, file_row_number AS {ROW}"  # noqa: S608  # constants
            " FROM read_parquet(?, file_row_number = true)",
            [str(table)],
        )
        names = [str(name) for name, *_ in connection.execute(f"DESCRIBE {DATA}").fetchall()]
        return [name for name in names if name not in {"file_row_number", ROW}]
    if ROW in table.columns:
        return table.columns
    given = table.with_row_index(ROW).to_arrow()
    connection.register("given", given)
    connection.execute(f"CREATE TABLE {DATA} AS SELECT * FROM given")  # noqa: S608  # constants
    connection.unregister("given")
    return table.columns
