"""What was read of the prediction log before: the next look parses only what was written since.

For each segment there is one file beside the log, with its rows in columns and the byte up to which they were read. It
is nothing but a memory: where it is missing, damaged, of another format or of another segment, the log is read again.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from tenfold.store.files.disk import Disk, explained
from tenfold.store.predictions.reader import (
    Damage,
    Position,
    Predictions,
    Section,
    joined,
    read_section,
    segments_of,
)
from tenfold.store.predictions.segment import HEADER

FOLDER = "remembered"
_MAGIC = b"tenfold-remembered/1\n"
_SUFFIX = ".rows"
_SHARE = 8
"""What is new is written down once it is an eighth of the whole: all writing together is no more than some times the
log, and no look parses more than an eighth."""


def read_remembered(folder: Path, endpoint: str, since: Position | None = None, *, keep: bool = True) -> Predictions:
    """Read an endpoint's predictions as `read_predictions` does, row for row, and remember them.

    Parameters
    ----------
    folder : Path
        The store's.
    since : Position or None
        Where an earlier call ended; None reads all.
    keep : bool
        Whether to remember what is new; otherwise nothing is written.

    Raises
    ------
    StoreError
        When a segment is not a log or of another format, or the disk refuses what is to be remembered.
    """
    reached = dict((since or Position()).segments)
    memory = folder / FOLDER / endpoint
    sections: list[Section] = []
    paths = segments_of(folder, endpoint)
    for path in paths:
        start = reached.get(path.name, len(HEADER))
        section = _read(path, memory / (path.stem + _SUFFIX), Disk(folder) if keep else None).since(start)
        if section.end is not None:
            reached[path.name] = max(start, section.end)
        sections.append(section)
    if keep:
        _forget(memory, {path.stem + _SUFFIX for path in paths})
    return joined(sections, Position(segments=reached))


def _read(path: Path, memory: Path, disk: Disk | None) -> Section:
    """Return a whole segment: what is remembered of it, and what came since."""
    known = _recall(memory, path)
    start = len(HEADER) if known.end is None else known.end
    more = read_section(path, start)
    if more.end is None:
        return known
    whole = known.followed_by(more)
    assert whole.end is not None  # `more` has one
    if disk is not None and (more.end - start) * _SHARE >= whole.end:
        whole = Section(tables=_merged(whole.tables), end=whole.end, damaged=whole.damaged)
        disk.make_folder(memory.parent)
        disk.write(memory, _packed(whole, path))
    return whole


def _merged(tables: tuple[pl.DataFrame, ...]) -> tuple[pl.DataFrame, ...]:
    """Return tables with the same columns and versions as one."""
    alike: dict[tuple[Any, ...], list[pl.DataFrame]] = {}
    for table in tables:
        if not table.height:
            continue
        alike.setdefault((table["ref"][0], table["bundle"][0], *table.schema.items()), []).append(table)
    return tuple(pl.concat(each) if len(each) > 1 else each[0] for each in alike.values())


def _packed(section: Section, path: Path) -> bytes:
    parts = []
    for table in section.tables:
        buffer = io.BytesIO()
        table.write_ipc(buffer, compression="zstd")
        parts.append(buffer.getvalue())
    content = b"".join(parts)
    facts = {
        "segment": _identity(path),
        "end": section.end,
        "sizes": [len(part) for part in parts],
        "damaged": [[each.start, each.end] for each in section.damaged],
        "checksum": zlib.crc32(content),
    }
    return b"".join([_MAGIC, orjson.dumps(facts), b"\n", content])


def _recall(memory: Path, path: Path) -> Section:
    """Return what is remembered of a segment; nothing where that cannot be relied on."""
    if not memory.is_file():
        return Section()
    content = memory.read_bytes()
    if not content.startswith(_MAGIC):
        return Section()
    line = content.find(b"\n", len(_MAGIC))
    try:
        facts: Mapping[str, Any] = orjson.loads(content[len(_MAGIC) : line])
    except orjson.JSONDecodeError:
        return Section()
    body = memoryview(content)[line + 1 :]
    if zlib.crc32(body) != facts["checksum"] or facts["segment"] != _identity(path):
        return Section()
    if facts["end"] > path.stat().st_size:
        return Section()
    tables, start = [], 0
    for size in facts["sizes"]:
        tables.append(pl.read_ipc(io.BytesIO(body[start : start + size])))
        start += size
    damaged = tuple(Damage(segment=path.name, start=first, end=last) for first, last in facts["damaged"])
    return Section(tables=tuple(tables), end=facts["end"], damaged=damaged)


def _identity(path: Path) -> list[Any]:
    """Tell a segment from another one of the same name, as a copy of the store brings it."""
    found = path.stat()
    return [path.name, found.st_ino, found.st_dev]


def _forget(memory: Path, known: set[str]) -> None:
    """Remove what is remembered of segments that are gone."""
    if not memory.is_dir():
        return
    with explained(memory):
        for path in memory.iterdir():
            if path.suffix == _SUFFIX and path.name not in known:
                path.unlink(missing_ok=True)
