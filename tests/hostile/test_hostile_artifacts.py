"""Loading never runs code: more than sixty hostile artifacts, none of which runs, each refused by its name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hostile_artifacts import ARTIFACTS

DRIVER = Path(__file__).parent / "hostile_driver.py"
REFUSALS = {"StoreError", "InputError", "DataError", "MissingExtra"}


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("hostile") / "here"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, str(DRIVER), str(folder)], capture_output=True, text=True, timeout=300, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_there_are_at_least_sixty_of_them() -> None:
    assert len(ARTIFACTS) >= 60


@pytest.mark.parametrize("name", ARTIFACTS)
def test_a_hostile_artifact_is_refused_by_name_and_runs_nothing(offered: dict[str, Any], name: str) -> None:
    found = offered["found"][name]
    assert not found["ran"]
    assert found["heard"] == []
    assert found["written"] == []
    assert found["refused"] in REFUSALS, found
    assert re.search(ARTIFACTS[name].says, found["sentence"]), found["sentence"]


def test_nothing_that_an_artifact_names_was_imported(offered: dict[str, Any]) -> None:
    assert not offered["canary"]


def test_the_ear_hears_whatever_an_artifact_could_do(offered: dict[str, Any]) -> None:
    assert len(offered["controls"]) == 6
    assert [name for name, heard in offered["controls"].items() if not heard] == []
