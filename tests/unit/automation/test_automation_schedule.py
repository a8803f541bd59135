"""When a schedule's moment has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from tenfold.automation.schedule import newest_slot, slots
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


NEW_YORK = "America/New_York"
SPRING = datetime(2026, 3, 8, tzinfo=UTC)
"""Its clocks go from 02:00 to 03:00 at 07:00 UTC."""
AUTUMN = datetime(2026, 11, 1, tzinfo=UTC)
"""Its clocks go from 02:00 back to 01:00 at 06:00 UTC."""


def week(cron: str, around: datetime, zone: str = NEW_YORK) -> list[datetime]:
    return list(slots(cron, timezone=zone, after=around - timedelta(days=3), until=around + timedelta(days=4)))


@pytest.mark.parametrize("around", [SPRING, AUTUMN])
def test_every_hour_is_every_hour_whatever_the_clock_does(around: datetime) -> None:
    found = week("0 * * * *", around)
    assert found == [around - timedelta(days=3) + timedelta(hours=number) for number in range(1, 169)]


def test_a_quarter_of_an_hour_neither_stretches_nor_doubles_where_the_clock_goes_back() -> None:
    found = week("*/15 * * * *", AUTUMN)
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=15)}


@pytest.mark.parametrize("around", [SPRING, AUTUMN])
@pytest.mark.parametrize("cron", ["30 1 * * *", "30 2 * * *", "0 2 * * *", "0 3 * * *"])
def test_a_daily_moment_comes_once_a_day(cron: str, around: datetime) -> None:
    found = week(cron, around)
    assert len(found) == 7
    assert len({moment.astimezone(ZoneInfo(NEW_YORK)).date() for moment in found}) == 7


def test_a_moment_that_the_clock_leaves_out_comes_as_much_later() -> None:
    assert datetime(2026, 3, 8, 7, 30, tzinfo=UTC) in week("30 2 * * *", SPRING)


def test_a_moment_that_the_clock_shows_twice_comes_the_first_time() -> None:
    assert [each for each in week("30 1 * * *", AUTUMN) if each.date() == AUTUMN.date()] == [
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    ]


def test_two_moments_that_fall_together_are_one() -> None:
    found = [each for each in week("30 2,3 * * *", SPRING) if each.date() == SPRING.date()]
    assert found == [datetime(2026, 3, 8, 7, 30, tzinfo=UTC)]


def test_a_zone_that_left_out_a_whole_day_keeps_the_order() -> None:
    found = week("0 6 * * *", datetime(2011, 12, 30, tzinfo=UTC), "Pacific/Apia")
    assert found == sorted(set(found))
    assert len(found) in {6, 7}


@pytest.mark.parametrize("cron", ["0 * * * *", "30 1 * * *", "30 2 * * mon-fri", "*/20 1-3 * * *"])
@pytest.mark.parametrize("around", [SPRING, AUTUMN])
def test_moments_do_not_depend_on_when_they_are_asked_for(cron: str, around: datetime) -> None:
    whole = week(cron, around)
    asked, cursor, now = [], around - timedelta(days=3), around - timedelta(days=3)
    while now <= around + timedelta(days=4):
        new = list(slots(cron, timezone=NEW_YORK, after=cursor, until=now))
        asked += new
        cursor = new[-1] if new else cursor
        now += timedelta(minutes=17)
    assert asked == [each for each in whole if each <= now - timedelta(minutes=17)]


def test_an_end_before_the_beginning_gives_none() -> None:
    assert not list(slots("0 * * * *", timezone="UTC", after=SPRING, until=SPRING - timedelta(hours=1)))
