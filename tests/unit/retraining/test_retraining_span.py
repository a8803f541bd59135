"""Which rows train a challenger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tenfold.foundation.errors import DataError
from tenfold.stages.retraining.known import known_rows, without_sealed
from tenfold.stages.retraining.span import ALL, Question, choose_span

START = datetime(2020, 1, 1, tzinfo=UTC)
QUESTION = Question(task="binary", target="y", classes=("false", "true"), columns=("a", "b", "c"), time="when")


def world(rows: int, days: int, *, turns_on_day: float | None, seed: int) -> pl.DataFrame:
    """Rows spread over days; from ``turns_on_day`` on, ``a`` means the opposite."""
    rng = np.random.default_rng(seed)
    day = np.sort(rng.random(rows) * days)
    a, b = rng.normal(size=(2, rows))
    sign = np.where(day < (np.inf if turns_on_day is None else turns_on_day), 1.0, -1.0)
    truth = rng.random(rows) < 1 / (1 + np.exp(-(2.0 * sign * a + b)))
    when = [START + timedelta(days=float(each)) for each in day]
    named = pl.Series(rng.choice(["x", "y", "z"], rows))
    return pl.DataFrame({"a": a, "b": b, "c": named, "y": np.where(truth, "true", "false"), "when": when}).with_columns(
        pl.col("when").dt.cast_time_unit("us")
    )


def test_all_rows_are_taken_where_nothing_changed() -> None:
    chosen = [choose_span(world(6000, 300, turns_on_day=None, seed=seed), QUESTION, seed=1).name for seed in range(5)]
    assert chosen.count(ALL) >= 4


def test_recent_rows_are_taken_after_the_world_turned() -> None:
    table = world(6000, 300, turns_on_day=150.0, seed=1)
    span = choose_span(table, QUESTION, seed=1)
    assert span.name != ALL
    assert span.since is not None
    assert table.filter(pl.col("when") >= span.since).height == span.rows


def test_a_short_history_is_taken_whole() -> None:
    assert choose_span(world(300, 30, turns_on_day=15.0, seed=1), QUESTION, seed=1).name == ALL


def test_a_row_is_known_when_its_label_is() -> None:
    table = world(1000, 10, turns_on_day=None, seed=1)
    now = START + timedelta(days=5)
    known = known_rows(table, time="when", labels_after=timedelta(days=1), now=now)
    assert known["when"].max() <= now - timedelta(days=1)  # type: ignore[operator]
    assert known.height == table.filter(pl.col("when") <= now - timedelta(days=1)).height


def test_sealed_rows_stay_sealed() -> None:
    table = world(1000, 10, turns_on_day=None, seed=1)
    since, until = START + timedelta(days=2), START + timedelta(days=3)
    left = without_sealed(table, time="when", since=since, until=until)
    assert 0 < left.height < table.height
    assert not left["when"].is_between(since, until).any()


def test_without_times_nobody_can_say_what_was_known() -> None:
    with pytest.raises(DataError, match="no column of times"):
        known_rows(pl.DataFrame({"when": ["x"]}), time="when", labels_after=timedelta(0), now=START)
