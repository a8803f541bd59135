from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tenfold.foundation.errors import (
    CheckFailed,
    DataError,
    DeadlineExceeded,
    InputError,
    MissingExtra,
    SpecError,
    StoreError,
    TenfoldError,
)
from tenfold.spec.faults import Fault, SpecFaults

Tenfold = Callable[..., Any]

COMMANDS = [
    ("check",),
    ("plan",),
    ("run",),
    ("runs", "list"),
    ("runs", "show", "r1"),
    ("runs", "diff", "r1", "r2"),
    ("runs", "reproduce", "r1"),
    ("model", "list"),
    ("model", "show", "m@1"),
    ("model", "history", "m"),
    ("store", "doctor"),
    ("store", "verify"),
    ("init", "x.csv", "--target", "y"),
    ("profile", "x.csv"),
    ("predict", "m@1", "x.csv", "--output", "y.csv"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_prints_one_json_document_and_only_that(
    tenfold: Tenfold, project: Any, command: tuple[str, ...]
) -> None:
    project.answer = answer({"schema": "tenfold.test/1", "value": float("nan"), "name": "ünï"})
    done = tenfold(*command, "--json")
    assert done.code == 0
    assert done.document() == {"schema": "tenfold.test/1", "value": None, "name": "ünï"}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_speaks_to_people_even_of_a_document_with_nothing_in_it(
    tenfold: Tenfold, project: Any, command: tuple[str, ...]
) -> None:
    done = tenfold(*command)
    assert done.code == 0
    assert done.out.strip()
    assert done.err == ""


@pytest.mark.parametrize("command", [command for command in COMMANDS if command[:2] != ("runs", "show")], ids=" ".join)
def test_a_failed_requirement_or_check_ends_with_1(tenfold: Tenfold, project: Any, command: tuple[str, ...]) -> None:
    project.answer = answer({"schema": "tenfold.test/1"}, ok=False)
    done = tenfold(*command, "--json")
    assert done.code == 1
    assert done.document() == {"schema": "tenfold.test/1"}


def test_showing_a_failed_run_is_no_failure(tenfold: Tenfold, project: Any) -> None:
    project.answer = answer({"schema": "tenfold.run-record/1"}, ok=False)
    assert tenfold("runs", "show", "r1", "--json").code == 0


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (InputError("no"), 2, "input"),
        (DataError("no"), 2, "data"),
        (SpecError("no", line=7), 2, "spec"),
        (CheckFailed("no"), 1, "check"),
        (StoreError("no"), 3, "store"),
        (MissingExtra("no"), 3, "extra"),
        (DeadlineExceeded("no"), 3, "deadline"),
        (TenfoldError("no"), 3, "failure"),
        (OSError(28, "No space left on device", "x"), 3, "environment"),
        (MemoryError(), 3, "environment"),
        (ZeroDivisionError("no"), 3, "internal"),
    ],
)
def test_errors_have_a_kind_and_an_exit_code_and_no_traceback(
    tenfold: Tenfold, project: Any, error: BaseException, code: int, kind: str
) -> None:
    project.answer = error
    told = tenfold("run", "--json")
    assert told.code == code
    document = told.document()
    assert (document["schema"], document["exit"], document["error"]["kind"]) == ("tenfold.error/1", code, kind)
    assert "Traceback" not in told.out + told.err

    shown = tenfold("run")
    assert shown.code == code
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert "Traceback" not in shown.err


def test_faults_of_the_file_are_told_to_programs_one_by_one(tenfold: Tenfold, project: Any) -> None:
    project.answer = SpecFaults([Fault(message="b", line=9), Fault(message="a", line=2)], path="tenfold.yaml")
    error = tenfold("check", "--json").document()["error"]
    assert (error["path"], error["line"]) == ("tenfold.yaml", 2)
    assert error["faults"] == [{"message": "a", "line": 2}, {"message": "b", "line": 9}]
    assert error["message"] == "tenfold.yaml:2: a\ntenfold.yaml:9: b"


def test_the_traceback_of_an_internal_failure_is_kept_in_the_project(
    tenfold: Tenfold, project: Any, tmp_path: Path
) -> None:
    (tmp_path / "there" / ".tenfold").mkdir(parents=True)
    project.answer = ZeroDivisionError("postgresql://me:hunter2@host/db is odd")
    done = tenfold("run", "--project", str(tmp_path / "there"), "--json")
    kept = Path(done.document()["error"]["traceback"])
    assert kept.parent == tmp_path / "there" / ".tenfold" / "tracebacks"
    assert "ZeroDivisionError" in kept.read_text()
    assert "hunter2" not in kept.read_text() + done.out + done.err
    assert oct(kept.stat().st_mode)[-3:] == "600"


def test_a_traceback_is_shown_to_who_asks_for_it(
    tenfold: Tenfold, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENFOLD_TRACEBACK", "1")
    project.answer = InputError("no")
    done = tenfold("run")
    assert done.code == 2
    assert "Traceback (most recent call last)" in done.err


def test_ctrl_c_is_quiet(tenfold: Tenfold, project: Any) -> None:
    project.answer = KeyboardInterrupt()
    done = tenfold("run")
    assert (done.code, done.out, done.err) == (130, "", "")
    assert tenfold("run", "--json").document()["error"]["kind"] == "interrupted"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("run", "--budgte", "60s"), "--budget"),
        (("run", "--budget", "60"), "is not a duration"),
        (("run", "--budget", "0s"), "too short"),
        (("run", "--until", "trainig"), "training"),
        (("run", "--workers", "threads"), "processes"),
        (("rnu",), "No such command 'rnu'"),
        (("predict", "m@1", "x.csv"), "--output"),
        (("predict", "m@1", "x.csv", "--output", "y", "--chunk-rows", "0"), "--chunk-rows"),
        (("runs", "show"), "RUN"),
        (("run", "extra"), "extra"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what(
    tenfold: Tenfold, project: Any, command: tuple[str, ...], words: str
) -> None:
    shown = tenfold(*command)
    assert shown.code == 2
    assert shown.out == ""
    assert words in shown.err
    told = tenfold(*command, "--json")
    assert told.code == 2
    assert told.document()["error"]["kind"] == "usage"
    assert words in told.document()["error"]["message"]
    assert project.calls == []


def test_json_may_stand_before_the_command_and_after_dashes_it_is_a_word(tenfold: Tenfold, project: Any) -> None:
    assert tenfold("--json", "check").document() == {"schema": "tenfold.test/1"}
    with pytest.raises(json.JSONDecodeError):
        tenfold("runs", "show", "--", "--json").document()


def test_version_and_help_are_no_failures(tenfold: Tenfold) -> None:
    assert tenfold("--version").out.startswith("tenfold ")
    assert tenfold("--version", "--json").document()["schema"] == "tenfold.version/1"
    assert "predict" in tenfold("--help").out
    assert tenfold().code == 0
    assert tenfold("run", "--help").code == 0


def test_a_run_is_told_the_budget_and_how_much_of_it_is_gone(tenfold: Tenfold, project: Any) -> None:
    tenfold("run", "--budget", "60s", "--until", "data", "--workers", "inline", "--project", "there")
    assert project.calls[0] == ("open", (Path("there"),), {})
    _, _, options = project.calls[1]
    assert options.pop("events") is not None
    assert 1.0 <= options.pop("started_seconds_ago") < 10.0
    assert options == {"budget": "60s", "until": "data", "workers": "inline"}


def test_predict_hands_on_everything_it_was_given(tenfold: Tenfold, project: Any) -> None:
    tenfold(
        "predict",
        "m@1",
        "in.csv",
        "--output",
        "out.csv",
        "--keep",
        "a",
        "--keep",
        "b",
        "--history",
        "h.csv",
        "--chunk-rows",
        "5",
        "--intervals",
        "--table",
        "t",
        "--project",
        "there/tenfold.yaml",
    )
    assert project.calls == [
        (
            "predict",
            ("m@1", "in.csv", Path("out.csv")),
            {
                "folder": Path("there"),
                "keep": ("a", "b"),
                "history": "h.csv",
                "table": "t",
                "chunk_rows": 5,
                "intervals": True,
                "join": False,
                "dates": None,
                "bare": False,
                "workers": None,
            },
        )
    ]


def test_what_libraries_print_meanwhile_does_not_reach_stdout(tenfold: Tenfold, project: Any) -> None:
    def noisy(**options: Any) -> Any:
        sys.stdout.write("noise")
        return answer({"schema": "tenfold.test/1"})

    project.answer = noisy
    done = tenfold("run", "--json")
    assert done.document() == {"schema": "tenfold.test/1"}
    assert "noise" in done.err


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tenfold.cli.main", *arguments]


def test_help_needs_none_of_the_heavy_libraries() -> None:
    heavy = (
        "{'numpy', 'polars', 'duckdb', 'sklearn', 'lightgbm', 'optuna', 'sqlalchemy', 'pydantic', 'ruamel', 'pandas'}"
    )
    code = (
        "import sys\nfrom tenfold.cli.main import execute\nfrom tenfold.cli.elapsed import Elapsed\n"
        f"execute(['--help'], Elapsed.begin())\nfound = {heavy} & set(sys.modules)\nassert not found, found"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_a_reader_that_leaves_early_is_not_complained_about() -> None:
    for arguments in (("--version",), ("--help",), ("--version", "--json")):
        process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
        process.stderr.close()


def test_what_a_library_in_c_writes_meanwhile_does_not_reach_stdout(tmp_path: Path) -> None:
    code = (
        "import os, sys, types\n"
        "report = types.SimpleNamespace(document=lambda: {'schema': 's'}, ok=True)\n"
        "def check(): os.write(1, b'noise'); os.system('echo more noise'); return report\n"
        "spec = types.SimpleNamespace(alert_locations=())\n"
        "fake = types.ModuleType('tenfold.project.open')\n"
        "fake.open_project = lambda path: types.SimpleNamespace(check=check, spec=spec)\n"
        "sys.modules['tenfold.project.open'] = fake\n"
        "from tenfold.cli.main import main\nmain(['check', '--json'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert json.loads(done.stdout) == {"schema": "s"}
    assert "noise" in done.stderr
    assert "more noise" in done.stderr
    with Path("/dev/full").open("wb", buffering=0) as nowhere:
        full = subprocess.run(
            [sys.executable, "-c", code], stdout=nowhere, stderr=subprocess.PIPE, text=True, check=False
        )
    assert full.returncode == 3
    assert "stdout cannot be written: No space left on device" in full.stderr
    assert "Traceback" not in full.stderr


def test_every_command_stands_in_the_reference() -> None:
    text = (Path(__file__).parents[3] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for words in COMMANDS:
        name = " ".join(words[:2] if words[0] in ("runs", "model", "store") else words[:1])
        assert f"`tenfold {name}" in text


def answer(content: dict[str, Any], *, ok: bool = True) -> Any:
    from tests.unit.cli.conftest import Answer

    return Answer(content, ok)


def test_json_without_a_command_is_one_document_that_says_so(tenfold: Tenfold) -> None:
    done = tenfold("--json")
    assert done.code == 2
    error = json.loads(done.out)["error"]
    assert error["kind"] == "usage"
    assert "no command was named" in error["message"]


@pytest.mark.parametrize("where", [(), ("--project", "nowhere/tenfold.yaml"), ("--project", ".")])
def test_nothing_is_served_where_there_is_no_project(
    tenfold: Tenfold, where: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = tenfold("serve", "--port", "0", *where, "--json")
    assert done.code == 2
    assert "there is no project at" in json.loads(done.out)["error"]["message"]
