"""Moments of a schedule in cron's notation."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tenfold.foundation.errors import InputError

_LONGEST_JUMP = timedelta(hours=25)
"""A zone may leave out a whole day, as Samoa did."""
_LOOK_BACK = tuple(timedelta(days=days) for days in (1 / 24, 1, 8, 32, 366, 1500))


def newest_slot(cron: str, *, since: datetime, now: datetime) -> datetime | None:
    """Return the newest moment of the schedule after ``since`` and not after ``now``; None when there is none.

    However many moments were missed, only the newest is returned: one pass answers for all of them.

    Parameters
    ----------
    cron : str
        Minute, hour, day of the month, month, day of the week by name, in UTC.

    Raises
    ------
    InputError
        When the five fields cannot be understood.
    """
    from apscheduler.triggers.cron import CronTrigger

    try:
        trigger = CronTrigger.from_crontab(cron, timezone=UTC)
    except ValueError as error:
        raise InputError(f"'{cron}' is no schedule: {error}") from error
    for span in _LOOK_BACK:
        start = max(since, now - span)
        found, moment = None, trigger.get_next_fire_time(None, start + timedelta(microseconds=1))
        while moment is not None and moment <= now:
            found, moment = moment, trigger.get_next_fire_time(moment, moment + timedelta(seconds=1))
        if found is not None:
            return datetime.fromtimestamp(found.timestamp(), UTC)
        if start == since:
            return None
    return None


def slots(cron: str, *, timezone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the moments of a schedule after ``after`` and not after ``until``, in UTC, in their order.

    The schedule is read on the clock of a zone, each moment once. Where that clock is put back, a schedule of every
    hour (``*`` as its hours) runs in both of the hours that are called alike, any other in the first of them. Where the
    clock is put forward, a moment that it leaves out comes by as much later as the clock jumps; for a schedule of every
    hour no hour is missing, and nothing is made up for.

    Parameters
    ----------
    cron : str
        Minute, hour, day of the month, month, day of the week by name.

    Raises
    ------
    InputError
        When the five fields cannot be understood.
    """
    from apscheduler.triggers.cron import CronTrigger

    try:
        # The clock on the wall as if it were UTC, which has no jumps: what they mean is decided here.
        wall = CronTrigger.from_crontab(cron, timezone=UTC)
    except ValueError as error:
        raise InputError(f"'{cron}' is no schedule: {error}") from error
    zone, hourly = ZoneInfo(timezone), cron.split()[1] == "*"
    waiting: list[datetime] = []
    last = after
    shown = wall.get_next_fire_time(None, _on_wall(after, zone) - _LONGEST_JUMP)
    while shown is not None:
        for moment in _moments(shown.replace(tzinfo=None), zone, hourly=hourly):
            heapq.heappush(waiting, moment)
        # No moment that is shown later can come before one that is so much earlier.
        while waiting and waiting[0] + _LONGEST_JUMP < _moments(shown.replace(tzinfo=None), zone, hourly=False)[0]:
            moment = heapq.heappop(waiting)
            if moment > until:
                return
            if moment > last:
                yield moment
                last = moment
        shown = wall.get_next_fire_time(shown, shown + timedelta(seconds=1))


def latest_slot(cron: str, *, timezone: str, now: datetime) -> datetime | None:
    """Return the newest moment of a schedule that has come, read as `slots` does; None when years had none."""
    for span in _LOOK_BACK:
        found = None
        for moment in slots(cron, timezone=timezone, after=now - span, until=now):
            found = moment
        if found is not None:
            return found
    return None


def _moments(shown: datetime, zone: ZoneInfo, *, hourly: bool) -> tuple[datetime, ...]:
    """Return when the clock of a zone shows a time: none, one or two moments; at least one unless ``hourly``."""
    first = shown.replace(tzinfo=zone).astimezone(UTC)
    second = shown.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if not hourly:
        return (first,)
    return tuple(each for each in sorted({first, second}) if each.astimezone(zone).replace(tzinfo=None) == shown)


def _on_wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=UTC)
