"""A run that is killed at any moment is carried on by the next one."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Command

pytestmark = pytest.mark.slow

SEED = 20
KILLS = 20 if os.environ.get("TENFOLD_FAULTS") == "full" else 5


def test_a_killed_run_is_finished_by_the_next_and_the_store_is_clean(project: Path, tenfold: Command) -> None:
    whole = time.monotonic()
    reference = tenfold("run", "--json", cwd=project).document()
    whole = time.monotonic() - whole
    chance = random.Random(SEED)

    for number in range(KILLS):
        delay = chance.uniform(0.3, whole)
        folder = project / f"kill{number}"
        shutil.copytree(project, folder, ignore=shutil.ignore_patterns(".tenfold", "kill*"))
        process = subprocess.Popen(
            [sys.executable, "-m", "tenfold.cli.main", "run", "--json"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        shown = tenfold("runs", "list", "--json", cwd=folder)
        finished = {
            stage["name"]
            for run in (shown.document()["runs"] if shown.code == 0 else [])
            for stage in run.get("stages", [])
            if stage.get("state") == "finished"
        }

        after = tenfold("run", "--json", cwd=folder)

        context = f"seed {SEED}, kill {number} after {delay:.2f} s"
        assert after.code == reference_code(reference), f"{context}: {after.err}"
        cached = {stage["name"] for stage in after.document()["stages"] if stage["cached"]}
        assert finished <= cached, context
        assert quality(after.document()) == quality(reference), context
        assert tenfold("store", "doctor", "--json", cwd=folder).code == 0, context
        assert tenfold("store", "verify", "--json", cwd=folder).code == 0, context


def reference_code(document: dict[str, Any]) -> int:
    """The exit code that goes with a run's status."""
    return 1 if document["status"] == "failed" else 0


def quality(document: dict[str, Any]) -> dict[str, Any]:
    """The metrics that do not depend on how busy the machine is."""
    return {part: metrics for part, metrics in document["metrics"].items() if part != "operational"}
