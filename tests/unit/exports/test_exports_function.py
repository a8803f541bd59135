from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from exports_scene import model, subject

from tenfold.exports.function.export import FunctionExport
from tenfold.exports.hard_rows import ROWS, hard_rows
from tenfold.exports.protocols import Answers, Refused
from tenfold.exports.write import write_export
from tenfold.foundation.errors import InputError


@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize("names", ["boosted", "network", "oblivious", "worded", "boosted+forest+linear"])
def test_a_function_says_what_its_model_says(names: str, classes: int, tmp_path: Path) -> None:
    given = subject(model(names.split("+"), classes), tmp_path)
    written = write_export(FunctionExport(), given, tmp_path / "out", hard=hard_rows(given.model, count=600))
    assert written.proof.greatest_difference <= 1e-12


def test_the_proof_has_ten_thousand_rows_hard_in_many_ways(tmp_path: Path) -> None:
    given = subject(model(["plain"], 2), tmp_path)
    written = write_export(FunctionExport(), given, tmp_path / "out")
    assert written.proof.rows == ROWS == 10_000
    assert sum(written.proof.peculiar.values()) == ROWS
    ways = {"a missing value", "an extreme or unseen value", "whole numbers", "unseen among others", "extremes"}
    assert ways <= set(written.proof.peculiar)
    proof = json.loads((tmp_path / "out" / "proof.json").read_bytes())
    evidence = json.loads((tmp_path / "out" / "evidence.json").read_bytes())
    assert proof["bundle"] == evidence["bundle"] == given.bundle
    assert evidence["evidence"] == [{"requirement": "ranks-well", "verdict": "pass"}]


def test_hard_rows_are_the_same_each_time(tmp_path: Path) -> None:
    given = subject(model(["plain"], 2), tmp_path)
    assert hard_rows(given.model, count=200) == hard_rows(given.model, count=200)


def test_the_wheel_predicts_in_an_interpreter_without_packages(tmp_path: Path) -> None:
    given = subject(model(["boosted"], 2), tmp_path)
    out = tmp_path / "out"
    write_export(FunctionExport(), given, out, hard=hard_rows(given.model, count=50))
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "installed")
    begin = f"import sys; sys.path.insert(0, {str(tmp_path / 'installed')!r});"
    bare = [sys.executable, "-I", "-S", "-c"]
    asked = subprocess.run(
        [*bare, f"{begin} import members; members.predict_one({{}})"], check=False, capture_output=True, text=True
    )
    assert "the column 'age' that the model reads is not there" in asked.stderr
    row = dict.fromkeys(given.model.signature.names) | {"age": "?", "joined": "2026-03-01T10:00:00Z"}
    command = [*bare, f"{begin} import runpy; runpy.run_module('members', run_name='__main__')"]
    said = subprocess.run(command, input=json.dumps(row) + "\n", capture_output=True, text=True, check=True)
    assert set(json.loads(said.stdout)) == {"prediction", "probabilities"}


def test_equal_versions_have_equal_files(tmp_path: Path) -> None:
    given = subject(model(["plain"], 2), tmp_path)
    assert FunctionExport().files(given) == FunctionExport().files(given)


def test_what_has_no_form_is_refused_by_name(tmp_path: Path) -> None:
    given = subject(model(["neighbours"], 2), tmp_path)
    with pytest.raises(Refused, match="the member 'neighbours' is of the kind neighbours"):
        write_export(FunctionExport(), given, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_export_that_is_off_by_a_little_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    class Off(FunctionExport):
        def answers(self, *given: object) -> Answers:
            true = super().answers(*given)  # type: ignore[arg-type]  # as they came
            scores = true.scores.copy()
            scores[7] += 2e-9 * max(1.0, abs(float(scores[7, 0])))
            return replace(true, scores=scores)

    given = subject(model(["plain"], 0), tmp_path)
    with pytest.raises(Refused, match="1 of 100 hard rows get other scores"):
        write_export(Off(), given, tmp_path / "out", hard=hard_rows(given.model, count=100))
    assert [path.name for path in tmp_path.iterdir()] == ["model.zip"]


def test_an_export_that_decides_one_row_otherwise_is_refused(tmp_path: Path) -> None:
    class Flipping(FunctionExport):
        def answers(self, *given: object) -> Answers:
            true = super().answers(*given)  # type: ignore[arg-type]  # as they came
            assert true.decisions is not None
            other = "no" if true.decisions[3] == "yes" else "yes"
            return replace(true, decisions=(*true.decisions[:3], other, *true.decisions[4:]))

    given = subject(model(["plain"], 2), tmp_path)
    with pytest.raises(Refused, match="1 of 100 hard rows are decided otherwise"):
        write_export(Flipping(), given, tmp_path / "out", hard=hard_rows(given.model, count=100))


def test_a_wrong_option_and_a_full_folder_are_wrong_use(tmp_path: Path) -> None:
    given = subject(model(["plain"], 2), tmp_path, packag="x")
    with pytest.raises(InputError, match="Did you mean 'package'"):
        write_export(FunctionExport(), given, tmp_path / "out")
    with pytest.raises(InputError, match="is not empty"):
        write_export(FunctionExport(), replace(given, options={}), tmp_path)
