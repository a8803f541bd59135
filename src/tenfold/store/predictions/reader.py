"""The reading side of the prediction log: what was answered since a position, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from tenfold.foundation.errors import StoreError
from tenfold.store.predictions.log import FOLDER, KIND_LETTERS
from tenfold.store.predictions.segment import HEADER, SUFFIX, frames

_MOMENT = pl.Datetime("us", "UTC")
_OWN: Mapping[str, pl.DataType] = {
    "id": pl.String(),
    "at": _MOMENT,
    "recorded": _MOMENT,
    "ref": pl.String(),
    "bundle": pl.String(),
    "replay": pl.Boolean(),
    "decision": pl.String(),
}
_BESIDE: Mapping[str, pl.DataType] = {
    "assigned": pl.String(),
    "reasons": pl.String(),
    "imputed": pl.List(pl.String()),
}
"""Columns that are there only where some row has a value."""
_ASSIGNED = "assigned"
_TYPES: Mapping[str, pl.DataType] = {
    KIND_LETTERS["numeric"]: pl.Float64(),
    KIND_LETTERS["categorical"]: pl.String(),
    KIND_LETTERS["boolean"]: pl.Boolean(),
    KIND_LETTERS["datetime"]: _MOMENT,
    KIND_LETTERS["text"]: pl.String(),
}
_ISO = "%Y-%m-%dT%H:%M:%S%.f%:z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a reader has come: for each segment, the byte at which its next record begins."""

    segments: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Bytes of a segment, ``start`` to ``end``, that are no records although records follow them."""

    segment: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictions:
    """What was read.

    Attributes
    ----------
    rows : DataFrame
        One row for each prediction, in the order in which they were recorded: ``id``, ``at``, ``recorded``, ``ref``,
        ``bundle``, ``replay``, ``decision`` (null for a regression), the score columns (``proba_<class>``, or
        ``score``), and the model's inputs in canonical form. An input that is called as one of the others is named
        ``input_<name>``. Where any row has such: ``assigned``, the id by which it was divided if that is not its own;
        ``reasons``, of a row that was explained, a JSON object with the score (``of``), its ``base`` and the
        ``effects`` by column; ``imputed``, the columns whose values the endpoint's policies left out.
    position : Position
        Where to read on; records that were not whole yet are read then.
    damaged : tuple of Damage
        What could not be read although something was there: the disk has lost or altered it.
    """

    rows: pl.DataFrame
    position: Position
    damaged: tuple[Damage, ...]


def read_predictions(
    folder: Path, endpoint: str, since: Position | None = None, *, most_rows: int | None = None
) -> Predictions:
    """Read an endpoint's predictions from the log.

    Parameters
    ----------
    folder : Path
        The store's.
    since : Position or None
        Where an earlier call ended; None reads all.
    most_rows : int or None
        Stop after the request that reaches this number; call again with the position for more. Segments are read one
        after the other, so the rows of several workers are then in order only within each call.

    Raises
    ------
    StoreError
        When a segment is not a log, or of another format.
    """
    reached = dict((since or Position()).segments)
    sections: list[Section] = []
    count = 0
    for path in segments_of(folder, endpoint):
        if most_rows is not None and count >= most_rows:
            break
        left = None if most_rows is None else most_rows - count
        section = read_section(path, reached.get(path.name, len(HEADER)), most_rows=left)
        count += section.rows
        if section.end is not None:
            reached[path.name] = section.end
        sections.append(section)
    return joined(sections, Position(segments=reached))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Section:
    """What was read of one segment.

    Attributes
    ----------
    tables : tuple of DataFrame
        The rows, a table for each version that answered, as `joined` takes them.
    end : int or None
        The byte at which the next record begins; None where none was read.
    """

    tables: tuple[pl.DataFrame, ...] = ()
    end: int | None = None
    damaged: tuple[Damage, ...] = ()

    @property
    def rows(self) -> int:
        """How many predictions were read."""
        return sum(table.height for table in self.tables)

    def since(self, start: int) -> Section:
        """Return what of it stands at a byte of the segment or behind it."""
        if start <= len(HEADER):
            return self
        return Section(
            tables=tuple(table.filter(pl.col(_PLACE) >= start) for table in self.tables),
            end=self.end,
            damaged=tuple(each for each in self.damaged if each.end > start),
        )

    def followed_by(self, more: Section) -> Section:
        """Return this section with what comes right after it."""
        return Section(
            tables=(*self.tables, *more.tables),
            end=self.end if more.end is None else more.end,
            damaged=(*self.damaged, *more.damaged),
        )


def read_section(path: Path, start: int, *, most_rows: int | None = None) -> Section:
    """Read a segment from a byte on, at which a record begins.

    Raises
    ------
    StoreError
        When the segment is not a log, or of another format.
    """
    damaged: list[Damage] = []
    batches: dict[tuple[Any, ...], _Batch] = {}
    count, end = 0, None
    for frame in frames(_after(path, start), 0):
        if frame.skipped is not None:
            damaged.append(Damage(segment=path.name, start=start + frame.skipped, end=start + frame.start))
        record = orjson.loads(frame.payload)
        shape = (record["bundle"], record["ref"], record["kinds"], tuple(record["columns"]))
        # Each row takes more than a byte, so that these numbers are as many as the rows, and in their order.
        batches.setdefault(shape, _Batch(record)).add(record, start + frame.start)
        count += len(record["ids"])
        end = start + frame.end
        if most_rows is not None and count >= most_rows:
            break
    return Section(tables=tuple(batch.table() for batch in batches.values()), end=end, damaged=tuple(damaged))


def joined(sections: Sequence[Section], position: Position) -> Predictions:
    """Return the sections of an endpoint's segments, in the order of their names, as one table."""
    tables = [
        _finished(table, segment)
        for segment, section in enumerate(sections)
        for table in section.tables
        if table.height
    ]
    damaged = tuple(each for section in sections for each in section.damaged)
    if not tables:
        return Predictions(rows=pl.DataFrame(schema=dict(_OWN)), position=position, damaged=damaged)
    # A column that changed its kind between versions takes the type that holds both.
    whole = tables[0] if len(tables) == 1 else pl.concat(tables, how="diagonal_relaxed")
    if _ASSIGNED in whole.columns:
        whole = whole.with_columns(pl.col(_ASSIGNED).fill_null(pl.col("id")))
    rows = whole.sort("recorded", _SEGMENT, _PLACE).drop(_SEGMENT, _PLACE)
    return Predictions(rows=rows, position=position, damaged=damaged)


def end_of(folder: Path, endpoint: str) -> Position:
    """Return where an endpoint's log ends now: who reads on from there gets what comes after."""
    return Position(segments={path.name: path.stat().st_size for path in segments_of(folder, endpoint)})


def endpoints_logged(folder: Path) -> tuple[str, ...]:
    """Return the endpoints that have a log, sorted."""
    place = folder / FOLDER
    return tuple(sorted(path.name for path in place.iterdir() if path.is_dir())) if place.is_dir() else ()


class _Batch:
    """Records of one version, column by column."""

    def __init__(self, record: Mapping[str, Any]):
        self._kinds = dict(zip(record["columns"], record["kinds"], strict=True))
        self._outputs: list[str] = record["outputs"]
        self._ref, self._bundle = record["ref"], record["bundle"]
        self._own: dict[str, list[Any]] = {"id": [], "at": [], "recorded": [], "replay": [], "decision": []}
        self._beside: dict[str, list[Any]] = {name: [] for name in _BESIDE}
        self._order: list[int] = []
        self._scores: list[list[list[float]]] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in self._kinds}

    def add(self, record: Mapping[str, Any], place: int) -> None:
        ids = record["ids"]
        rows = len(ids)
        self._own["id"] += ids
        self._own["at"] += [record["at"]] * rows
        self._own["recorded"] += [record["recorded"]] * rows
        self._own["replay"] += [record.get("replay", False)] * rows
        self._own["decision"] += record["decisions"] or [None] * rows
        self._beside["assigned"] += record.get("assigned") or [None] * rows
        self._beside["reasons"] += _reasons(record) or [None] * rows
        self._beside["imputed"] += record.get("imputed") or [None] * rows
        self._order += range(place, place + rows)
        self._scores.append(record["scores"])
        for name, values in record["columns"].items():
            self._columns[name] += values

    def table(self) -> pl.DataFrame:
        rows = len(self._order)
        scores = [row for part in self._scores for row in part]
        own = [_series(name, self._own[name], _OWN[name]) for name in ("id", "at", "recorded")]
        own.append(pl.repeat(self._ref, rows, dtype=pl.String, eager=True).alias("ref"))
        own.append(pl.repeat(self._bundle, rows, dtype=pl.String, eager=True).alias("bundle"))
        own += [_series(name, self._own[name], _OWN[name]) for name in ("replay", "decision")]
        outputs = [
            pl.Series(name, [row[place] for row in scores], dtype=pl.Float64)
            for place, name in enumerate(self._outputs)
        ]
        own += [pl.Series(name, self._beside[name], dtype=dtype) for name, dtype in _BESIDE.items()]
        taken = {*_OWN, *_BESIDE, *self._outputs}
        inputs = [
            _series(f"input_{name}" if name in taken else name, self._columns[name], _TYPES[kind])
            for name, kind in self._kinds.items()
        ]
        return pl.DataFrame([*own, *outputs, *inputs, pl.Series(_PLACE, self._order, dtype=pl.Int64)])


_SEGMENT, _PLACE = "\x00segment", "\x00place"


def _reasons(record: Mapping[str, Any]) -> list[str] | None:
    found = record.get("reasons")
    if found is None:
        return None
    names = tuple(record["columns"])
    return [
        orjson.dumps({**each, "effects": dict(zip(names, each["effects"], strict=True))}).decode() for each in found
    ]


def _finished(table: pl.DataFrame, segment: int) -> pl.DataFrame:
    """Return a table without the columns of which it has no value, and with the place of its segment."""
    absent = [name for name in _BESIDE if table[name].null_count() == table.height]
    return table.drop(absent).with_columns(pl.lit(segment, dtype=pl.Int64).alias(_SEGMENT))


def _series(name: str, values: list[Any], dtype: pl.DataType) -> pl.Series:
    if dtype == _MOMENT:
        return pl.Series(name, values, dtype=pl.String).str.to_datetime(_ISO, time_unit="us", time_zone="UTC")
    return pl.Series(name, values, dtype=dtype)


def segments_of(folder: Path, endpoint: str) -> Sequence[Path]:
    """Return an endpoint's segments, sorted."""
    place = folder / FOLDER / endpoint
    return sorted(path for path in place.iterdir() if path.suffix == SUFFIX) if place.is_dir() else ()


def _after(path: Path, start: int) -> bytes:
    """Return what a segment holds from a byte on."""
    with path.open("rb") as stream:
        header = stream.read(len(HEADER))
        if header == HEADER:
            stream.seek(start)
            return stream.read()
    if HEADER.startswith(header):
        return b""
    raise StoreError(f"'{path}' is not a segment of the prediction log in the format that this version reads")
