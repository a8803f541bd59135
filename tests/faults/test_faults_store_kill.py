from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCENE = Path(__file__).with_name("store_scene.py")
FULL = os.environ.get("TENFOLD_FAULTS") == "full"


def play(scene: str, place: Path, *numbers: int) -> list[dict[str, Any]]:
    """Play a scene in a process of its own and return what it says of each trial."""
    command = [sys.executable, str(SCENE), scene, str(place), *(str(number) for number in numbers)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


def assert_whole(trial: dict[str, Any]) -> None:
    faults = {
        name: trial[name]
        for name in ("damage_before", "damage_after", "problems", "lost", "open_runs", "not_cached", "leftovers")
        if trial[name]
    }
    assert faults == {}, trial
    assert trial["statuses"][0] == "passed"
    assert set(trial["statuses"][1:]) <= {"passed", "crashed"}


def test_nothing_acknowledged_is_lost_when_the_process_dies_before_any_act_of_writing(tmp_path: Path):
    # Every eleventh act here, all of them in the slow test.
    trials = play("acts", tmp_path, 1, 11)
    assert len(trials) >= 15
    assert any(trial["acknowledged"] for trial in trials)
    assert {trial["status"] for trial in trials} == {-9}
    for trial in trials:
        assert_whole(trial)


def test_nothing_acknowledged_is_lost_when_the_process_is_killed_at_random_moments(tmp_path: Path):
    trials = play("moments", tmp_path, 7, 20)
    assert len(trials) == 20
    assert sum(trial["status"] == -9 for trial in trials) >= 5, "hardly any kill fell into the work"
    for trial in trials:
        assert_whole(trial)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4 if FULL else 1))
def test_nothing_acknowledged_is_lost_in_many_kills(tmp_path: Path, seed: int):
    step, kills = (4, 50) if FULL else (16, 10)
    for trial in (
        *play("acts", tmp_path / "acts", seed + 1, step),
        *play("moments", tmp_path / "moments", seed, kills),
    ):
        assert_whole(trial)


def test_processes_that_register_together_get_every_number_once(tmp_path: Path):
    (told,) = play("register", tmp_path, 8, 10)
    assert told["statuses"] == [0] * 8
    assert told["numbers"] == list(range(1, 81))
    assert told["ok"]
