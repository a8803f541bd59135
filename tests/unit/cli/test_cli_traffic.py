"""``tenfold traffic`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.deployment.deployment_scene import THREE, opened, registered

from tenfold.cli.main import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project = opened(tmp_path / "p", requirements=THREE)
    with project.store:
        for number in (1, 2):
            registered(project, number, {"ranks": "pass", "small": "pass", "nice": "pass"})
        registered(project, 3)
        project.promote("late@1")
    return tmp_path / "p"


def typed(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["traffic", *words, "--project", str(folder)])
    return int(str(ended.value.code)), capsys.readouterr().out


def test_trial_is_begun_shown_written_for_a_router_and_ended(folder: Path, capsys: pytest.CaptureFixture[str]):
    code, out = typed(folder, capsys, "gate", "--canary", "2=10%", "--json")
    begun = json.loads(out)
    assert (code, begun["schema"], begun["strategy"], begun["changed"]) == (0, "tenfold.traffic/1", "canary", True)
    assert [(each["version"], each["share"]) for each in begun["shares"]] == [("late@1", 0.9), ("late@2", 0.1)]
    code, out = typed(folder, capsys)
    assert code == 0
    assert "late@2" in out
    assert "10 %" in out
    code, out = typed(folder, capsys, "gate", "--emit", "nginx")
    assert (code, "10% gate-v2;" in out) == (0, True)
    code, out = typed(folder, capsys, "--all", "--reason", "enough", "--json")
    assert (code, json.loads(out)["strategy"]) == (0, "all")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--canary", "3=10%"), 1),
        (("--canary", "9=10%"), 2),
        (("--canary", "2=lots"), 2),
        (("--canary", "2=0%"), 2),
        (("--ab", "=10%"), 2),
        (("--ab", "2=50%", "--all"), 2),
        (("elsewhere",), 2),
        (("--read",), 2),
        (("--emit", "haproxy"), 2),
    ],
)
def test_what_cannot_be_done_ends_with_its_code(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int
):
    assert typed(folder, capsys, *words)[0] == code
