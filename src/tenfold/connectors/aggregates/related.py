"""Aggregates over the rows of a source that belong to a row and were known before its moment.

Rows of a source are sorted by key and by when they happened, so that those of one key inside a window stand together.
For each row that asks they are gone through once, some million pairs at a time; what was not yet known at the moment
or had ended by then is left out of them one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tenfold.connectors.aggregates.functions import Runs, apply
from tenfold.connectors.aggregates.plan import Feature, Plan, Window
from tenfold.connectors.aggregates.values import Array, Flags, Places, Values
from tenfold.foundation.errors import DataError

UNSEEN, BLANK = -1, -2
"""Instead of a key's number: the source has no row of it; no key or no moment is there, so that nothing is asked."""

NEVER = np.iinfo(np.int64).max
_PAIRS_AT_ONCE = 2_000_000
_MOST_PAIRS = 50_000_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Inner:
    """Aggregates of another source over the rows of this one, looked at from the moment that is asked about.

    ``keys`` of shape (n_rows,) are the rows' keys in the other source.
    """

    keys: Places
    related: Related


@dataclass(frozen=True, kw_only=True, eq=False)
class Related:
    """The rows of a source, sorted by key, by when they happened, and by when they became known.

    Attributes
    ----------
    keys, happened, known, ends : ndarray of shape (n_rows,)
        The number of each row's key, and moments in microseconds; a row counts at ``t`` when it happened and was known
        before ``t`` and ends at ``t`` or later.
    timed : bool
        Without times every row counts at every moment.
    columns : mapping from str to Values
        What is aggregated.
    inners : tuple of Inner
        What must be computed anew for each moment.
    """

    name: str
    plan: Plan
    gap: int
    timed: bool
    keys: Places
    happened: Places
    known: Places
    ends: Places
    columns: Mapping[str, Values]
    inners: tuple[Inner, ...] = ()

    def at(self, keys: Places, moments: Places) -> dict[str, Values]:
        """Return the features of rows by their keys' numbers and their moments, in microseconds.

        Raises
        ------
        DataError
            When too many pairs of rows would have to be looked at.
        """
        order = np.argsort(keys, kind="stable")
        parts = [self._part(keys[rows], moments[rows]) for rows in self._slices(keys, moments, order)]
        back = np.empty_like(order)
        back[order] = np.arange(order.size)
        return {
            feature.name: Values(
                kind=feature.kind,
                values=np.concatenate([part[at].values for part in parts])[back],
                present=np.concatenate([part[at].present for part in parts])[back],
                levels=parts[0][at].levels,
            )
            for at, feature in enumerate(self.plan.features)
        }

    def _slices(self, keys: Places, moments: Places, order: Places) -> list[Places]:
        """Cut rows so that no part has to look at many more pairs than can be held at once."""
        pairs = self._before(keys[order], moments[order]) - self._since(keys[order], moments[order], self._windows[0])
        upto = np.cumsum(pairs)
        if upto.size and upto[-1] > _MOST_PAIRS:
            raise DataError(
                f"'{self.name}' would look at {int(upto[-1]):,} pairs of rows, more than the {_MOST_PAIRS:,} that are"
                " gone through: give shorter windows, or a key with fewer rows to each"
            )
        # Rows that have nothing to look at cost a little as well.
        part = (upto + np.arange(upto.size)) // _PAIRS_AT_ONCE
        return np.split(order, np.flatnonzero(np.diff(part)) + 1)

    def _part(self, keys: Places, moments: Places) -> list[Values]:
        """Return the features of some rows, in the order of the plan."""
        begins = self._since(keys, moments, self._windows[0])
        places, owner = _expanded(begins, self._before(keys, moments))
        if self.timed:
            counts = (self.known[places] < moments[owner]) & (self.ends[places] >= moments[owner])
            if not counts.all():
                places, owner = places[counts], owner[counts]
        columns = {name: column.taken(places) for name, column in self.columns.items()}
        for inner in self.inners:
            columns |= inner.related.at(inner.keys[places], moments[owner])
        found: dict[str, Values] = {}
        for at, window in enumerate(self._windows):
            if at:
                inside = places >= self._since(keys, moments, window)[owner]
                places, owner = places[inside], owner[inside]
                columns = {name: column.taken(inside) for name, column in columns.items()}
            found |= self._window(_Pairs(window=window, places=places, owner=owner, moments=moments), columns)
        asked = keys != BLANK
        return [
            Values(kind=each.kind, values=each.values, present=each.present & asked, levels=each.levels)
            for each in (found[feature.name] for feature in self.plan.features)
        ]

    def _window(self, pairs: _Pairs, columns: Mapping[str, Values]) -> dict[str, Values]:
        """Return the features of one window."""
        sizes = np.bincount(pairs.owner, minlength=pairs.moments.size)
        runs: dict[str, Runs] = {}
        found: dict[str, Values] = {}
        for feature in self.plan.features:
            if feature.window != pairs.window:
                continue
            if feature.column is None:
                values, present = _of_rows(feature, self.happened, pairs, sizes)
                found[feature.name] = Values(kind="numeric", values=values, present=present)
                continue
            column = columns[feature.column]
            if feature.column not in runs:
                runs[feature.column] = _runs(column, pairs, sizes, self._ticks)
            values, present = apply(feature.function, feature.level, column, runs[feature.column])
            levels = column.levels if feature.kind == column.kind else None
            found[feature.name] = Values(kind=feature.kind, values=values, present=present, levels=levels)
        return found

    @cached_property
    def _windows(self) -> list[Window]:
        """The windows, the longest first: each lies inside the one before it."""
        return sorted({feature.window for feature in self.plan.features}, key=_length, reverse=True)

    @cached_property
    def _times(self) -> Places:
        return np.unique(self.happened)

    @cached_property
    def _sorted(self) -> Places:
        """One ascending number for key and time."""
        return self.keys * (self._times.size + 1) + np.searchsorted(self._times, self.happened)

    @cached_property
    def _ticks(self) -> Places:
        fresh = np.ones(self.keys.size, dtype=np.int64)
        fresh[1:] = (
            (self.keys[1:] != self.keys[:-1])
            | (self.happened[1:] != self.happened[:-1])
            | (self.known[1:] != self.known[:-1])
        )
        return np.cumsum(fresh)

    def _before(self, keys: Places, moments: Places) -> Places:
        """Return behind which row those end that happened before the moments and the gap."""
        return self._place(keys, moments - self.gap if self.timed else None, last=True)

    def _since(self, keys: Places, moments: Places, window: Window) -> Places:
        """Return at which row those begin that happened in a window."""
        if window.seconds is None:
            return self._place(keys, None, last=False)
        return self._place(keys, moments - self.gap - round(window.seconds * 1e6), last=False)

    def _place(self, keys: Places, moments: Places | None, *, last: bool) -> Places:
        """Return the first row of a key that happened at a moment or later; without moments, an end of the key."""
        known = np.maximum(keys, 0)
        width = self._times.size + 1
        if moments is None:
            rank: Places | int = width if last else 0
        else:
            rank = np.searchsorted(self._times, moments)
        return np.where(keys >= 0, np.searchsorted(self._sorted, known * width + rank), 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pairs:
    """Rows of the source, beside each the number of the row that asks; run after run, in the order of happening."""

    window: Window
    places: Places
    owner: Places
    moments: Places


def _expanded(begins: Places, ends: Places) -> tuple[Places, Places]:
    """Return every place from its begin to its end, and which begin it came of."""
    sizes = np.maximum(ends - begins, 0)
    owner = np.repeat(np.arange(sizes.size), sizes)
    return np.arange(owner.size) + np.repeat(begins - (np.cumsum(sizes) - sizes), sizes), owner


def _runs(column: Values, pairs: _Pairs, sizes: Places, ticks: Places) -> Runs:
    """Return the present values of a column."""
    if column.present.all():
        return Runs(values=column.values, sizes=sizes, places=pairs.places, ticks=ticks)
    present = column.present
    return Runs(
        values=column.values[present],
        sizes=np.bincount(pairs.owner[present], minlength=sizes.size),
        places=pairs.places[present],
        ticks=ticks,
    )


def _of_rows(feature: Feature, happened: Places, pairs: _Pairs, sizes: Places) -> tuple[Array, Flags]:
    """Return how many rows count, or how long before the moment the first or last of them happened, in seconds."""
    filled = sizes > 0
    if feature.function == "count":
        return sizes.astype(np.float64), np.ones(sizes.size, dtype=np.bool_)
    ends = np.cumsum(sizes)
    places = (ends - 1 if feature.function == "since_last" else ends - sizes)[filled]
    seconds = np.zeros(sizes.size)
    seconds[filled] = (pairs.moments[filled] - happened[pairs.places[places]]) / 1e6
    return seconds, filled


def _length(window: Window) -> float:
    return float("inf") if window.seconds is None else window.seconds
