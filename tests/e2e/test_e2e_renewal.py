"""Models that renew themselves: a world that turns, one that does not, a feed that breaks, and passes that die."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tenfold.automation.tick import retrain, tick
from tenfold.store import endpoints
from tests.e2e.renewal_scene import World, visits

SEEDS = 10


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    def make() -> Iterator[Path]:
        for number in range(1000):
            folder = tmp_path / str(number)
            folder.mkdir()
            yield folder

    return make()


def turn(folder: Path, seed: int) -> tuple[World, bool]:
    """Live through an abrupt change; return whether a better challenger went live within four windows."""
    world = World.begin(folder, seed=seed)
    world.pass_window(sign=1.0)
    assert not [each for each in world.decisions if each.action == "train"]
    for _ in range(4):
        world.pass_window(sign=-1.0)
        if world.live() != "visits@1":
            break
    fresh = visits(world.day, 28, sign=-1.0, rng=np.random.default_rng([seed, 9]))
    return world, world.live() != "visits@1" and world.auc(world.live(), fresh) > world.auc("visits@1", fresh) + 0.1


def test_after_the_world_turned_a_challenger_is_promoted_and_is_better(tmp_path: Path) -> None:
    world, better = turn(tmp_path, seed=1)
    assert better
    store = world.project.store
    promoted = [each for each in world.decisions if each.action == "promote"]
    assert len(promoted) == 1
    gain = promoted[0].newest
    assert gain is not None
    assert gain.low is not None
    assert gain.low > 0
    # What was decided rests on evidence that can be looked up, and on rows that can be counted again.
    known = {each.id: each for each in store.evidence.of()}
    assert promoted[0].evidence
    assert {known[each].verdict.place for each in promoted[0].evidence} == {"retrain"}
    assert pl.read_parquet(store.blobs.path(gain.payload)).height == gain.n
    # It was trained on nothing that was not known then, and compared on rows that it never saw.
    request = promoted[0].request
    assert request is not None
    assert promoted[0].span is not None
    assert promoted[0].span.until is not None
    assert promoted[0].span.until <= request.at
    published = endpoints.read(store.folder, "visits")
    assert published is not None
    assert published.routes[0].ref == promoted[0].challenger
    assert store.verify().ok


def test_where_nothing_fails_nothing_is_trained(tmp_path: Path) -> None:
    world = World.begin(tmp_path, seed=2)
    for _ in range(3):
        world.pass_window(sign=1.0)
    assert {each.action for each in world.decisions} == {"none"}
    assert len(world.project.store.registry.versions("visits")) == 1


def test_a_feed_without_values_opens_a_data_incident_and_starts_no_training(tmp_path: Path) -> None:
    world = World.begin(tmp_path, seed=3, when="'0 0 * * *'")
    report = world.pass_window(sign=1.0, change=lambda rows: rows.with_columns(a=pl.lit(None, dtype=pl.Float64)))
    assert report.watched is not None
    assert {each.incident.kind for each in report.watched.changes} >= {"data"}
    windows = report.document()["windows"]
    assert (windows["schema"], windows["alerts"]) == ("tenfold.monitor/1", {"delivered": 0, "failed": 0})
    assert [each.action for each in world.decisions] == ["none"]
    assert "broken feed" in world.decisions[0].reason
    asked = retrain(world.project, workers="inline")
    assert [each.action for each in asked.decisions] == ["none"]
    assert len(world.project.store.registry.versions("visits")) == 1


def test_a_pass_with_nothing_new_changes_nothing(tmp_path: Path) -> None:
    world = World.begin(tmp_path, seed=4)
    world.pass_window(sign=-1.0)
    before = world.project.store.audit.head()
    again = tick(world.project, workers="inline")
    assert not again.renewed.decisions
    assert world.project.store.audit.head() == before


def test_a_person_is_asked_where_the_file_says_so(tmp_path: Path) -> None:
    world = World.begin(tmp_path, seed=1, promote="ask")
    for _ in range(4):
        world.pass_window(sign=-1.0)
        if any(each.waits_for == "person" for each in world.decisions):
            break
    waiting = next(each for each in world.decisions if each.waits_for == "person")
    assert world.live() == "visits@1"
    assert waiting.challenger is not None
    world.project.promote(waiting.challenger, reason="better on the newest rows")
    assert world.live() == waiting.challenger


def test_what_would_be_done_is_said_without_doing_it(tmp_path: Path) -> None:
    world = World.begin(tmp_path, seed=5)
    before = world.project.store.audit.head()
    would = retrain(world.project, dry=True).document()["would"]
    assert would["train"] is False
    assert world.project.store.audit.head() == before


@pytest.mark.slow
def test_of_ten_worlds_that_turn_nine_get_a_better_model(folders: Iterator[Path]) -> None:
    better = [turn(next(folders), seed=100 + seed)[1] for seed in range(SEEDS)]
    assert sum(better) >= 9


@pytest.mark.slow
def test_where_nothing_changes_challengers_are_promoted_by_chance_at_most(folders: Iterator[Path]) -> None:
    contests = promoted = 0
    for seed in range(SEEDS):
        world = World.begin(next(folders), seed=200 + seed, when="'0 0 * * *'")
        for _ in range(4):
            world.pass_window(sign=1.0)
        contests += len({each.challenger for each in world.decisions if each.look})
        promoted += sum(each.action == "promote" for each in world.decisions)
    # Each challenger may be promoted by chance once in twenty; of this many more than five are so once in two hundred.
    assert contests >= SEEDS
    assert promoted <= 5
