"""The few house rules that a linter does not know."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "tenfold").rglob("*.py"))
CLOCKS = {"time", "perf_counter", "monotonic", "process_time", "now", "utcnow", "today"}


def names_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def calls(tree: ast.AST) -> list[tuple[str, str, int]]:
    """Every call of an attribute of a plain name, such as ``time.monotonic()``."""
    attributes = [
        node.func for node in ast.walk(tree) if isinstance(node, ast.Call) if isinstance(node.func, ast.Attribute)
    ]
    return [(each.value.id, each.attr, each.lineno) for each in attributes if isinstance(each.value, ast.Name)]


@pytest.mark.parametrize("path", SOURCES, ids=names_of)
def test_only_the_clock_reads_the_clock(path: Path) -> None:
    if path.name in {"clock.py", "stopwatch.py"}:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    read = [line for owner, name, line in calls(tree) if owner in {"time", "datetime", "date"} and name in CLOCKS]
    assert read == []


@pytest.mark.parametrize("path", SOURCES, ids=names_of)
def test_no_pickle_is_read(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bad = [
        line
        for owner, name, line in calls(tree)
        if (owner in {"pickle", "joblib", "cloudpickle", "dill"} and name in {"load", "loads"})
    ]
    # Worker processes of one run speak pickle over their own pipe; nothing of it comes from a file.
    if path.parent.name == "engine":
        return
    assert bad == []


def test_package_files_are_empty_but_the_front_door() -> None:
    front = ROOT / "src" / "tenfold" / "__init__.py"
    filled = [names_of(path) for path in SOURCES if path.name == "__init__.py" and path.stat().st_size]
    filled.remove(names_of(front))
    assert filled == []


def test_no_room_is_called_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "handler", "misc", "base"}
    assert [names_of(path) for path in SOURCES if vague & set(path.relative_to(ROOT).with_suffix("").parts)] == []


def test_every_exception_to_a_lint_rule_has_its_reason() -> None:
    bare = []
    for path in SOURCES:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            exception = re.search(r"# (noqa|type: ignore)(.*)", line)
            if exception and not re.search(r"(\]|[A-Z]\d+) +[-#] \S", exception[2]):
                bare.append(f"{names_of(path)}:{number}")
    assert bare == []
