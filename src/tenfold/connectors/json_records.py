"""Records written as JSON: one object a line, or one array of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from tenfold.connectors.text_file import CHUNK_BYTES
from tenfold.foundation.errors import DataError

_ROWS_AT_ONCE = 100_000
_LARGEST_RECORD = 16 << 20


class _Number(str):
    """A number as the text writes it."""

    __slots__ = ()


def scan_json(path: Path, *, shown: str, workdir: Path) -> pl.LazyFrame:
    """Return records as strings, written as the source writes them: ``1.50`` stays ``1.50``, true is ``true``.

    Columns come in the order of their first occurrence; a record without one has null there. Nested values are kept as
    JSON text.

    Raises
    ------
    DataError
        When the text is not JSON records; the line is named.
    """
    parts: list[pl.LazyFrame] = []
    rows: list[dict[str, str | None]] = []
    for record in _records(path, shown):
        rows.append(record)
        if len(rows) == _ROWS_AT_ONCE:
            part = workdir / f"{path.name}.{len(parts)}.parquet"
            _frame(rows).write_parquet(part)
            parts.append(pl.scan_parquet(part))
            rows = []
    if rows:
        parts.append(_frame(rows).lazy())
    if not parts:
        raise DataError(f"{shown} holds no record")
    return pl.concat(parts, how="diagonal")


def _frame(rows: list[dict[str, str | None]]) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame({name: pl.Series(name, [row.get(name) for row in rows], pl.String) for name in names})


def _records(path: Path, shown: str) -> Iterator[dict[str, str | None]]:
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
            yield {str(name).strip(): _text(value) for name, value in record.items()}


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
