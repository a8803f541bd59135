"""Several kinds asked for at once: each is tried, and one document says what came of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.bundle.bundle_scene import model, table

from tenfold.bundle.format import write_bundle
from tenfold.cli.elapsed import Elapsed
from tenfold.cli.main import execute
from tenfold.exports.hard_rows import HardRows, hard_rows


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def few(asked: object) -> HardRows:
        return hard_rows(asked, count=40)  # type: ignore[arg-type]  # a model, as the caller has it

    monkeypatch.setattr("tenfold.project.export.hard_rows", few)


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_bundle(model(), table().head(20), tmp_path / "bundle.zip")
    return tmp_path / "bundle.zip"


def told(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, tuple[str, str]]]:
    code = execute(["export", *map(str, arguments), "--output", "out", "--json"], Elapsed.begin())
    document = json.loads(capfd.readouterr().out)
    assert document["schema"] == "tenfold.export/1"
    return code, {each["kind"]: (each["status"], each.get("reason", "")) for each in document["exports"]}


def test_a_full_folder_stops_its_own_kind_alone_and_ends_in_two(
    bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("out/mlflow").mkdir(parents=True)
    Path("out/mlflow/MLmodel").write_text("another")
    code, said = told(capfd, bundle, "--to", "mlflow", "--to", "function")
    assert code == 2
    assert said["mlflow"][0] == "failed"
    assert "is not empty" in said["mlflow"][1]
    assert said["function"][0] == "written"
    assert Path("out/mlflow/MLmodel").read_text() == "another"
    assert Path("out/function/proof.json").is_file()


def test_a_wrong_option_of_one_kind_leaves_the_others_as_they_are(
    bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, said = told(capfd, bundle, "--to", "kserve", "--to", "function", "--set", "kserve.canary=all")
    assert code == 2
    assert said["kserve"] == ("failed", "canary is a whole number from 1 to 99; found 'all'")
    assert said["function"][0] == "written"


def test_a_refusal_is_told_beside_what_failed_and_the_graver_one_ends_the_command(
    bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, said = told(capfd, bundle, "--to", "sql", "--to", "function")
    assert (code, said["sql"][0], said["function"][0]) == (1, "refused", "written")
    code, said = told(capfd, bundle, "--to", "sql", "--to", "function")
    assert (code, said["sql"][0], said["function"][0]) == (2, "refused", "failed")


def test_people_are_told_of_each_kind_as_well(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("out/mlflow/x").mkdir(parents=True)
    arguments = ["export", str(bundle), "--to", "mlflow", "--to", "function", "--output", "out"]
    assert execute(arguments, Elapsed.begin()) == 2
    said = " ".join(capfd.readouterr().out.split())
    assert "failed 'out/mlflow' is not empty" in said
    assert "40 hard rows" in said


def test_a_kind_that_there_is_not_is_said_before_anything_is_written(
    bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", str(bundle), "--to", "function", "--to", "onyx", "--output", "out", "--json"]
    assert execute(arguments, Elapsed.begin()) == 2
    assert json.loads(capfd.readouterr().out)["schema"] == "tenfold.error/1"
    assert not Path("out").exists()
