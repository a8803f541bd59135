"""A run that is killed at any moment is carried on by the next one."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tenfold.cli.elapsed import Elapsed
from tenfold.cli.main import execute
from tests.e2e.conftest import Command, Judged

pytestmark = pytest.mark.slow

SEED = 20
KILLS = 20 if os.environ.get("TENFOLD_FAULTS") == "full" else 3


def test_a_killed_run_is_finished_by_the_next_and_the_store_is_clean(
    ran: Judged, project: Path, tenfold: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(*arguments: str) -> tuple[int, str]:
        """Look into the store in this process, which spares its start."""
        code = execute([*arguments, "--json", "--project", str(folder)], Elapsed.begin())
        return code, capsys.readouterr().out

    reference = ran.document
    chance = random.Random(SEED)

    for number in range(KILLS):
        delay = chance.uniform(0.3, ran.seconds)
        folder = shutil.copytree(project, project.parent / f"kill{number}")
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
        code, shown = asked("runs", "list")
        finished = {
            stage["name"]
            for run in (json.loads(shown)["runs"] if code == 0 else [])
            for stage in run.get("stages", [])
            if stage.get("state") == "finished"
        }

        after = tenfold("run", "--json", cwd=folder)

        context = f"seed {SEED}, kill {number} after {delay:.2f} s"
        assert after.code == reference_code(reference), f"{context}: {after.err}"
        cached = {stage["name"] for stage in after.document()["stages"] if stage["cached"]}
        assert finished <= cached, context
        assert quality(after.document()) == quality(reference), context
        assert asked("store", "doctor")[0] == 0, context
        assert asked("store", "verify")[0] == 0, context


def reference_code(document: dict[str, Any]) -> int:
    """The exit code that goes with a run's status."""
    return 1 if document["status"] == "failed" else 0


def quality(document: dict[str, Any]) -> dict[str, Any]:
    """The metrics that do not depend on how busy the machine is."""
    return {part: metrics for part, metrics in document["metrics"].items() if part != "operational"}
