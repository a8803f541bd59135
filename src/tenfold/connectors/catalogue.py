"""Which tables a folder or a database holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tenfold.connectors.database import postgresql_tables, sqlite_tables
from tenfold.connectors.databases.duckdb import tables_of
from tenfold.connectors.databases.mysql import mysql_tables
from tenfold.connectors.delta import is_delta
from tenfold.connectors.excel import sheets_of
from tenfold.connectors.folders.listing import list_files
from tenfold.connectors.formats import DATABASE_FILES, ENDINGS, format_of
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError

_COMPRESSED = (".gz", ".zst")
_LISTED = {"sqlite": sqlite_tables, "duckdb": tables_of, "excel": sheets_of}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One table that could be read: what it is called here, and how it is asked for.

    ``database`` tells a table of a database, of which the first rows are looked at, from a file.
    """

    name: str
    request: SourceRequest
    database: bool = False


def holds_tables(location: str) -> bool:
    """Whether a place may hold several tables: a folder, a database, a file of one.

    Raises
    ------
    DataError
        When a file cannot be read.
    """
    request = SourceRequest(name="data", location=location)
    if request.scheme != "file":
        return request.scheme in {"postgresql", "mysql"}
    path = Path(location)
    if path.is_dir():
        # A folder of nothing but images or audio is one table.
        return not is_delta(path) and bool(list_files(path, (*ENDINGS, *_COMPRESSED)))
    return path.exists() and format_of(request) in DATABASE_FILES


def list_tables(location: str) -> list[Listed]:
    """Return the tables of a folder, or of a database, in the order of their names.

    In a folder these are the files that can be read as tables, in folders below it too, each sheet of a workbook and
    each table of a database file.

    Raises
    ------
    DataError
        When the place holds no table or cannot be read.
    """
    request = SourceRequest(name="data", location=location)
    if request.scheme == "postgresql":
        found = _of_database(location, postgresql_tables(location, shown=request.label))
    elif request.scheme == "mysql":
        found = _of_database(location, mysql_tables(location, shown=request.label))
    elif Path(location).is_dir():
        files = list_files(Path(location), (*ENDINGS, *_COMPRESSED))
        found = [table for file in files for table in _of_file(file.place, file.path)]
    else:
        found = _of_file(Path(location), "")
    if not found:
        raise DataError(f"{request.label} holds no table that can be read")
    return found


def _of_database(location: str, names: list[str]) -> list[Listed]:
    return [
        Listed(name=name, request=SourceRequest(name="data", location=location, table=name), database=True)
        for name in sorted(names)
    ]


def _of_file(place: Path, path: str) -> list[Listed]:
    """Return the tables of one file; ``path`` is what it is called below the folder, empty for a file of its own."""
    request = SourceRequest(name="data", location=str(place), shown=path)
    tables = _LISTED.get(format_of(request))
    if tables is None:
        return [Listed(name=path or place.name, request=request)]
    return [
        Listed(
            name=f"{path}:{name}" if path else name,
            request=SourceRequest(name="data", location=str(place), shown=path, table=name),
            database=format_of(request) in DATABASE_FILES,
        )
        for name in tables(place, shown=request.label)
    ]
