"""Production time, cut into windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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


def _since_epoch(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
