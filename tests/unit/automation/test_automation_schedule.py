"""When a schedule's moment has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tenfold.automation.schedule import newest_slot
from tenfold.foundation.errors import InputError

MONDAY = datetime(2013, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "slot"),
    [
        ("0 6 * * *", datetime(2013, 7, 1, 6, tzinfo=UTC)),
        ("0 6 * * sun", datetime(2013, 6, 30, 6, tzinfo=UTC)),
        ("0 6 * * mon-fri", datetime(2013, 7, 1, 6, tzinfo=UTC)),
        ("0 6 2 * *", datetime(2013, 6, 2, 6, tzinfo=UTC)),
        ("*/5 * * * *", datetime(2013, 7, 1, 12, 0, tzinfo=UTC)),
        ("0 0 29 2 *", datetime(2012, 2, 29, tzinfo=UTC)),
    ],
)
def test_the_newest_moment_is_found(cron: str, slot: datetime) -> None:
    assert newest_slot(cron, since=MONDAY - timedelta(days=1000), now=MONDAY) == slot


def test_a_moment_counts_once() -> None:
    slot = newest_slot("0 6 * * *", since=MONDAY - timedelta(days=9), now=MONDAY)
    assert slot is not None
    assert newest_slot("0 6 * * *", since=slot, now=MONDAY) is None
    assert newest_slot("0 6 * * *", since=slot, now=slot + timedelta(days=1)) == slot + timedelta(days=1)


def test_a_clock_that_went_back_gives_no_moment_twice() -> None:
    slot = newest_slot("0 * * * *", since=MONDAY - timedelta(days=1), now=MONDAY)
    assert slot is not None
    assert newest_slot("0 * * * *", since=slot, now=MONDAY - timedelta(hours=1)) is None


@pytest.mark.parametrize("cron", ["daily", "0 6 * *", "0 25 * * *"])
def test_what_is_no_schedule_is_refused(cron: str) -> None:
    with pytest.raises(InputError, match="no schedule"):
        newest_slot(cron, since=MONDAY - timedelta(days=1), now=MONDAY)
