"""A pass of renewal that is killed anywhere: the next one comes to what an undisturbed pass comes to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.e2e.renewal_scene import World

from tenfold.foundation.clock import ManualClock
from tenfold.project.open import open_project
from tenfold.store import endpoints

KILLS = 40 if os.environ.get("TENFOLD_FAULTS") == "full" else 3
DRIVER = Path(__file__).parent / "tick_driver.py"


def drive(folder: Path, at: str, n: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DRIVER), str(folder), at, str(n)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def told(folder: Path, at: str) -> dict[str, object]:
    """What a store says of a world, without what differs from run to run."""
    project = open_project(folder, clock=ManualClock(World.moment(at)))
    with project.store as store:
        evidence = store.evidence.of()
        published = endpoints.read(store.folder, "visits")
        assert store.verify().ok
        assert published is not None
        return {
            "decisions": [
                (each.decision.key, each.decision.action, each.decision.reason) for each in store.decisions.of()
            ],
            "live": [(each.ref, each.at) for each in store.releases.history("visits")],
            "published": (published.routes[0].ref, published.routes[0].bundle),
            "versions": [(each.ref, each.bundle) for each in store.registry.versions("visits")],
            "evidence": Counter(
                (each.subject, each.verdict.requirement, each.verdict.place, each.verdict.slice, str(dict(each.inputs)))
                for each in evidence
                if each.verdict.place == "retrain"
            ),
            "windows": [each.health.window.name for each in store.watched.looks("visits")],
        }


@pytest.mark.slow
def test_a_pass_that_was_killed_is_taken_up_by_the_next(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    world = World.begin(begun, seed=1)
    world.pass_window(sign=-1.0)
    # The second window after the change is where a challenger is trained and promoted: labels are there, no pass was.
    world.pass_window(sign=-1.0, then=World.no_pass)
    at = world.clock.at.isoformat()
    world.project.store.close()

    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(begun, undisturbed)
    counted = drive(undisturbed, at, 0)
    assert counted.returncode == 0, counted.stderr
    expected, acts = told(undisturbed, at), int(counted.stdout)
    assert "promote" in {action for _, action, _ in expected["decisions"]}  # type: ignore[attr-defined]

    killed = 0
    for number in range(KILLS):
        n = 1 + acts * number // KILLS
        folder = tmp_path / f"killed-{n}"
        shutil.copytree(begun, folder)
        killed += drive(folder, at, n).returncode != 0
        # Another one dies a little later still; then one may end.
        drive(folder, at, max(1, n // 2))
        assert drive(folder, at, 0).returncode == 0
        assert told(folder, at) == expected, f"killed at act {n} of {acts}"
        shutil.rmtree(folder)
    assert killed == KILLS
