"""Production time, cut into windows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
"""Windows are counted from here, so that those of seven days begin on Mondays and those of a day at midnight, UTC."""


def window_starts(moments: pl.Series, seconds: float) -> pl.Series:
    """Return the beginning of the window that each moment falls into; a missing moment has none.

    ``moments`` are Datetime in UTC; windows are ``seconds`` long.
    """
    length = _microseconds(seconds)
    origin = _since_epoch(MONDAY)
    since = moments.cast(pl.Datetime("us", "UTC")).dt.timestamp("us") - origin
    return (since // length * length + origin).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def window_start(moment: datetime, seconds: float) -> datetime:
    """Return the beginning of the window that one moment falls into."""
    length = _microseconds(seconds)
    since = _since_epoch(moment) - _since_epoch(MONDAY)
    return MONDAY + timedelta(microseconds=since // length * length)


@dataclass(frozen=True, slots=True)
class Cutting:
    """Windows of one length, laid where none is kept: what is kept keeps its own beginning and end.

    So windows never overlap after the length was changed, and one beside a kept one may be shorter than the others.

    Attributes
    ----------
    seconds : float
        The length of new windows.
    kept : tuple of (datetime, datetime)
        Beginnings and ends of the windows that are kept, in order, none into another.
    """

    seconds: float
    kept: tuple[tuple[datetime, datetime], ...] = ()

    @classmethod
    def around(cls, seconds: float, kept: Iterable[tuple[datetime, datetime]]) -> Cutting:
        """Return the windows around kept ones; of two that overlap the one named first counts."""
        found: list[tuple[datetime, datetime]] = []
        for span in dict.fromkeys(kept):
            place = bisect_left(found, span)
            before_ends = place == 0 or found[place - 1][1] <= span[0]
            if before_ends and (place == len(found) or span[1] <= found[place][0]):
                found.insert(place, span)
        return cls(seconds, tuple(found))

    def window(self, moment: datetime) -> tuple[datetime, datetime]:
        """Return the beginning and the end of the window that one moment falls into."""
        starts, ends = self.windows(pl.Series([moment], dtype=pl.Datetime("us", "UTC")))
        return starts[0], ends[0]

    def windows(self, moments: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Return the beginnings and the ends of the windows that moments, none of them missing, fall into."""
        at = moments.dt.timestamp("us").to_numpy()
        low = window_starts(moments, self.seconds).dt.timestamp("us").to_numpy()
        high = low + _microseconds(self.seconds)
        if self.kept:
            starts, ends = np.array([[_since_epoch(each) for each in span] for span in self.kept], dtype=np.int64).T
            before = np.searchsorted(starts, at, side="right") - 1
            last = np.where(before >= 0, ends[before], low)
            inside = (before >= 0) & (at < last)
            following = np.minimum(before + 1, len(starts) - 1)
            low = np.where(inside, starts[before], np.maximum(low, np.where(inside, low, last)))
            next_start = np.where(before + 1 < len(starts), starts[following], high)
            high = np.where(inside, last, np.minimum(high, next_start))
        return _moments(low), _moments(high)


def phases_of(seconds: float) -> int:
    """Return how many phases windows of this length pass through before they repeat.

    Seven weekdays for windows of a day; the hours of a day, or what they are, for windows that divide it; else one.
    """
    if seconds == _DAY_SECONDS:
        return 7
    count = _DAY_SECONDS / seconds
    return int(count) if count.is_integer() and 1 < count <= _MOST_PHASES else 1


def phase_of(start: datetime, seconds: float) -> int:
    """Return the phase of the window that begins at ``start``, from 0 on."""
    return round((start - MONDAY).total_seconds() / seconds) % phases_of(seconds)


_DAY_SECONDS = 86400.0
_MOST_PHASES = 24


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _moments(microseconds: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> pl.Series:
    return pl.Series(microseconds, dtype=pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _since_epoch(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
