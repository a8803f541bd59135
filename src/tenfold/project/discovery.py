"""What a folder or a database holds, before anything is chosen: tables, keys, times, joins."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tenfold.connectors.catalogue import Listed, holds_tables, list_tables
from tenfold.connectors.read import read_source
from tenfold.connectors.relations import (
    MOST_PAIRED,
    Key,
    Link,
    Looked,
    Many,
    find_keys,
    find_links,
    find_many,
    largest_with_links,
)
from tenfold.connectors.request import SourceRequest
from tenfold.foundation.errors import DataError
from tenfold.foundation.serial import plain
from tenfold.project.document import Document
from tenfold.records.dataset import Kind
from tenfold.spec.draft import scalar

__all__ = ["DiscoveryReport", "discover", "holds_tables"]

# Enough to see keys and joins; a database may hold more than can be looked at.
_FIRST_ROWS = 200_000
_MOST_TABLES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFound:
    """One column: its name and what it holds."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFound:
    """One table that could be the data of a project.

    ``rows`` are those looked at; ``whole`` says whether these are all. ``problem`` says why a table could not be read.
    """

    name: str
    location: str
    table: str | None = None
    format: str = ""
    rows: int = 0
    whole: bool = True
    columns: tuple[ColumnFound, ...] = ()
    keys: tuple[Key, ...] = ()
    times: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryReport:
    """What was found; the document is ``tenfold.discovery/1``.

    ``many`` are rows of a table that have several rows of another, which could be aggregated. ``data`` is how the
    section of the file could look that puts the tables together; empty when nothing joins. ``limits`` says how far the
    search went: so many columns in so many tables, rows of a table in a database, columns tried in pairs as keys.
    """

    location: str
    tables: tuple[TableFound, ...]
    joins: tuple[Link, ...] = ()
    many: tuple[Many, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    data: str = ""
    ok: bool = True

    def document(self) -> Document:
        """Return the discovery as JSON-ready values."""
        return {
            "schema": "tenfold.discovery/1",
            "location": self.location,
            "tables": [plain(table) for table in self.tables],
            "joins": [plain(join) for join in self.joins],
            "many": [plain(many) for many in self.many],
            "limits": dict(self.limits),
            "data": self.data,
        }


def discover(location: str) -> DiscoveryReport:
    """Look at the tables of a folder or a database.

    Raises
    ------
    DataError
        When the place holds no table, or too many.
    """
    listed = list_tables(location)
    shown = SourceRequest(name="data", location=location).label
    if len(listed) > _MOST_TABLES:
        raise DataError(f"{shown} holds {len(listed)} tables; name a folder with {_MOST_TABLES} or fewer, or one table")
    found: list[TableFound] = []
    looked: dict[str, Looked] = {}
    with tempfile.TemporaryDirectory(prefix="tenfold-discovery-") as folder:
        for number, each in enumerate(listed):
            table, seen = _look(each, Path(folder, f"{number}.parquet"))
            found.append(table)
            if seen is not None:
                looked[each.name] = seen
        links = find_links(list(looked.values()))
        many = find_many(list(looked.values()), links)
    base = largest_with_links(looked, links)
    data = "" if base is None else _section(base, {table.name: table for table in found}, links, many)
    limits = {
        "tables": len(looked),
        "columns": sum(len(table.fields) for table in looked.values()),
        "rows_of_a_database_table": _FIRST_ROWS,
        "columns_in_pairs": MOST_PAIRED,
    }
    return DiscoveryReport(location=shown, tables=tuple(found), joins=links, many=many, limits=limits, data=data)


def _look(listed: Listed, into: Path) -> tuple[TableFound, Looked | None]:
    request = listed.request
    place = request.location if request.scheme == "file" else request.label
    about = TableFound(name=listed.name, location=place, table=request.table)
    if listed.database:
        request = replace(request, table=None, query=_first_rows(request))
    try:
        read = read_source(request, into=into)
    except DataError as error:
        # One table that cannot be read does not hide the others.
        return replace(about, problem=str(error)), None
    rows = read.source.rows
    seen = Looked(name=listed.name, path=into, fields=read.fields, rows=rows, keys=find_keys(into, read.fields, rows))
    table = replace(
        about,
        format=read.source.format,
        rows=rows,
        whole=not listed.database or rows < _FIRST_ROWS,
        columns=tuple(ColumnFound(name=known.name, kind=known.kind) for known in read.fields),
        keys=seen.keys,
        times=seen.times,
    )
    return table, seen


def _first_rows(request: SourceRequest) -> str:
    """Return the query of a table's first rows."""
    mark = "`" if request.scheme == "mysql" else '"'
    # A name with a dot is a schema and a table where the server lists it so; SQLite's tables have no schema.
    parts = str(request.table).split(".") if request.scheme == "postgresql" else [str(request.table)]
    name = ".".join(mark + part.replace(mark, mark * 2) + mark for part in parts)
    return f"SELECT * FROM {name} LIMIT {_FIRST_ROWS}"  # noqa: S608  # the name is quoted, and the database gave it


def _section(base: str, tables: Mapping[str, TableFound], links: tuple[Link, ...], many: tuple[Many, ...]) -> str:
    """Return how the file could put the tables together around one of them; what could be aggregated as comments."""
    chosen = [link for link in links if link.table == base]
    several = {each.other: each for each in reversed(many) if each.table == base}
    names = _identifiers([base, *dict.fromkeys([*(link.other for link in chosen), *several])])
    times = {link.other: link.time for link in reversed(chosen) if link.time is not None}
    lines = ["data:", "  sources:"]
    for name, identifier in names.items():
        written = {"path" if "://" not in tables[name].location else "url": tables[name].location}
        if tables[name].table is not None:
            written["table"] = str(tables[name].table)
        if name in times:
            written["time"] = times[name]
        joins = name == base or any(link.other == name for link in chosen)
        if not joins and several[name].time is not None:
            written["time"] = str(several[name].time)
        inside = ", ".join(f"{key}: {scalar(value)}" for key, value in written.items())
        lines.append(f"    {'' if joins else '# '}{identifier}: {{{inside}}}")
    lines += ["  join:", f"    base: {names[base]}"]
    if tables[base].times and (times or any(each.time is not None for each in several.values())):
        lines.append(f"    at: {scalar(tables[base].times[0])}")
    lines.append("    sources:")
    used: set[str] = set()
    for link in chosen:
        source = names[link.other]
        # A source that joins a second time, by other columns, does so under a name of its own.
        alias = source if source not in used else _identifier(f"{source}_{'_'.join(link.columns)}")
        used |= {source, alias}
        pairs = zip(link.columns, link.other_columns, strict=True)
        on = ", ".join(f"{scalar(own)}: {scalar(their)}" for own, their in pairs if their != link.time)
        again = "" if alias == source else f"source: {source}, "
        lines.append(f"      {alias}: {{{again}on: {{{on}}}}}")
    for name, each in several.items():
        pairs = zip(each.columns, each.other_columns, strict=True)
        on = ", ".join(f"{scalar(own)}: {scalar(their)}" for own, their in pairs)
        windows = "" if each.time is None else "windows: [30d, all]"
        alias = names[name] if names[name] not in used else _identifier(f"{names[name]}_past")
        again = "" if alias == names[name] else f"source: {names[name]}, "
        lines.append(f"      # {alias}: {{{again}on: {{{on}}}, aggregate: {{{windows}}}}}  # {each.each:g} rows each")
    return "\n".join(lines) + "\n"


def _identifiers(names: list[str]) -> dict[str, str]:
    """Return names that the file and SQL can use, each of its own."""
    given: dict[str, str] = {}
    for name in names:
        stem = _identifier(Path(name.rpartition(":")[2]).name.split(".")[0])
        number, unique = 2, stem
        while unique in given.values():
            unique, number = f"{stem}_{number}", number + 1
        given[name] = unique
    return given


def _identifier(text: str) -> str:
    plain_text = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")[:50] or "data"
    return f"t_{plain_text}" if plain_text[0].isdigit() else plain_text
