"""The page of a trial: the verdict that the command gives, with the same numbers, and nothing written by looking."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.unit.project.readout_scene import Scene
from tests.unit.web.conftest import Ask


def numbers(page: str) -> list[float]:
    return [json.loads(found) for found in re.findall(r'<data value="([^"]+)"', page)]


def files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def test_a_test_is_shown_as_it_is_read_and_looking_writes_nothing(tmp_path: Path, ask: Ask):
    scene = Scene.begun(tmp_path / "p")
    scene.traffic(1200, candidate=0.92, champion=0.7)
    scene.tell()
    scene.later()
    readout = scene.read(keep=False)
    before = files(scene.project.store.folder)
    answer = ask(scene.project, "/trial")
    assert answer.status_code == 200
    assert files(scene.project.store.folder) == before
    page = answer.text
    assert "late@2 against late@1" in page
    assert readout.decision == "promote"
    assert "The candidate is good enough." in page
    (compared, *_) = readout.comparisons
    assert {compared.value, compared.champion, compared.difference} <= set(numbers(page))
    assert {readout.candidate.rows, readout.champion.labelled} <= set(numbers(page))


def test_a_test_that_has_ended_is_shown_with_its_end(tmp_path: Path, ask: Ask):
    scene = Scene.begun(tmp_path / "p")
    scene.traffic(120, candidate=0.8, champion=0.8)
    scene.release("traffic", None)
    page = ask(scene.project, "/trial").text
    assert "ended" in page
    assert "Nothing is decided yet." in page
