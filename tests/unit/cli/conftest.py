"""A command line that runs in this process, on a project that only answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tenfold.cli.elapsed import Elapsed
from tenfold.cli.main import execute
from tenfold.foundation.clock import SystemClock


@dataclass(frozen=True)
class Answer:
    """What every action of the fake project returns."""

    content: Mapping[str, Any]
    ok: bool = True

    def document(self) -> dict[str, Any]:
        return dict(self.content)


class FakeProject:
    """Answers every action with one document, or with an error; remembers how it was called."""

    def __init__(self) -> None:
        self.answer: Answer | BaseException | Callable[..., Answer] = Answer({"schema": "tenfold.test/1"})
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.spec = SimpleNamespace(alert_locations=())

    def __getattr__(self, name: str) -> Callable[..., Answer]:
        def act(*arguments: Any, **options: Any) -> Answer:
            self.calls.append((name, arguments, options))
            if isinstance(self.answer, BaseException):
                raise self.answer
            return self.answer(**options) if callable(self.answer) else self.answer

        return act


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeProject:
    fake = FakeProject()
    opened = ModuleType("tenfold.project.open")
    opened.open_project = lambda path: fake.calls.append(("open", (path,), {})) or fake  # type: ignore[attr-defined]  # a fake
    begun = ModuleType("tenfold.project.begin")
    begun.init_project, begun.profile_data = fake.init_project, fake.profile_data  # type: ignore[attr-defined]  # a fake
    scored = ModuleType("tenfold.project.score")
    scored.predict = fake.predict  # type: ignore[attr-defined]  # a fake
    for module in (opened, begun, scored):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TENFOLD_TRACEBACK", raising=False)
    monkeypatch.setenv("COLUMNS", "140")
    return fake


@pytest.fixture
def tenfold(capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    def run(*arguments: str) -> Finished:
        elapsed = Elapsed(before_seconds=1.0, since_seconds=SystemClock().monotonic(), clock=SystemClock())
        code = execute(arguments, elapsed)
        seen = capsys.readouterr()
        return Finished(code=code, out=seen.out, err=seen.err)

    return run
