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


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _since_epoch(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
