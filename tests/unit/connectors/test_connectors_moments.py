"""Times as they are written, to moments in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from tenfold.connectors.moments import read_text


def read(text: str, pattern: str | None = None, timezone: str | None = None) -> datetime | None:
    return read_text(pl.Series([text]), pattern, timezone)[0]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31 10:20", datetime(2026, 1, 31, 10, 20, tzinfo=UTC)),
        ("2026-01-31T10:20:30.25", datetime(2026, 1, 31, 10, 20, 30, 250_000, tzinfo=UTC)),
        ("2026-01-31T10:20:30Z", datetime(2026, 1, 31, 10, 20, 30, tzinfo=UTC)),
        ("2026-01-31 10:20:30 UTC", datetime(2026, 1, 31, 10, 20, 30, tzinfo=UTC)),
        ("2026-01-31 10:20+02:00", datetime(2026, 1, 31, 8, 20, tzinfo=UTC)),
        ("2026-01-31T10:20:30-0530", datetime(2026, 1, 31, 15, 50, 30, tzinfo=UTC)),
        ("2026-13-01", None),
        ("31.01.2026", None),
        ("26-01-31", None),
    ],
)
def test_iso_times_are_read_with_and_without_an_offset(text: str, moment: datetime | None) -> None:
    assert read(text) == moment


def test_times_without_an_offset_are_in_the_zone() -> None:
    assert read("2026-01-31 10:00", None, "America/New_York") == datetime(2026, 1, 31, 15, tzinfo=UTC)
    assert read("2026-01-31T10:00Z", None, "America/New_York") == datetime(2026, 1, 31, 10, tzinfo=UTC)


def test_an_hour_shown_twice_is_the_first_and_a_skipped_one_is_moved() -> None:
    assert read("2026-11-01 01:30", None, "America/New_York") == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert read("2026-03-08 02:30", None, "America/New_York") == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "pattern", "moment"),
    [
        ("1/8/90 0:00", "%m/%d/%y %H:%M", datetime(1990, 1, 8, tzinfo=UTC)),
        ("1/8/25 0:00", "%m/%d/%y %H:%M", datetime(2025, 1, 8, tzinfo=UTC)),
        ("1982 Apr", "%Y %b", datetime(1982, 4, 1, tzinfo=UTC)),
        ("1949-12", "%Y-%m", datetime(1949, 12, 1, tzinfo=UTC)),
        ("1:05 PM", "%I:%M %p", None),
        ("1/8/90", "%m/%d/%Y", None),
        ("32.1.2026", "%d.%m.%Y", None),
    ],
)
def test_patterns_are_followed_to_the_letter(text: str, pattern: str, moment: datetime | None) -> None:
    assert read(text, pattern) == moment
