"""The query that joins sources: SQL by DuckDB, which sees the declared tables and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold.connectors.moments import check_zone
from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.records.dataset import Field

AVAILABLE_AT = "available_at"
_LARGEST_MEMORY_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A canonical table as the query sees it.

    ``time`` with ``available_seconds`` adds the column ``available_at``: from when on a row was known. So does a column
    named by ``available_at``, unless it has this name already.
    """

    path: Path
    fields: tuple[Field, ...]
    time: str | None = None
    available_seconds: float | None = None
    available_at: str | None = None


def join(tables: Mapping[str, Relation], query: str, into: Path, *, timezone: str | None = None) -> Path:
    """Write the result of a query over tables to a Parquet file, rows in the query's own order.

    The query is one SELECT. It cannot reach files, networks, other databases or extensions, nor change the
    configuration. Whole numbers are BIGINT to it, other numbers DOUBLE, times TIMESTAMP WITH TIME ZONE in the zone of
    the project. One thread runs it, so that the same tables give the same rows in the same order.

    Parameters
    ----------
    timezone : str or None
        The zone in which hours and days are counted; None is UTC.

    Raises
    ------
    DataError
        When the query is not one SELECT, or does not fit the tables; the nearest name is given.
    """
    import duckdb

    into.parent.mkdir(parents=True, exist_ok=True)
    database = into.with_suffix(".duckdb")
    database.unlink(missing_ok=True)
    try:
        with duckdb.connect(str(database), config={"threads": 1}) as connection:
            for name, relation in tables.items():
                _declare(connection, name, relation)
            _lock(connection, timezone)
            _refuse_all_but_select(connection, query)
            try:
                _write(connection.sql(query), into)
            except duckdb.Error as error:
                raise DataError(f"the query fails: {_one_sentence(str(error), tables)}") from error
    finally:
        database.unlink(missing_ok=True)
    return into


def _declare(connection: Any, name: str, relation: Relation) -> None:
    columns = [_column(field) for field in relation.fields]
    names = [field.name for field in relation.fields]
    if relation.available_at is not None and relation.available_at not in names:
        raise DataError(
            f"source '{name}' has no column '{relation.available_at}'.{did_you_mean(relation.available_at, names)}"
        )
    if relation.available_at is not None and AVAILABLE_AT not in names:
        columns.append(f"{_quoted(relation.available_at)} AS {AVAILABLE_AT}")
    if relation.time is not None and relation.available_seconds is not None:
        known = {field.name: field.kind for field in relation.fields}
        if relation.time not in known:
            raise DataError(f"source '{name}' has no column '{relation.time}'.{did_you_mean(relation.time, known)}")
        if known[relation.time] != "datetime":
            raise DataError(
                f"column '{relation.time}' of source '{name}' holds no times, so nothing is available after it"
            )
        if AVAILABLE_AT in known:
            raise DataError(f"source '{name}' has a column '{AVAILABLE_AT}' already; drop its `available` or rename it")
        delay = f"INTERVAL '{round(relation.available_seconds * 1e6)} microseconds'"
        columns.append(f"{_quoted(relation.time)} + {delay} AS {AVAILABLE_AT}")
    connection.execute(
        f"CREATE TABLE {_quoted(name)} AS SELECT {', '.join(columns)} FROM read_parquet(?)",  # noqa: S608  # names are quoted
        [str(relation.path)],
    )


def _column(field: Field) -> str:
    name = _quoted(field.name)
    return f"CAST({name} AS BIGINT) AS {name}" if field.kind == "numeric" and field.integer else name


def _lock(connection: Any, timezone: str | None) -> None:
    memory = int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * _LARGEST_MEMORY_SHARE)
    check_zone(timezone)
    for setting in (
        f"TimeZone = '{timezone or 'UTC'}'",
        f"memory_limit = '{memory >> 20}MiB'",
        "preserve_insertion_order = true",
        "python_enable_replacements = false",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "allow_community_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")


def _refuse_all_but_select(connection: Any, query: str) -> None:
    import duckdb

    try:
        statements = connection.extract_statements(query)
    except duckdb.Error as error:
        raise DataError(f"the query cannot be understood: {_one_sentence(str(error), {})}") from error
    if len(statements) != 1:
        raise DataError(f"the query must be one SELECT; it holds {len(statements)} statements")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise DataError(f"the query must be one SELECT; it is {statements[0].type.name.replace('_', ' ')}")


def _write(relation: Any, into: Path) -> None:
    from pyarrow import parquet

    reader = relation.to_arrow_reader(100_000)
    names = reader.schema.names
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"the query gives two columns called '{twice}'; name one of them with AS")
    with parquet.ParquetWriter(into, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)


def _one_sentence(message: str, tables: Mapping[str, Relation]) -> str:
    """Return DuckDB's message as one sentence, with the nearest known name."""
    line = message.splitlines()[0].strip()
    line = re.sub(r"^(?:[A-Z][A-Za-z ]+Error): ", "", line).rstrip("!.")
    if "disabled by configuration" in line or "disabled through configuration" in line:
        return "it may read the declared sources only, no files, networks or extensions"
    columns = {field.name for relation in tables.values() for field in relation.fields} | {AVAILABLE_AT}
    column = re.search(r'column "([^"]+)" not found|column named "([^"]+)"', line)
    if column is not None:
        name = column[1] or column[2]
        return f"there is no column '{name}'.{did_you_mean(name, columns)}"
    table = re.search(r"Table with name (\S+) does not exist", line)
    if table is not None:
        return f"there is no source '{table[1]}' ({_listed(tables)}).{did_you_mean(table[1], tables)}"
    return line


def _listed(names: Mapping[str, Relation] | Sequence[str]) -> str:
    return "declared: " + ", ".join(names)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
