"""Training that is killed in the middle goes on behind its last rung, and ends with the same model."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Command, change

pytestmark = pytest.mark.slow

LEARNERS = ("lightgbm", "catboost", "xgboost", "mlp")
RUNGS = (2, 4) if os.environ.get("TENFOLD_FAULTS") == "full" else (2,)
"""Killed when so many rungs are kept: while CatBoost and the network are fitted, and while XGBoost is."""


@pytest.fixture
def racing(project: Path) -> Path:
    """A project in which every kind of iterative learner takes part, with a budget in trials."""
    file = project / "tenfold.yaml"
    change(file, budget="{trials: 10}")
    text = file.read_text(encoding="utf-8")
    assert "\ntraining:" in text
    listed = f"\ntraining:\n  learners: [{', '.join(LEARNERS)}]"
    file.write_text(text.replace("\n  learners: auto", "").replace("\ntraining:", listed, 1), encoding="utf-8")
    return project


def test_a_run_killed_in_the_middle_of_training_ends_with_the_same_bundle(racing: Path, tenfold: Command) -> None:
    others = shutil.ignore_patterns("whole", "kill*")
    whole = tenfold("run", "--json", cwd=shutil.copytree(racing, racing / "whole", ignore=others)).document()
    assert {row["learner"] for row in whole["leaderboard"]} >= set(LEARNERS)
    for rungs in RUNGS:
        folder = shutil.copytree(racing, racing / f"kill{rungs}", ignore=others)
        kept = kill_behind(rungs, folder)
        assert kept >= rungs

        after = tenfold("run", "--json", cwd=folder)

        assert after.code == 0, after.err
        document = after.document()
        assert document["model"]["bundle"] == whole["model"]["bundle"], f"killed behind {kept} rungs"
        assert told(document) == told(whole)
        assert tenfold("store", "doctor", "--json", cwd=folder).code == 0


def kill_behind(rungs: int, folder: Path) -> int:
    """Run, kill with SIGKILL as soon as so many rungs are kept, and return how many were."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tenfold.cli.main", "run", "--json"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while len(kept_rungs(folder)) < rungs:
        try:
            process.wait(timeout=0.02)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError("the run ended before it could be killed")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return len(kept_rungs(folder))


def kept_rungs(folder: Path) -> set[str]:
    """Return the rungs whose work is kept already."""
    return {path.name for path in (folder / ".tenfold" / "checkpoints").glob("*/*rung-*.zip")}


def told(document: dict[str, object]) -> list[tuple[object, ...]]:
    """Return what is said of each candidate, but for the time that it took."""
    board = document["leaderboard"]
    assert isinstance(board, list)
    return [(row["key"], row["score"], row["weight"], row["curve"], row["convergence"]) for row in board]
