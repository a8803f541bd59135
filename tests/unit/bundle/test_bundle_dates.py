from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tenfold.bundle.transforms.dates import DATES, PARTS
from tenfold.bundle.transforms.protocols import Fitted
from tenfold.foundation.errors import InputError
from tenfold.records.features import Step


def dates(*parts: str, zone: str | None = None, epoch: str = "2026-01-01") -> Fitted:
    step = Step(kind="dates", columns=("t",), settings={"parts": parts, "zone": zone, "epoch": epoch})
    return DATES.fit(step, pl.DataFrame(), None, np.random.default_rng(0))


def frame(*moments: datetime | None) -> pl.DataFrame:
    return pl.DataFrame({"t": moments}, schema={"t": pl.Datetime("us", "UTC")})


def test_parts_are_those_of_the_clock_on_the_wall_in_the_columns_zone() -> None:
    moment = datetime(2026, 7, 1, 3, 30, tzinfo=UTC)
    found = dates("hour", "weekday", "month", zone="America/New_York").apply(frame(moment))
    np.testing.assert_allclose(found, [[23.5, 1, 6]])
    np.testing.assert_allclose(dates("hour", "weekday", "month").apply(frame(moment)), [[3.5, 2, 7]])


def test_the_hour_is_right_on_both_sides_of_a_clock_change() -> None:
    # In New York clocks went forward on 8 March 2026 at 7:00 UTC and back on 1 November at 6:00 UTC.
    moments = (
        datetime(2026, 3, 8, 6, 59, tzinfo=UTC),
        datetime(2026, 3, 8, 7, 0, tzinfo=UTC),
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
        datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
    )
    found = dates("hour", "elapsed", zone="America/New_York").apply(frame(*moments))
    np.testing.assert_allclose(found[:, 0], [1 + 59 / 60, 3.0, 1.5, 1.5])
    # No change of the clock makes time go by faster.
    assert np.diff(found[:, 1])[2] == pytest.approx(1 / 24)


@pytest.mark.parametrize("zone", [None, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Europe/Paris"])
def test_one_row_agrees_with_a_table_through_years_and_clock_changes(zone: str | None) -> None:
    start = datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    moments = [start + timedelta(hours=7 * step, microseconds=13 * step) for step in range(0, 40_000, 11)]
    rows = frame(*moments, None, datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC))
    transform = dates(*PARTS, zone=zone)
    alone = np.array([transform.apply_row(row) for row in rows.iter_rows(named=True)])
    np.testing.assert_allclose(alone, transform.apply(rows), rtol=1e-12, atol=1e-12, equal_nan=True)


def test_seasons_and_hours_stand_on_a_circle() -> None:
    found = dates("year_sin", "year_cos", "hour_sin", "hour_cos").apply(
        frame(datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2027, 1, 1, 0, 1, tzinfo=UTC))
    )
    assert np.abs(np.diff(found, axis=0)).max() < 0.03


def test_a_missing_time_has_no_parts() -> None:
    assert np.isnan(dates(*PARTS).apply(frame(None))).all()


def test_an_unknown_part_or_zone_is_refused() -> None:
    with pytest.raises(InputError, match="Did you mean 'month'"):
        dates("months")
    with pytest.raises(InputError, match="'Europe/Pari' is not a time zone"):
        dates("hour", zone="Europe/Pari")
