from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tenfold
from tenfold.engine import code
from tenfold.engine.code import code_fingerprint, library_versions, sources_of
from tenfold.foundation.errors import InputError


@pytest.fixture
def package(tmp_path: Path) -> Path:
    files = {
        "__init__.py": "from shop.alone import numpy\n",
        "alone.py": "import numpy\n",
        "fit.py": "from shop.parts import wheel\nimport os\n\ndef fit():\n    from shop.late import thing\n",
        "late.py": "thing = 1\n",
        "parts/__init__.py": "",
        "parts/wheel.py": "from . import spoke\nfrom .rim import (\n    rim,  # round\n    edge,\n)\n",
        "parts/spoke.py": '"""Spokes.\n\nfrom the hub import nothing\n"""\n',
        "parts/rim.py": "rim = edge = 1\n",
    }
    folder = tmp_path / "shop"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def change(path: Path) -> None:
    path.write_text(path.read_text() + "# changed\n")
    code._read.cache_clear()


def test_sources_are_what_the_module_reaches_inside_the_package(package: Path):
    assert list(sources_of("shop.fit", folder=package)) == [
        "shop.fit",
        "shop.late",
        "shop.parts",
        "shop.parts.rim",
        "shop.parts.spoke",
        "shop.parts.wheel",
    ]


@pytest.mark.parametrize("name", ["fit.py", "late.py", "parts/__init__.py", "parts/rim.py", "parts/spoke.py"])
def test_change_in_anything_reached_changes_the_fingerprint(package: Path, name: str):
    before = code_fingerprint("shop.fit", folder=package)
    change(package / name)
    assert code_fingerprint("shop.fit", folder=package) != before


def test_change_in_what_is_not_reached_does_not(package: Path):
    before = code_fingerprint("shop.fit", folder=package)
    change(package / "alone.py")
    assert code_fingerprint("shop.fit", folder=package) == before


def test_new_version_of_a_library_changes_the_fingerprint(package: Path, monkeypatch: pytest.MonkeyPatch):
    before = code_fingerprint("shop.fit", folder=package)
    monkeypatch.setattr(code, "library_versions", lambda: {**library_versions(), "numpy": "9.9"})
    assert code_fingerprint("shop.fit", folder=package) != before


def test_unknown_module_is_refused(package: Path):
    with pytest.raises(InputError, match=r"no module 'shop\.nothing'"):
        code_fingerprint("shop.nothing", folder=package)


def test_every_import_in_the_package_is_seen_as_the_parser_sees_it():
    for path in Path(tenfold.__file__).parent.rglob("*.py"):
        content = path.read_bytes()
        parsed = [
            ast.dump(node) for node in ast.walk(ast.parse(content)) if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        seen = [ast.dump(node) for node in code._statements(content) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert sorted(seen) == sorted(parsed), path
