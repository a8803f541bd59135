"""One column, counted chunk by chunk: its profile, the shape that its state is counted by, and that state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.measures.states.column import SKETCH, ColumnState, Kind, Shape
from tenfold.measures.states.profile import (
    QUARTILES,
    TOP,
    ColumnProfile,
    finite,
    histogram,
    profile_of_counted,
    scaled_to,
    shown,
)
from tenfold.measures.states.scan import hashed, state_of_numbers, state_of_words
from tenfold.measures.states.shape import MOST_LEVELS, shape_of, shape_of_counted, shape_of_levels

Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]
Watch = Callable[[pl.Series, pl.Series | None], None]
"""Who else looks at the values: each distinct one once, with its number of rows, or all of them as they come by."""

MOST_NUMBERS = 16_384
"""Numbers with at most so many distinct values are counted value by value: all that is said of them is exact."""
MOST_WORDS = 100_000
"""Words likewise."""
DISTINCT_SKETCH = 4096
"""So many of the smallest hashes estimate how many distinct values there are: within 1.6 % (one standard error)."""
# The first values of a column tell whether counting them one by one is worth its time.
_PROBE = 16_384
_MOSTLY_DISTINCT = 0.5
# Numbers are worked on in blocks that stay in the processor's cache.
_BLOCK = 32_768
_MOST_PARTS = 64
_ROWS = "rows"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counted:
    """What one pass found of a column.

    Attributes
    ----------
    values : DataFrame or None
        Where they were counted one by one, the distinct values (column ``value``) and how often each occurs (``rows``).
    """

    profile: ColumnProfile
    shape: Shape
    state: ColumnState
    values: pl.DataFrame | None = None


@dataclass(slots=True)
class _Dictionary:
    """Distinct values and how often each occurs, as long as they are at most ``most``."""

    most: int
    parts: list[pl.DataFrame] = field(default_factory=list)
    rows: int = 0

    def add(self, values: pl.Series) -> bool:
        """Count some values, none of them missing; False when there are too many distinct ones."""
        part = values.rename("value").value_counts(name=_ROWS).select("value", pl.col(_ROWS).cast(pl.Int64))
        self.parts.append(part)
        self.rows += part.height
        if self.rows <= 2 * self.most and len(self.parts) <= _MOST_PARTS:
            return True
        self.parts = [_joined(self.parts)]
        self.rows = self.parts[0].height
        return self.rows <= self.most

    def together(self) -> pl.DataFrame:
        """Return the distinct values in ascending order, with their rows."""
        return _joined(self.parts).sort("value")


def _joined(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    if not parts:
        return pl.DataFrame(schema={"value": pl.String, _ROWS: pl.Int64})
    return parts[0] if len(parts) == 1 else pl.concat(parts).group_by("value").agg(pl.col(_ROWS).sum())


@dataclass(slots=True)
class _Smallest:
    """The smallest distinct hashes of all that passed by (Bar-Yossef et al., 2002)."""

    most: int = DISTINCT_SKETCH
    _kept: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))
    _waiting: list[Hashes] = field(default_factory=list)
    _rows: int = 0

    def add(self, hashes: Hashes) -> None:
        if len(self._kept) == self.most:
            hashes = hashes[hashes < self._kept[-1]]
        self._waiting.append(hashes)
        self._rows += len(hashes)
        # Sorting many at once costs less than sorting few at a time.
        if self._rows > 4 * self.most:
            self._sort_in()

    @property
    def kept(self) -> Hashes:
        """The hashes, ascending."""
        if self._waiting:
            self._sort_in()
        return self._kept

    @property
    def distinct(self) -> int:
        """How many distinct hashes there were: exact below ``most``, else estimated."""
        kept = self.kept
        if len(kept) < self.most:
            return len(kept)
        return round((self.most - 1) / ((float(kept[-1]) + 1) / 2.0**64))

    def _sort_in(self) -> None:
        every = np.concatenate([self._kept, *self._waiting])
        if len(every) > 8 * self.most:
            # Spread evenly, the smallest of many lie below a small bound: so few need sorting.
            some = every[every < np.uint64(4 * self.most / len(every) * 2.0**64)]
            distinct = _distinct(some)
            every = distinct if len(distinct) >= self.most else every
        self._kept = _distinct(every)[: self.most]
        self._waiting, self._rows = [], 0


def _distinct(hashes: Hashes) -> Hashes:
    hashes = np.sort(hashes)
    first = np.ones(len(hashes), dtype=np.bool_)
    np.not_equal(hashes[1:], hashes[:-1], out=first[1:])
    return hashes[first]


@dataclass(slots=True)
class NumberTally:
    """A column of numbers, or of times or of the lengths of texts as numbers.

    Parameters
    ----------
    pilot : Series
        Some of the column's values: bins are drawn by them where the values are too many to be counted one by one.
    shape : Shape or None
        How the state is counted; None draws it from the column itself.
    """

    name: str
    kind: Kind
    pilot: pl.Series
    shape: Shape | None = None
    ranged: bool = True
    watch: Watch | None = None
    n: int = 0
    _counted: _Dictionary | None = field(default_factory=lambda: _Dictionary(MOST_NUMBERS))
    _state: ColumnState = field(default_factory=ColumnState)
    _sketch: _Smallest = field(default_factory=_Smallest)
    _mean: float = 0.0
    _squares: float = 0.0

    def see(self, values: pl.Series) -> None:
        """Count some more rows."""
        self.n += len(values)
        values = values.drop_nulls()
        if values.dtype.is_float() and not values.is_finite().all():
            values = values.filter(values.is_finite())
        if self._counted is not None:
            if not self._counted.parts and _mostly_distinct(values):
                self._go_on_without(values)
            elif self._counted.add(values):
                return
            else:
                found, self._counted = self._counted.together(), None
                if self.watch is not None:
                    self.watch(found["value"], found[_ROWS])
                self._take(_floats(found["value"]), found[_ROWS].to_numpy())
                return
        if self.watch is not None:
            self.watch(values, None)
        self._take(_floats(values))

    def _go_on_without(self, values: pl.Series) -> None:
        self._counted = None
        if self.shape is None:
            source = self.pilot if len(self.pilot) else values
            self.shape = shape_of(_numbers(source, self.kind).rename(self.name), "numeric", ranged=self.ranged)
            self.shape = _as_kind(self.shape, self.kind)

    def _take(self, every: Floats, weights: npt.NDArray[np.int64] | None = None) -> None:
        if self.shape is None:
            self._go_on_without(pl.Series(every))
        assert self.shape is not None
        for start in range(0, len(every), _BLOCK):
            numbers = every[start : start + _BLOCK]
            counts = None if weights is None else weights[start : start + _BLOCK]
            hashes = hashed(numbers)
            self._state = _added(self._state, state_of_numbers(numbers, hashes, self.shape, counts))
            self._sketch.add(hashes)
            self._spread(numbers, counts)

    def _spread(self, numbers: Floats, counts: npt.NDArray[np.int64] | None) -> None:
        """Add to mean and squared deviations (Chan, Golub and LeVeque, 1983)."""
        together = self._state.n
        n = len(numbers) if counts is None else int(counts.sum())
        weights = np.ones(1) if counts is None else counts
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(numbers.sum() / n) if counts is None else float((numbers * weights).sum() / n)
            apart = numbers - mean
            squares = float(apart @ apart) if counts is None else float((apart * apart * weights).sum())
            # The state counts these numbers already.
            earlier, step = together - n, mean - self._mean
            self._mean += step * n / together
            self._squares += squares + step * step * earlier * n / together

    def finish(self, whole: pl.Series | None, sample: pl.Series) -> Counted:
        """Return what was found; ``whole`` is the column itself where it is at hand, else ``sample`` stands for it."""
        if self._counted is not None:
            counted = self._counted.together()
            if self.watch is not None:
                self.watch(counted["value"], counted[_ROWS])
            return self._exactly(counted)
        assert self.shape is not None
        state = self._state
        missing = self.n - state.n
        numbers = np.sort(_floats(_finite(sample if whole is None else whole)))
        bins = histogram(numbers, None, low=_known(state.low), high=_known(state.high))
        if whole is None:
            distinct, bins = self._sketch.distinct, scaled_to(bins, state.n)
        else:
            distinct = 1 + int(np.count_nonzero(np.diff(numbers)))
        deviation = float(np.sqrt(self._squares / (state.n - 1))) if state.n > 1 else None
        profile = ColumnProfile(
            missing=missing,
            distinct=distinct,
            low=state.low,
            high=state.high,
            mean=finite(self._mean),
            deviation=finite(deviation),
            quartiles=tuple(float(each) for each in np.quantile(numbers, QUARTILES)) if len(numbers) else (),
            histogram=bins,
            estimated=whole is None,
        )
        state = replace(state, n=self.n, missing=missing, sketch=tuple(self._sketch.kept[:SKETCH].tolist()))
        return Counted(profile=profile, shape=self.shape, state=state)

    def _exactly(self, found: pl.DataFrame) -> Counted:
        numbers, counts = _floats(found["value"]), found[_ROWS].to_numpy()
        shape = self.shape or shape_of_counted(self.name, self.kind, numbers, counts, ranged=self.ranged)
        missing = self.n - int(counts.sum())
        state = ColumnState(n=self.n, missing=missing, counts=(0,) * shape.bins)
        if len(numbers):
            hashes = hashed(numbers)
            found_state = state_of_numbers(numbers, hashes, shape, counts)
            smallest = tuple(np.unique(hashes)[:SKETCH].tolist())
            state = replace(found_state, n=self.n, missing=missing, sketch=smallest)
        profile = profile_of_counted(numbers, counts, missing=missing)
        return Counted(profile=profile, shape=shape, state=state, values=found)


@dataclass(slots=True)
class WordTally:
    """A column of categories, of truth values, or of text.

    Of a text the state counts the lengths; its words are only looked at for the profile.
    """

    name: str
    kind: Kind
    shape: Shape | None = None
    lengths: NumberTally | None = None
    watch: Watch | None = None
    n: int = 0
    _missing: int = 0
    _counted: _Dictionary | None = field(default_factory=lambda: _Dictionary(MOST_WORDS))
    _frequent: pl.DataFrame | None = None
    _state: ColumnState = field(default_factory=ColumnState)
    _sketch: _Smallest = field(default_factory=_Smallest)

    def see(self, values: pl.Series) -> None:
        """Count some more rows."""
        self.n += len(values)
        self._missing += values.null_count()
        if self.lengths is not None:
            self.lengths.see(values.str.len_chars())
        values = values.drop_nulls()
        if values.dtype == pl.Categorical:
            values = values.cast(pl.String)
        if self._counted is not None:
            if self._counted.add(values):
                return
            found = self._counted.together()
            self._counted, self._frequent = None, _most_frequent(found.with_columns(pl.col("value").cast(pl.String)))
        else:
            found = values.rename("value").value_counts(name=_ROWS).with_columns(pl.col(_ROWS).cast(pl.Int64))
        if self.watch is not None:
            self.watch(found["value"], found[_ROWS])
        self._take(found.with_columns(pl.col("value").cast(pl.String)))

    def _take(self, found: pl.DataFrame) -> None:
        assert self._frequent is not None
        if self.shape is None:
            self.shape = replace(
                shape_of_levels("value", self.kind, self._frequent), name=self.name, closed=False, novelty=0.0
            )
        if self._state.n:
            # What occurs later but not among the frequent ones is not counted by itself.
            self._frequent = (
                pl.concat([self._frequent, found.join(self._frequent, on="value", how="semi").select("value", _ROWS)])
                .group_by("value")
                .agg(pl.col(_ROWS).sum())
            )
        self._sketch.add(found["value"].hash(seed=1).to_numpy())
        if self.lengths is None:
            rows = found[_ROWS].to_list()
            self._state = _added(self._state, state_of_words(found["value"].to_list(), rows, sum(rows), self.shape))
        else:
            self._state = replace(self._state, n=self._state.n + int(found[_ROWS].sum()))

    def finish(self, whole: pl.Series | None, sample: pl.Series) -> Counted:
        """Return what was found; ``whole`` is the column itself where it is at hand."""
        lengths = None if self.lengths is None else self.lengths.finish(None, sample.str.len_chars())
        if self._counted is not None:
            counted = self._counted.together()
            if self.watch is not None:
                self.watch(counted["value"], counted[_ROWS])
            return self._exactly(counted, lengths)
        assert self._frequent is not None
        distinct = self._sketch.distinct if whole is None else whole.drop_nulls().n_unique()
        profile = ColumnProfile(
            missing=self._missing, distinct=distinct, top=_top(self._frequent), estimated=whole is None
        )
        if lengths is not None:
            return Counted(profile=profile, shape=lengths.shape, state=lengths.state)
        assert self.shape is not None
        state = replace(self._state, n=self.n, missing=self._missing)
        return Counted(profile=profile, shape=self.shape, state=state)

    def _exactly(self, found: pl.DataFrame, lengths: Counted | None) -> Counted:
        words = found.with_columns(pl.col("value").cast(pl.String))
        profile = ColumnProfile(missing=self._missing, distinct=found.height, top=_top(words))
        if lengths is not None:
            return Counted(profile=profile, shape=lengths.shape, state=lengths.state, values=words)
        shape = self.shape or replace(shape_of_levels("value", self.kind, words), name=self.name)
        state = state_of_words(words["value"].to_list(), words[_ROWS].to_list(), self.n, shape)
        return Counted(profile=profile, shape=shape, state=state, values=words)


@dataclass(slots=True)
class TimeTally:
    """A column of times: microseconds as numbers, with its ends as times."""

    numbers: NumberTally
    _low: Any = None
    _high: Any = None

    def see(self, values: pl.Series) -> None:
        """Count some more rows."""
        low: Any = values.min()
        high: Any = values.max()
        if low is not None:
            self._low = low if self._low is None else min(self._low, low)
            self._high = high if self._high is None else max(self._high, high)
        self.numbers.see(_numbers(values, "datetime"))

    def finish(self, whole: pl.Series | None, sample: pl.Series) -> Counted:
        """Return what was found."""
        found = self.numbers.finish(
            None if whole is None else _numbers(whole, "datetime"), _numbers(sample, "datetime")
        )
        profile = ColumnProfile(
            missing=found.profile.missing,
            distinct=found.profile.distinct,
            first=None if self._low is None else shown(self._low),
            last=None if self._high is None else shown(self._high),
            estimated=found.profile.estimated,
        )
        return replace(found, profile=profile)


Tally = NumberTally | WordTally | TimeTally


def tally_of(
    name: str, kind: Kind, pilot: pl.Series, shape: Shape | None = None, *, watch: Watch | None = None
) -> Tally:
    """Return the empty tally of a column; ``pilot`` holds some of its values."""
    if kind == "datetime":
        return TimeTally(NumberTally(name=name, kind=kind, pilot=_numbers(pilot, kind), shape=shape, ranged=False))
    if kind == "text":
        lengths = NumberTally(name=name, kind=kind, pilot=pilot.str.len_chars(), shape=shape, ranged=False)
        return WordTally(name=name, kind=kind, lengths=lengths, watch=watch)
    if kind == "numeric":
        return NumberTally(name=name, kind=kind, pilot=pilot, shape=shape, watch=watch)
    return WordTally(name=name, kind=kind, shape=shape, watch=watch)


def _added(before: ColumnState, more: ColumnState) -> ColumnState:
    return before.merged(more) if before.n else more


def _numbers(values: pl.Series, kind: Kind) -> pl.Series:
    return values.dt.timestamp("us") if kind == "datetime" and values.dtype.is_temporal() else values


def _as_kind(shape: Shape, kind: Kind) -> Shape:
    return Shape(name=shape.name, kind=kind, tracked=False) if kind == "datetime" else replace(shape, kind=kind)


def _mostly_distinct(values: pl.Series) -> bool:
    first = values.head(_PROBE)
    return len(first) == _PROBE and first.n_unique() > _MOSTLY_DISTINCT * _PROBE


def _finite(values: pl.Series) -> pl.Series:
    values = values.drop_nulls()
    return values.filter(values.is_finite()) if values.dtype.is_float() else values


def _floats(values: pl.Series) -> Floats:
    return values.cast(pl.Float64).to_numpy()


def _known(value: float | None) -> float:
    return 0.0 if value is None else value


def _most_frequent(found: pl.DataFrame) -> pl.DataFrame:
    return found.sort([_ROWS, "value"], descending=[True, False]).head(MOST_LEVELS)


def _top(found: pl.DataFrame) -> tuple[tuple[str, int], ...]:
    frequent = found.sort([_ROWS, "value"], descending=[True, False]).head(TOP)
    return tuple((shown(value), int(count)) for value, count in frequent.iter_rows())
