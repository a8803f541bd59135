"""The reading side of the prediction log: what was answered since a position, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
        ``input_<name>``. ``assigned``, where any row was divided by another id than its own: that id.
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
    damaged: list[Damage] = []
    batches: dict[tuple[Any, ...], _Batch] = {}
    count = 0
    for path in _segments(folder / FOLDER / endpoint):
        if most_rows is not None and count >= most_rows:
            break
        start = reached.get(path.name, len(HEADER))
        content = _after(path, start)
        for frame in frames(content, 0):
            if frame.skipped is not None:
                damaged.append(Damage(segment=path.name, start=start + frame.skipped, end=start + frame.start))
            record = orjson.loads(frame.payload)
            shape = (record["bundle"], record["ref"], record["kinds"], tuple(record["columns"]))
            batches.setdefault(shape, _Batch(record)).add(record, count)
            count += len(record["ids"])
            reached[path.name] = start + frame.end
            if most_rows is not None and count >= most_rows:
                break
    return Predictions(rows=_table(batches.values()), position=Position(segments=reached), damaged=tuple(damaged))


def end_of(folder: Path, endpoint: str) -> Position:
    """Return where an endpoint's log ends now: who reads on from there gets what comes after."""
    return Position(segments={path.name: path.stat().st_size for path in _segments(folder / FOLDER / endpoint)})


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
        self._assigned: list[str | None] = []
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
        self._assigned += record.get(_ASSIGNED) or [None] * rows
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
        if any(each is not None for each in self._assigned):
            own.append(pl.Series(_ASSIGNED, self._assigned, dtype=pl.String).fill_null(own[0]))
        taken = {*_OWN, _ASSIGNED, *self._outputs}
        inputs = [
            _series(f"input_{name}" if name in taken else name, self._columns[name], _TYPES[kind])
            for name, kind in self._kinds.items()
        ]
        return pl.DataFrame([*own, *outputs, *inputs, pl.Series(_PLACE, self._order, dtype=pl.Int64)])


_PLACE = "\x00place"


def _table(batches: Iterable[_Batch]) -> pl.DataFrame:
    tables = [batch.table() for batch in batches]
    if not tables:
        return pl.DataFrame(schema=dict(_OWN))
    # A column that changed its kind between versions takes the type that holds both.
    whole = tables[0] if len(tables) == 1 else pl.concat(tables, how="diagonal_relaxed")
    if _ASSIGNED in whole.columns:
        whole = whole.with_columns(pl.col(_ASSIGNED).fill_null(pl.col("id")))
    return whole.sort("recorded", _PLACE).drop(_PLACE)


def _series(name: str, values: list[Any], dtype: pl.DataType) -> pl.Series:
    if dtype == _MOMENT:
        return pl.Series(name, values, dtype=pl.String).str.to_datetime(_ISO, time_unit="us", time_zone="UTC")
    return pl.Series(name, values, dtype=dtype)


def _segments(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)


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
