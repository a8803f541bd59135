"""What is broken in a part of a window's rows: another unit, values gone, times moved, in one shop alone.

Each level of a few columns (a shop, a source) is held against the same level in the reference, so that what differs
between shops by nature is no news. What is known of all rows together is held likewise, under the empty key.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.measures.states.column import Shape
from tenfold.records.health import IntegrityFinding

Floats = npt.NDArray[np.float64]

_SHARES = tuple(each / 10 for each in range(1, 10))
_MOST_KEYS = 4
_MOST_LEVELS = 16
_MOST_COLUMNS = 60
_FEWEST = 30
_FEWEST_KNOWN = 100
_DAY = 86_400
_FACTORS: tuple[tuple[float, float, str], ...] = (
    (1_000.0, 0.0, "1000 (as g and kg, m and km)"),
    (100.0, 0.0, "100 (as cents, or per cent)"),
    (10.0, 0.0, "10 (as mm and cm)"),
    (2.54, 0.0, "2.54 (as inches and cm)"),
    (3.6, 0.0, "3.6 (as m/s and km/h)"),
    (2.2046, 0.0, "2.2046 (as kg and pounds)"),
    (1.609344, 0.0, "1.609 (as miles and km)"),
    (60.0, 0.0, "60 (as minutes and seconds)"),
    (1.8, 32.0, "1.8 and 32 (as Celsius and Fahrenheit)"),
)
_UNMISTAKABLE = ("1000 ", "100 ", "10 ", "60 ")
_APART = 1.0
_NEAR = 0.2
_MORE_MISSING = 0.2
_SURE = 5.0
_PILES = (-9999.0, -999.0, -99.0, -9.0, -1.0, 0.0, 99.0, 999.0, 9999.0, 99999.0)
_PILED_DAYS = (date(1, 1, 1), date(1899, 12, 30), date(1900, 1, 1), date(1970, 1, 1), date(9999, 12, 31))
_RARE = 0.002
_PILED = 0.02
_SURE_OF_MOVE = 12.0
_UNEVEN = 0.1
# Half the deviance of 24 hours that fit (23 degrees of freedom) stays below this.
_FITS_MOVED = 30.0
MOMENT = "time of the rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Rows of one level of one column (of all rows, where ``key`` is empty).

    Attributes
    ----------
    missing : mapping of str to float
        Share of rows without a value, by column.
    deciles : mapping of str to tuple of float
        The first to the ninth decile of each column of numbers.
    hours : mapping of str to tuple of int
        Rows by hour of the day (UTC) of each column of times.
    """

    key: str = ""
    level: str = ""
    rows: int = 0
    missing: Mapping[str, float] = field(default_factory=dict)
    deciles: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    hours: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The slice in words, to put behind a sentence; empty for all rows."""
        return f" where '{self.key}' is '{self.level}'" if self.key else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """The slices of a reference.

    Attributes
    ----------
    wander : mapping of str to float
        The largest distance of a window's deciles from those of all rows, in the reference itself, by column.
    piles : mapping of str to mapping of str to float
        Share of rows with each value that often stands for none, by column.
    """

    slices: tuple[Slice, ...] = ()
    wander: Mapping[str, float] = field(default_factory=dict)
    piles: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def slices_of(
    table: pl.DataFrame, shapes: Sequence[Shape], moments: pl.Series | None, starts: pl.Series | None
) -> Slices:
    """Return the slices of a reference; ``starts`` are the beginnings of the windows that its rows fall into."""
    shapes = shapes[:_MOST_COLUMNS]
    keys = [
        shape.name
        for shape in shapes
        if shape.kind in {"categorical", "boolean"} and shape.closed and 2 <= len(shape.levels) <= _MOST_LEVELS
    ][:_MOST_KEYS]
    rows = _with_moment(table, moments)
    facts = _Facts(rows, shapes)
    found = [Slice(rows=table.height, **facts.of(None))]
    found += [part for key in keys for part in _levels(rows, facts, key) if part.rows >= _FEWEST_KNOWN]
    numbers = [shape.name for shape in shapes if shape.kind == "numeric" and shape.name in found[0].deciles]
    wander: dict[str, float] = {}
    if starts is not None and numbers:
        whole = found[0].deciles
        numeric = [shape for shape in shapes if shape.name in numbers]
        for (_,), part in rows.with_columns(starts.alias("\0start")).group_by("\0start"):
            if part.height < _FEWEST:
                continue
            for name, deciles in _Facts(part, numeric).of(None)["deciles"].items():
                apart = _distance(np.array(deciles), np.array(whole[name]))
                wander[name] = max(wander.get(name, 0.0), min(apart, 1e9))
    return Slices(slices=tuple(found), wander=wander, piles=_piles(table, shapes))


def find_in_slices(
    known: Slices, shapes: Sequence[Shape], table: pl.DataFrame, moments: pl.Series | None, *, whole_days: bool
) -> Iterator[IntegrityFinding]:
    """Yield what is broken: in all rows, else in the level of a column where it is.

    Parameters
    ----------
    whole_days : bool
        The window is of one or more whole days, so that hours of the day can be compared.
    """
    if not known.slices or table.height < _FEWEST:
        return
    shapes = [shape for shape in shapes[:_MOST_COLUMNS] if shape.name in table.columns]
    rows = _with_moment(table, moments)
    facts = _Facts(rows, shapes)
    everything = Slice(rows=table.height, **facts.of(None))
    keys = list(dict.fromkeys(part.key for part in known.slices if part.key))
    there = {("", ""): everything}
    for key in keys:
        if key in table.columns:
            there.update({(part.key, part.level): part for part in _levels(rows, facts, key)})
    told: set[tuple[str, str]] = set()
    general = _moved_in_most(known, there)
    for before in known.slices:
        now = there.get((before.key, before.level))
        if now is None or now.rows < _FEWEST:
            continue
        for finding in _of_slice(before, now, known, whole_days=whole_days):
            assert finding.column is not None
            # What holds of all rows, or of one level already, is not told of every other.
            if finding.rule == "unit" and (before.key, finding.column) in general:
                continue
            if (finding.rule, finding.column) not in told:
                told.add((finding.rule, finding.column))
                yield finding
    yield from _stand_ins(known, shapes, table)


def _moved_in_most(known: Slices, there: Mapping[tuple[str, str], Slice]) -> set[tuple[str, str]]:
    """Return by key the columns that moved in most of its levels: that is no matter of one of them."""
    counted: dict[tuple[str, str], list[bool]] = {}
    for before in known.slices:
        now = there.get((before.key, before.level))
        if now is None or not before.key:
            continue
        for name, deciles in now.deciles.items():
            if name in before.deciles:
                apart = _distance(np.array(deciles), np.array(before.deciles[name])) >= _APART
                counted.setdefault((before.key, name), []).append(apart)
    return {place for place, moved in counted.items() if sum(moved) > len(moved) / 2}


def _of_slice(before: Slice, now: Slice, known: Slices, *, whole_days: bool) -> Iterator[IntegrityFinding]:
    for name, deciles in now.deciles.items():
        there = before.deciles.get(name)
        unit = None if there is None else another_unit(there, deciles, now.rows, known.wander.get(name, 0.0))
        if unit is not None:
            text = f"'{name}' seems to be in another unit{now.where}: it differs by {unit} from the reference"
            text += f" (median {deciles[4]:.4g}, there {there[4]:.4g}; {now.rows:,} rows)" if there else ""
            # A season moves a temperature by 2.54 as well: small factors over all rows are asked about, no more.
            sure = bool(now.key) or unit.startswith(_UNMISTAKABLE)
            yield IntegrityFinding(
                rule="unit",
                severity="critical" if sure else "warning",
                message=text,
                column=name,
                value=deciles[4],
            )
    if now.key:
        for name, share in now.missing.items():
            usual = before.missing.get(name, 0.0)
            noise = math.sqrt(max(usual * (1 - usual), 1.0 / now.rows) / now.rows)
            limit = max(usual + _MORE_MISSING, usual + _SURE * noise)
            if name != now.key and share > limit and share > 2 * usual:
                text = f"'{name}' is missing in {share:.0%} of {now.rows:,} rows{now.where} ({usual:.0%} before)"
                yield IntegrityFinding(
                    rule="missing", severity="warning", message=text, column=name, value=share, limit=limit
                )
    if whole_days:
        for name, hours in now.hours.items():
            shift = moved_hours(np.array(before.hours.get(name, ()), dtype=np.float64), np.array(hours, np.float64))
            if shift:
                text = f"the times '{name}' run {abs(shift)} h {'late' if shift > 0 else 'early'}{now.where} against"
                text += f" the reference ({now.rows:,} rows): another zone, or a clock that is wrong?"
                yield IntegrityFinding(
                    rule="hours", severity="warning", message=text, column=name, value=float(shift), limit=0.0
                )


def another_unit(before: Sequence[float], now: Sequence[float], rows: int, wander: float) -> str | None:
    """Return the known factor by which deciles differ, in words; None where they do not, or by none that is known.

    Deciles count as differing when they lie farther apart than one interdecile middle (and twice what windows of the
    reference do), and a factor explains them when it leaves less than a quarter of that.
    """
    there, here = np.array(before), np.array(now)
    plain = _distance(here, there)
    if plain < max(_APART, 2 * wander):
        return None
    near = _NEAR + 1.5 / math.sqrt(rows)
    best: tuple[float, str] | None = None
    for factor, offset, words in _FACTORS:
        for left in (_distance(here, there * factor + offset), _distance(here, (there - offset) / factor)):
            if left < min(near + wander, 0.3 * plain) and (best is None or left < best[0]):
                best = left, words
    return None if best is None else best[1]


def moved_hours(before: Floats, now: Floats) -> int:
    """Return by how many hours the daily course of ``now`` lags that of ``before``; 0 where no move explains it.

    A move is told when the rows are more likely by far under the usual course moved than under the usual course, and
    when it takes away most of what is odd about them (the deviance).
    """
    if len(before) != 24 or before.sum() < _FEWEST_KNOWN or now.sum() < _FEWEST:
        return 0
    usual = before / before.sum()
    # Even hours of so few rows are as uneven as this by chance (mean total variation); moving even ones says nothing.
    chance = 12 * math.sqrt(2 / (math.pi * 24 * float(before.sum())))
    if float(np.abs(usual - 1 / 24).sum()) / 2 < _UNEVEN + 2 * chance:
        return 0
    from scipy.special import gammaln

    # The reference is a sample too: rows are predicted from its counts (Dirichlet-multinomial), not from its shares.
    weights = before + 0.5
    likely = np.array(
        [float((gammaln(np.roll(weights, move) + now) - gammaln(np.roll(weights, move))).sum()) for move in range(24)]
    )
    best = int(likely.argmax())
    own = now[now > 0]
    most_likely = float(own @ np.log(own / now.sum()))
    shares = weights / weights.sum()
    odd, left = (most_likely - float(now @ np.log(np.roll(shares, move))) for move in (0, best))
    if best == 0 or likely[best] - likely[0] < _SURE_OF_MOVE or left > min(0.5 * odd, _FITS_MOVED):
        return 0
    return best if best <= 12 else best - 24


def _stand_ins(known: Slices, shapes: Sequence[Shape], table: pl.DataFrame) -> Iterator[IntegrityFinding]:
    for name, shares in _piles(table, shapes).items():
        for value, share in shares.items():
            usual = known.piles.get(name, {}).get(value, 0.0)
            if usual <= _RARE and share >= _PILED and share * table.height >= 5 and name in known.piles:
                text = (
                    f"'{name}' is {value} in {share:.0%} of {table.height:,} rows ({usual:.1%} in the reference):"
                    " does it mean missing?"
                )
                yield IntegrityFinding(
                    rule="stand-in", severity="warning", message=text, column=name, value=share, limit=_PILED
                )


def _piles(table: pl.DataFrame, shapes: Sequence[Shape]) -> dict[str, dict[str, float]]:
    """Return the share of rows with each value that often means missing, of columns with many values."""
    found: dict[str, dict[str, float]] = {}
    for shape in shapes:
        if shape.name not in table.columns or not table.height:
            continue
        values = table[shape.name]
        if shape.kind == "numeric" and len(shape.edges) >= 8:
            numbers = values.cast(pl.Float64).to_numpy()
            shares = {f"{pile:g}": float((numbers == pile).mean()) for pile in _PILES}
        elif shape.kind == "datetime" and values.dtype.is_temporal():
            days = values.cast(pl.Datetime("us")).dt.date()
            shares = {f"{pile}": float((days == pile).sum()) / table.height for pile in _PILED_DAYS}
        else:
            continue
        found[shape.name] = {value: share for value, share in shares.items() if share > 0}
    return found


def _with_moment(table: pl.DataFrame, moments: pl.Series | None) -> pl.DataFrame:
    return table if moments is None else table.with_columns(moments.alias(f"\0{MOMENT}"))


def _levels(rows: pl.DataFrame, facts: _Facts, key: str) -> Iterator[Slice]:
    codes = rows[key].cast(pl.String)
    counted = codes.drop_nulls().value_counts(name="\0rows", sort=True).head(_MOST_LEVELS)
    levels = counted.filter(pl.col("\0rows") >= _FEWEST)[key].sort().to_list()
    if not levels:
        return
    whose = codes.to_numpy()
    for level in levels:
        inside = np.flatnonzero(whose == level)
        yield Slice(key=key, level=level, rows=len(inside), **facts.of(inside))


class _Facts:
    """What is told of rows, column by column; the columns are turned into arrays once."""

    def __init__(self, rows: pl.DataFrame, shapes: Sequence[Shape]):
        self._names = [shape.name for shape in shapes if shape.name in rows.columns]
        self._numbers = [shape.name for shape in shapes if shape.kind == "numeric" and shape.name in rows.columns]
        columns = [rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in self._numbers]
        self._values = np.column_stack(columns) if columns else np.empty((rows.height, 0))
        self._values[~np.isfinite(self._values)] = np.nan
        gone = [rows[name].is_null().to_numpy() for name in self._names]
        self._gone = np.column_stack(gone) if gone else np.empty((rows.height, 0), dtype=bool)
        self._hours: dict[str, npt.NDArray[np.int8]] = {}
        times = [shape.name for shape in shapes if shape.kind == "datetime" and shape.name in rows.columns]
        moment = [f"\0{MOMENT}"] if f"\0{MOMENT}" in rows.columns else []
        # The moment of a row is mostly one of its columns.
        moment = [] if moment and any(rows[moment[0]].equals(rows[name]) for name in times) else moment
        for name in [*moment, *times]:
            if rows.schema[name].is_temporal() and rows.schema[name] != pl.Date:
                self._hours[name.lstrip("\0")] = rows[name].dt.hour().fill_null(-1).to_numpy()

    def of(self, inside: npt.NDArray[np.int64] | None) -> dict[str, Any]:
        """Return what a `Slice` holds, of all rows or of those at some places."""
        gone = self._gone if inside is None else self._gone[inside]
        shares = gone.mean(axis=0) if len(gone) else np.zeros(len(self._names))
        hours = {}
        for name, every in self._hours.items():
            some = every if inside is None else every[inside]
            counted = np.bincount(some[some >= 0], minlength=24)
            if counted.sum() >= _FEWEST and np.count_nonzero(counted) >= 6:
                hours[name] = tuple(int(each) for each in counted)
        values = self._values if inside is None else self._values[inside]
        return {
            "missing": {name: float(share) for name, share in zip(self._names, shares, strict=True) if share > 0},
            "deciles": _deciles(values, self._numbers),
            "hours": hours,
        }


def _deciles(values: Floats, names: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Return the deciles of each column, (n, columns) with NaN for missing, between neighbours."""
    if not values.size:
        return {}
    known = np.isfinite(values).sum(axis=0)
    # NaN comes last.
    ordered = np.sort(values, axis=0)
    places = np.outer(_SHARES, np.maximum(known - 1, 0))
    low = np.floor(places).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(known - 1, 0))
    across = np.arange(values.shape[1])
    found = ordered[low, across] + (places - low) * (ordered[high, across] - ordered[low, across])
    return {
        name: tuple(float(each) for each in found[:, place])
        for place, name in enumerate(names)
        if known[place] >= _FEWEST
    }


def _distance(now: Floats, known: Floats) -> float:
    """Return how far deciles lie apart, in middles (from the second to the eighth decile) of the known ones."""
    width = float(known[7] - known[1])
    return float(np.abs(now - known).mean() / width) if width > 0 else 0.0
