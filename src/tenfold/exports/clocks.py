"""A time zone as a table: from when on its clock is how far ahead of UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from tenfold.bundle.canonical import zone_called

_FIRST, _LAST = datetime(1800, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_STEP = timedelta(days=14)
"""Shorter than the time between two changes of any clock that matters; shorter ones are found where they are nested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """From each of ``begins`` (seconds since 1970) on the clock is ``offsets`` seconds ahead, known until ``until``."""

    begins: tuple[int, ...]
    offsets: tuple[int, ...]
    until: int


@cache
def clock_of(zone: str) -> Clock:
    """Return the clock of a zone from 1800 to 2100: so far every reader of zones knows the same rules."""
    place = zone_called(zone)
    begins, offsets = [_seconds(_FIRST)], [_offset(_FIRST, place)]
    moment = _FIRST
    while moment < _LAST:
        following = min(moment + _STEP, _LAST)
        if _offset(following, place) != offsets[-1]:
            changed = _change(moment, following, place)
            begins.append(_seconds(changed))
            offsets.append(_offset(changed, place))
            moment = changed
        else:
            moment = following
    return Clock(begins=tuple(begins), offsets=tuple(offsets), until=_seconds(_LAST))


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first second with another offset than ``before`` has."""
    known = _offset(before, zone)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if _offset(middle, zone) == known:
            before = middle
        else:
            after = middle
    return after


def _offset(moment: datetime, zone: ZoneInfo) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None  # a zone has one
    return round(offset.total_seconds())


def _seconds(moment: datetime) -> int:
    return round(moment.timestamp())
