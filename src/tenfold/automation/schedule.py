"""Moments of a schedule in cron's notation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tenfold.foundation.errors import InputError

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
