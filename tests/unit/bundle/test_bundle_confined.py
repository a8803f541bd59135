"""A parser in a process of its own: what it may do, what ends it, and what comes back."""

import contextlib
import ctypes
import importlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tenfold.bundle.confined import Limits, Parsed, confined
from tenfold.foundation.errors import InputError, MissingExtra, StoreError


def counted(content: bytes, facts: Mapping[str, Any]) -> Parsed:
    print("what a parser prints is lost")  # noqa: T201
    Path("note.txt").write_bytes(content)
    return Parsed(facts={"bytes": len(content), **facts}, files={"copy": Path("note.txt").read_bytes()})


def environment(content: bytes, facts: Mapping[str, Any]) -> Parsed:
    return Parsed(facts=dict(os.environ))


def refusing(content: bytes, facts: Mapping[str, Any]) -> Parsed:
    raise StoreError("the model has no trees")


def failing(content: bytes, facts: Mapping[str, Any]) -> Parsed:
    return json.loads(content)  # type: ignore[no-any-return]


def hostile(content: bytes, facts: Mapping[str, Any]) -> Parsed:  # noqa: C901
    """Do what the bytes say, as a parser would that was led astray."""
    place = facts.get("place", "")
    match content:
        case b"system":
            os.system(f"touch {place}")
        case b"popen":
            subprocess.run(["touch", place], check=True)
        case b"fork":
            os.fork()
        case b"exec":
            os.execv("/bin/true", ["true"])
        case b"write":
            Path(place).write_text("x")
        case b"read":
            Path("/etc/passwd").read_text()
        case b"connect":
            socket.socket(socket.AF_UNIX).connect(str(place))
        case b"import":
            importlib.import_module("antigravity")
        case b"eval":
            eval("1 + 1")
        case b"code":
            exec(compile("import this", sys.prefix + "/lib/x.py", "exec"))
        case b"library":
            ctypes.CDLL(place)
        case b"swallowed":
            with contextlib.suppress(BaseException):
                os.system(f"touch {place}")
        case b"memory":
            bytearray(1 << 31)
        case b"turns":
            while True:
                pass
        case b"sleeps":
            time.sleep(60)
        case b"crash":
            ctypes.string_at(0)
        case b"large":
            Path("large").write_bytes(b"\0" * (1 << 22))
        case b"deep":
            json.loads("[" * 100_000)
    return Parsed()


def test_a_parser_answers_with_facts_and_bytes_and_may_use_its_own_folder() -> None:
    parsed = confined(counted, b"abc", what="'a'", facts={"rows": 2})
    assert parsed == Parsed(facts={"bytes": 3, "rows": 2}, files={"copy": b"abc"})


def test_a_parser_sees_nothing_of_the_callers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    found = confined(environment, b"", what="'a'").facts
    assert "DATABASE_PASSWORD" not in found
    assert not set(found) & (set(os.environ) - {"LANG", "LC_ALL", "TZ", "HOME", "TMPDIR", "LC_CTYPE"} - _threads())


def _threads() -> set[str]:
    return {name for name in os.environ if name.endswith("_THREADS")} | {"LD_LIBRARY_PATH"}


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("system", "os.system"),
        ("popen", "subprocess.Popen"),
        ("fork", "os.fork"),
        ("exec", "os.exec"),
        ("write", "would write to"),
        ("read", "would read '/etc/passwd'"),
        ("connect", "socket"),
        ("import", "would import 'antigravity'"),
        ("eval", "code of its own"),
        ("code", "code of its own"),
        ("library", "load a library"),
        ("swallowed", "os.system"),
        ("memory", "memory"),
        ("turns", "longer than 2 s"),
        ("sleeps", "longer than 2 s"),
        ("crash", "SIGSEGV"),
        ("large", "larger"),
        ("deep", "too deep"),
    ],
)
def test_a_parser_led_astray_is_ended_and_named(act: str, reason: str, tmp_path: Path) -> None:
    place = tmp_path / "touched"
    limits = Limits(seconds=2.0, memory_bytes=1 << 30, answer_bytes=1 << 20)
    with pytest.raises(InputError, match=f"'bad.bin' was refused: .*{reason}"):
        confined(hostile, act.encode(), what="'bad.bin'", facts={"place": str(place)}, limits=limits)
    assert not place.exists()


def test_what_a_parser_says_of_the_bytes_is_passed_on() -> None:
    with pytest.raises(InputError, match="'m' was refused: the model has no trees"):
        confined(refusing, b"", what="'m'")


def test_an_error_of_a_library_becomes_one_line() -> None:
    with pytest.raises(InputError, match="'m' was refused: Expecting value"):
        confined(failing, b"?", what="'m'")


def test_a_library_that_is_not_there_is_named_with_its_extra() -> None:
    with pytest.raises(MissingExtra, match=r"'no_such_library'.*tenfold\[boosters\]"):
        confined(counted, b"", what="'m'", preload=("no_such_library",), extra="boosters")


def test_only_a_function_of_a_module_is_run() -> None:
    with pytest.raises(ValueError, match="top level"):
        confined(lambda content, facts: Parsed(), b"", what="'m'")
