from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from monitoring_stream import DAY, KINDS, PROBLEM, START, Stream, reference, rows, scores

from tenfold.stages.monitoring.reference import Habit, Reference, Sample, build_reference, said_of

SECOND = timedelta(seconds=1)


def test_a_stable_stream_stays_quiet():
    rng = np.random.default_rng(3)
    stream = Stream(reference=reference(4000, rng))
    seen = [stream.window(rows(500, rng)) for _ in range(40)]
    assert [each.health.drift for each in seen] == [()] * 40
    assert [each.health.integrity for each in seen] == [()] * 40


@pytest.mark.slow
@pytest.mark.parametrize("size", [800, 5000])
def test_false_alarms_keep_the_promise(size: int):
    """20 seeds x 200 windows of 500 rows, every finding counted: at most one in 200 windows."""
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng([11, seed])
        stream = Stream(reference=reference(size, rng))
        for _ in range(200):
            health = stream.window(rows(500, rng)).health
            alarms += bool(health.drift) + bool(health.integrity)
    assert alarms <= 20


def test_a_quarter_of_a_deviation_in_three_columns_is_found_within_two_windows():
    found, named = 0, set()
    for seed in range(20):
        rng = np.random.default_rng([5, seed])
        stream = Stream(reference=reference(5000, rng))
        for _ in range(3):
            assert not stream.window(rows(500, rng)).health.drift
        drift = [each for _ in range(2) for each in stream.window(rows(500, rng, shift=0.25)).health.drift]
        found += bool(drift)
        named |= {each.column for each in drift}
    assert found >= 18
    assert named <= {"n0", "n1", "n2"}


def test_a_slow_drift_is_found_although_every_window_looks_like_the_last():
    rng = np.random.default_rng(8)
    stream = Stream(reference=reference(5000, rng))
    at = None
    for day in range(30):
        drift = stream.window(rows(500, rng, shift=0.012 * day)).health.drift
        if drift:
            at, since = day, drift[0].since
            break
    assert at is not None
    assert at <= 20
    assert since < stream.past.volumes[-1][0]


def test_one_odd_window_among_many_is_found():
    rng = np.random.default_rng(9)
    stream = Stream(reference=reference(5000, rng))
    for _ in range(20):
        assert not stream.window(rows(500, rng)).health.drift
    drift = stream.window(rows(500, rng, shift=0.6)).health.drift
    assert {each.column for each in drift} == {"n0", "n1", "n2"}
    assert drift[0].since == stream.past.volumes[-1][0]


def test_a_million_rows_do_not_make_a_trifle_an_alarm():
    rng = np.random.default_rng(10)
    held = reference(200_000, rng)
    stream = Stream(reference=held)
    assert stream.window(rows(200_000, rng, shift=0.01)).health.drift == ()


def test_thirty_rows_say_little():
    rng = np.random.default_rng(11)
    stream = Stream(reference=reference(5000, rng))
    assert [stream.window(rows(30, rng)).health.drift for _ in range(30)] == [()] * 30


@pytest.mark.parametrize("effect", [0.0, 0.4])
def test_a_week_that_the_reference_knows_is_no_drift_and_a_shift_on_top_of_it_is(effect: float):
    quiet = found = 0
    for seed in range(5):
        rng = np.random.default_rng([12, seed])
        stream = Stream(reference=_weekly(84, effect, rng))
        quiet += not any(stream.window(_day(day, effect, rng)).health.drift for day in range(28))
        moved = [stream.window(_day(day, effect, rng, shift=0.3)).health.drift for day in range(28, 31)]
        found += any(moved)
    assert (quiet, found) == (5, 5)


def _day(day: int, effect: float, rng: np.random.Generator, *, shift: float = 0.0) -> pl.DataFrame:
    """Draw a day's rows; START is a Monday, and weekends differ by ``effect`` standard deviations in n0, n1 and n2."""
    return rows(300, rng, shift=shift + effect * (day % 7 >= 5))


def _weekly(days: int, effect: float, rng: np.random.Generator) -> Reference:
    tables = [_day(day, effect, rng) for day in range(days)]
    table = pl.concat(tables)
    seconds = np.repeat(np.arange(days) * 86_400, [each.height for each in tables])
    moments = pl.Series([START - 84 * DAY + int(each) * SECOND for each in seconds], dtype=pl.Datetime("us", "UTC"))
    held = table.sample(3000, seed=1)
    return build_reference(
        "b" * 64,
        Sample(table=table, moments=moments),
        Sample(table=said_of("binary", PROBLEM.classes, scores(held))),
        kinds=KINDS,
    )


def test_what_is_broken_is_left_out_of_drift():
    rng = np.random.default_rng(13)
    stream = Stream(reference=reference(3000, rng))
    seen = stream.window(rows(500, rng).with_columns(pl.lit(None, dtype=pl.Float64).alias("n0")))
    assert seen.health.broken
    assert seen.health.drift == ()
    assert "n0" not in seen.detectors


def test_more_columns_than_one_share_the_promise():
    rng = np.random.default_rng(14)
    held = reference(3000, rng)
    habits = {name: Habit(spread=1.0) for name in KINDS}
    stream = Stream(reference=replace(held, habits=habits))
    health = stream.window(rows(500, rng)).health
    assert health.threshold == pytest.approx(np.log(200))
    assert health.evidence is not None
    assert health.evidence < health.threshold
