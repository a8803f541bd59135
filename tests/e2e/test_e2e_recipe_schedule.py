"""Features uploaded to a table of PostgreSQL over time and scored on a schedule: every row once, whatever the clock."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

import tenfold
from tenfold.batch.into_table import TableOptions
from tenfold.foundation.clock import ManualClock
from tenfold.foundation.errors import DataError, InputError
from tenfold.project.dated_input import Dates
from tenfold.project.score import predict, predict_into_table
from tenfold.records.batch import BatchSlot
from tests.e2e.conftest import Command
from tests.e2e.recipe_scene import HOUR, Shop, train

FULL = os.environ.get("TENFOLD_FAULTS") == "full"
"""Every hour of the week has a moment then, spring and autumn; else every hour of the Sunday in autumn."""
ZONE = "America/New_York"

pytestmark = pytest.mark.slow

SPRING = datetime(2026, 3, 5, 12, tzinfo=UTC)
"""A Thursday; on Sunday the clocks of New York leave out the hour from 02:00."""
AUTUMN = datetime(2026, 10, 29, 12, tzinfo=UTC)
"""A Thursday; on Sunday the clocks of New York show the hour from 01:00 twice."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("visits")
    train(folder)
    return folder


@pytest.fixture
def shop(
    request: pytest.FixtureRequest, trained: Path, postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[datetime], Shop]:
    monkeypatch.setenv("FEATURES_DB", postgresql)
    folder = shutil.copytree(trained, tmp_path / "visits")
    name = f"t{abs(hash(request.node.name)) % 10**9}"

    def begin(start: datetime) -> Shop:
        return Shop(folder=folder, address=postgresql, name=name, clock=ManualClock(at=start))

    return begin


def steps_of_a_week(start: datetime) -> list[tuple[int, int]]:
    """Return at which hours of the week something arrives, and how long it took to arrive: longer on other days."""
    if FULL:
        return [(hour, 1) for hour in range(7 * 24)]
    sunday = [hour for hour in range(7 * 24) if (start + hour * HOUR).astimezone(ZoneInfo(ZONE)).weekday() == 6]
    before = [(hour, 6) for hour in range(0, sunday[0] - 5, 6)]
    rest = before[-1][0] + 6
    after = [(hour, 12) for hour in range(sunday[-1] + 1, 7 * 24 - 11, 12)]
    return [*before, *((hour, 1) for hour in range(rest, sunday[-1] + 1)), *after]


@pytest.mark.parametrize("start", [AUTUMN, SPRING] if FULL else [AUTUMN])
def test_a_week_of_uploads_is_scored_once_each_through_a_change_of_the_clock(
    shop: Callable[[datetime], Shop], start: datetime
) -> None:
    here = shop(start)
    here.begin(schedule='"0 * * * *"' if FULL else '"0 * * * sun"')
    assert [slot.state for slot in here.score().slots] == ["begun"]
    rng = np.random.default_rng(8)
    held: list[datetime] = []
    answered: list[BatchSlot] = []
    for hour, length in steps_of_a_week(start):
        began, many = start + hour * HOUR, int(rng.integers(0, 3 * length + 1))
        came = [began + timedelta(seconds=float(each)) for each in rng.random(many) * 3600 * length]
        # Some are of the last minutes and arrive after the moment that they belong to.
        late = [each for each in came if each > began + length * HOUR - HOUR / 2 and rng.random() < 0.3]
        if now := [*held, *(moment for moment in came if moment not in late)]:
            here.upload(now)
        held = late
        here.clock.at = began + length * HOUR + timedelta(minutes=2)
        # Every third hour or so nothing runs, and once not for half a day.
        if rng.random() < 0.65 and not 74 < hour < 80:
            answered += here.score().slots
    here.upload(held or [here.clock.at - timedelta(minutes=30)])
    here.clock.at += HOUR if FULL else timedelta(days=5)
    answered += here.score().slots
    sent = pl.concat(here.sent)
    found = here.predictions()
    assert [row[0] for row in found] == list(range(sent.height))
    assert [row[1].astimezone(UTC) for row in found] == sent["ready_at"].to_list()
    assert {slot.state for slot in answered} == {"done"}
    hours = [start + number * HOUR for number in range(1, int((here.clock.at - start) / HOUR) + 1)]
    expected_slots = hours if FULL else [each for each in hours if each.astimezone(ZoneInfo(ZONE)).weekday() == 6]
    assert [slot.slot for slot in answered] == expected_slots
    change = [each.astimezone(ZoneInfo(ZONE)) for each in expected_slots if each < start + timedelta(days=7)]
    assert len([each for each in change if each.weekday() == 6]) == (23 if start == SPRING else 25)
    assert sum(slot.rows for slot in answered) == sent.height
    assert (0 if FULL else -1) < sum(slot.late for slot in answered) < sent.height / 5
    expected = tenfold.load("visits@1", folder=here.folder).predict(sent.drop("ready_at", "visit"))
    assert [row[3] for row in found] == pytest.approx(expected["proba_yes"].to_list(), abs=1e-12)


def test_a_row_that_comes_late_is_scored_with_the_next_moment_and_one_that_was_corrected_is_not(
    shop: Callable[[datetime], Shop],
) -> None:
    here = shop(SPRING)
    here.begin(key="[visit]")
    here.score()
    here.upload([SPRING + timedelta(minutes=10), SPRING + timedelta(minutes=50)])
    here.clock.at = SPRING + HOUR
    here.score()
    here.upload([SPRING + timedelta(minutes=40)])
    here.ask(f"UPDATE {here.name}_features SET spent = spent + 1 WHERE visit = 0")
    here.clock.at = SPRING + 2 * HOUR
    (slot,) = here.score().slots
    assert (slot.rows, slot.late) == (1, 1)
    here.clock.at = SPRING + 3 * HOUR
    assert [each.rows for each in here.score().slots] == [0]
    assert [row[0] for row in here.predictions()] == [0, 1, 2]


def test_a_pass_that_was_killed_while_it_wrote_is_taken_up_with_the_rows_that_it_had_taken(
    shop: Callable[[datetime], Shop],
) -> None:
    here = shop(SPRING)
    here.begin(chunk_rows="3")
    here.score()
    here.upload([SPRING + timedelta(seconds=each) for each in range(400)])
    here.clock.at = SPRING + HOUR
    killed = here.kill_while_scoring()
    written = len(here.predictions())
    assert killed
    assert 0 < written < 400
    # What arrives meanwhile for the same hour does not move the rows that were taken.
    here.upload([SPRING + timedelta(seconds=1)])
    (slot,) = here.score().slots
    assert (slot.rows, slot.added) == (400, 400 - written)
    here.clock.at = SPRING + 2 * HOUR
    here.score()
    assert [row[0] for row in here.predictions()] == list(range(401))


def test_moments_that_passed_are_skipped_and_written_down_where_the_file_says_so(
    shop: Callable[[datetime], Shop],
) -> None:
    here = shop(SPRING)
    here.begin(missed="skip")
    here.score()
    here.upload([SPRING + timedelta(minutes=30) + number * HOUR for number in range(3)])
    here.clock.at = SPRING + 3 * HOUR
    assert [slot.state for slot in here.score().slots] == ["skipped", "skipped", "done"]
    assert [row[0] for row in here.predictions()] == [2]


def test_a_clock_that_is_put_back_an_hour_scores_nothing_again(shop: Callable[[datetime], Shop]) -> None:
    here = shop(SPRING)
    here.begin()
    here.score()
    here.upload([SPRING + timedelta(minutes=30)])
    here.clock.at = SPRING + HOUR
    here.score()
    here.clock.at = SPRING
    assert here.score().slots == ()
    here.clock.at = SPRING + HOUR
    assert here.score().slots == ()
    assert len(here.predictions()) == 1


def test_rows_from_before_the_first_pass_are_made_up_for_from_the_day_that_the_file_names(
    shop: Callable[[datetime], Shop],
) -> None:
    here = shop(SPRING)
    here.begin(schedule='"30 2 * * *"', since="2026-03-06")
    came = [datetime(2026, 3, day, 12, tzinfo=UTC) for day in (4, 6, 7, 8, 9)]
    here.upload(came)
    here.clock.at = datetime(2026, 3, 10, tzinfo=UTC)
    slots = here.score().slots
    assert [(slot.state, slot.rows) for slot in slots] == [
        ("begun", 0), ("done", 0), ("done", 1), ("done", 1), ("done", 1),
    ]  # fmt: skip
    assert [row[0] for row in here.predictions()] == [1, 2, 3]


def test_a_pass_tells_why_its_batch_stopped_and_the_next_one_goes_on(
    shop: Callable[[datetime], Shop], tenfold: Command
) -> None:
    here = shop(datetime.now(UTC) - 3 * HOUR)
    here.begin()
    here.score()
    here.upload([here.clock.at + HOUR])
    here.ask(f"ALTER TABLE {here.name}_features RENAME COLUMN spent TO gone")
    stopped = tenfold("tick", "--json", cwd=here.folder)
    assert stopped.code == 1
    batch = stopped.document()["batch"]
    assert "'spent'" in batch["problem"]
    assert batch["waiting"] in {2, 3}
    here.ask(f"ALTER TABLE {here.name}_features RENAME COLUMN gone TO spent")
    here.clock.at += 2 * HOUR
    assert here.score().problem == ""
    assert len(here.predictions()) == 1


def test_a_back_fill_by_date_scores_these_days_once(shop: Callable[[datetime], Shop], tenfold: Command) -> None:
    here = shop(SPRING)
    here.begin()
    here.upload([SPRING + number * 6 * HOUR for number in range(20)])
    asked = [
        "predict", "visits@1", "${env:FEATURES_DB}", "--input-table", f"{here.name}_features", "--time", "ready_at",
        "--since", "2026-03-06", "--until", "2026-03-09", "--output", "${env:FEATURES_DB}",
        "--table", f"{here.name}_predictions", "--key", "visit", "--key", "ready_at", "--json",
    ]  # fmt: skip
    first = tenfold(*asked, cwd=here.folder)
    assert first.code == 0, first.out
    # New York's days: the Sunday has 23 hours.
    own = here.predictions()
    low, high = datetime(2026, 3, 6, 5, tzinfo=UTC), datetime(2026, 3, 9, 4, tzinfo=UTC)
    assert {row[1].astimezone(UTC) for row in own} == {
        each for each in pl.concat(here.sent)["ready_at"].to_list() if low <= each < high
    }
    options = TableOptions(
        table=f"{here.name}_predictions", keep=("visit", "ready_at"), input_table=f"{here.name}_features"
    )
    dates = Dates(column="ready_at", since="2026-03-06", until="2026-03-09")
    place = "${env:FEATURES_DB}"
    again = predict_into_table("visits@1", place, place, options, folder=here.folder, dates=dates)
    assert (again.written.added, again.written.was_finished) == (0, True)
    here.upload([low + HOUR])
    with pytest.raises(InputError, match="was begun with an input"):
        predict_into_table("visits@1", place, place, options, folder=here.folder, dates=dates)
    assert len(here.predictions()) == len(own)


def test_days_of_a_file_are_scored_in_its_order_and_days_without_rows_are_told(
    shop: Callable[[datetime], Shop],
) -> None:
    here = shop(SPRING)
    rows = pl.read_csv(here.folder / "visits.csv").with_columns(
        at=pl.Series(["2026-03-05 23:30", "2026-03-06 00:00"] * 200)
    )
    rows.write_csv(here.folder / "visits.csv")
    score_days = partial(predict, "visits@1", str(here.folder / "visits.csv"), here.folder / "out.csv")
    with pytest.raises(DataError, match="no row whose 'at' lies from 2026-03-07"):
        score_days(folder=here.folder, dates=Dates(column="at", since="2026-03-07"))
    score_days(folder=here.folder, keep=("visit",), dates=Dates(column="at", since="2026-03-06"))
    assert pl.read_csv(here.folder / "out.csv")["visit"].to_list() == list(range(1, 400, 2))
