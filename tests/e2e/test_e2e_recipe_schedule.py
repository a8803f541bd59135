"""Features uploaded to a table of PostgreSQL over time and scored on a schedule: every row once, whatever the clock."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tenfold
from tenfold.foundation.clock import ManualClock
from tests.e2e.conftest import Command
from tests.e2e.recipe_scene import HOUR, Shop, train

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


@pytest.mark.parametrize("start", [SPRING, AUTUMN], ids=["spring", "autumn"])
def test_a_week_of_uploads_is_scored_once_each_through_a_change_of_the_clock(
    shop: Callable[[datetime], Shop], start: datetime
) -> None:
    here = shop(start)
    here.begin()
    assert [slot.state for slot in here.score().slots] == ["begun"]
    rng = np.random.default_rng(8)
    held: list[datetime] = []
    answered = []
    for hour in range(7 * 24):
        began = start + hour * HOUR
        came = [began + timedelta(seconds=float(each)) for each in rng.random(int(rng.integers(0, 4))) * 3600]
        # Some were written down in time and arrive half an hour after the moment that they belong to.
        late = [moment for moment in came if rng.random() < 0.1]
        if now := [*held, *(moment for moment in came if moment not in late)]:
            here.upload(now)
        held = late
        here.clock.at = began + HOUR + timedelta(minutes=2)
        # Every third hour or so nothing runs, and once not for half a day.
        if rng.random() < 0.65 and not 60 < hour < 72:
            answered += here.score().slots
    here.clock.at += HOUR
    here.upload(held or [here.clock.at - 2 * HOUR])
    answered += here.score().slots
    sent = pl.concat(here.sent)
    found = here.predictions()
    assert [row[0] for row in found] == list(range(sent.height))
    assert [row[1].astimezone(UTC) for row in found] == sent["ready_at"].to_list()
    assert {slot.state for slot in answered} == {"done"}
    assert [slot.slot for slot in answered] == [start + number * HOUR for number in range(1, 7 * 24 + 2)]
    assert sum(slot.rows for slot in answered) == sent.height
    assert 0 < sum(slot.late for slot in answered) < sent.height / 5
    expected = tenfold.load("visits@1", folder=here.folder).predict(sent.drop("ready_at", "visit"))
    assert [row[3] for row in found] == pytest.approx(expected["proba_yes"].to_list(), abs=1e-12)
