"""Records written as JSON: one object a line, or one array of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import polars as pl

from tenfold.connectors.text_file import CHUNK_BYTES
from tenfold.foundation.errors import DataError

_ROWS_AT_ONCE = 100_000
_LARGEST_RECORD = 16 << 20


class _Number(str):
    """A number as the text writes it."""

    __slots__ = ()


def scan_json(path: Path, *, shown: str, workdir: Path, flat: bool = True) -> tuple[pl.LazyFrame, tuple[str, ...]]:
    """Return records as strings, written as the source writes them: ``1.50`` stays ``1.50``, true is ``true``.

    Columns come in the order of their first occurrence; a record without one has null there. Lists are kept as JSON
    text; so are objects unless ``flat``, which makes ``{"at": {"lat": 1}}`` the column ``at.lat``. Records that lie in
    the one list of one object, as servers answer, are taken out of it.

    Returns
    -------
    rows : polars.LazyFrame
    told : tuple of str
        What was done, with the line of the file that overrules it.

    Raises
    ------
    DataError
        When the text is not JSON records; the line is named.
    """
    parts: list[pl.LazyFrame] = []
    rows: list[dict[str, str | None]] = []
    records = _records(path, shown)
    first = list(islice(records, 2))
    wrapped = _wrapped(first[0]) if len(first) == 1 and flat else ""
    opened: dict[str, None] = {}
    for record in first[0][wrapped] if wrapped else chain(first, records):
        rows.append(_as_row(record, opened, flat=flat))
        if len(rows) == _ROWS_AT_ONCE:
            part = workdir / f"{path.name}.{len(parts)}.parquet"
            _frame(rows).write_parquet(part)
            parts.append(pl.scan_parquet(part))
            rows = []
    if rows:
        parts.append(_frame(rows).lazy())
    if not parts:
        raise DataError(f"{shown} holds no record")
    told = []
    if wrapped:
        told.append(f"the records are those in the list '{wrapped}': `nested: text` reads the object as one row")
    if opened:
        named = ", ".join(f"'{name}'" for name in list(opened)[:5]) + (" ..." if len(opened) > 5 else "")
        told.append(
            f"{named} {'holds' if len(opened) == 1 else 'hold'} objects: each of their values is a column of its own"
            f" ('{next(iter(opened))}.…'); `nested: text` keeps them as texts"
        )
    return pl.concat(parts, how="diagonal"), tuple(told)


def _wrapped(record: dict[str, Any]) -> str:
    """Return the name of the one list of records that an object holds; empty when it is a record itself."""
    lists = [
        name
        for name, value in record.items()
        if isinstance(value, list) and len(value) > 1 and all(isinstance(each, dict) for each in value)
    ]
    return lists[0] if len(lists) == 1 else ""


def _as_row(record: dict[str, Any], opened: dict[str, None], *, flat: bool) -> dict[str, str | None]:
    """Return a record as texts; the names of objects whose values become columns are added to ``opened``."""
    row: dict[str, str | None] = {}
    for name, value in record.items():
        stripped = str(name).strip()
        if flat and isinstance(value, dict) and value:
            inner = _as_row({f"{stripped}.{each}": below for each, below in value.items()}, {}, flat=True)
            if not inner.keys() & (record.keys() | row.keys()):
                opened[stripped] = None
                row |= inner
                continue
        row[stripped] = _text(value)
    return row


def _frame(rows: list[dict[str, str | None]]) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame({name: pl.Series(name, [row.get(name) for row in rows], pl.String) for name in names})


def _records(path: Path, shown: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_Number)
    buffer, at, ended, lines_before = "", 0, False, 1
    array = False
    with path.open("r", encoding="utf-8") as stream:
        while True:
            at = _skip(buffer, at, array=array)
            if at < len(buffer) and not array and buffer[at] == "[" and lines_before == 1 and not buffer[:at].strip():
                array, at = True, at + 1
                continue
            if at < len(buffer) and array and buffer[at] == "]":
                return
            try:
                if at >= len(buffer):
                    raise json.JSONDecodeError("end", buffer, at)
                record, at = decoder.raw_decode(buffer, at)
            except json.JSONDecodeError as error:
                chunk = "" if ended else stream.read(CHUNK_BYTES)
                if chunk and len(buffer) - at <= _LARGEST_RECORD:
                    lines_before += buffer.count("\n", 0, at)
                    buffer, at = buffer[at:] + chunk, 0
                    continue
                ended = True
                if not buffer[at:].strip():
                    return
                line = lines_before + buffer.count("\n", 0, at if chunk else max(at, error.pos))
                raise DataError(f"{shown} is not JSON records: {error.msg.lower()} in line {line}") from error
            if not isinstance(record, dict):
                line = lines_before + buffer.count("\n", 0, at)
                raise DataError(
                    f"{shown} holds {_what(record)} in line {line} where an object with named values is expected"
                )
            yield record


def _skip(buffer: str, at: int, *, array: bool) -> int:
    blanks = " \t\r\n," if array else " \t\r\n"
    while at < len(buffer) and buffer[at] in blanks:
        at += 1
    return at


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _nested(value)


def _nested(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(name))}: {_nested(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_nested(each) for each in value) + "]"
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def _what(value: object) -> str:
    return "an array" if isinstance(value, list) else f"the value {value!r}"
