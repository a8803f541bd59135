"""The fingerprint of a stage's code: its sources, those it imports inside the package, and the numeric libraries."""

from __future__ import annotations

import ast
import platform
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tenfold.foundation.errors import InputError
from tenfold.foundation.fingerprint import fingerprint, hash_bytes

LIBRARIES = ("numpy", "scipy", "polars", "lightgbm", "scikit-learn", "optuna")
"""Libraries whose version may change a result; they are asked for by name, not imported."""

_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+import[ \t]+(?:\([^)]*\)|[^\n(]*)|import[ \t]+[^\n]*)$", re.MULTILINE
)
_PACKAGE_FOLDER = Path(__file__).parent.parent


def code_fingerprint(*modules: str, folder: Path = _PACKAGE_FOLDER) -> str:
    """Return the hash of everything in the package that these modules can reach by import, and of library versions.

    Imports are read from the sources, nothing is run; a module named only in a string is not seen, nor is an import
    that does not begin its line.

    Parameters
    ----------
    *modules : str
        Full names, such as ``tenfold.stages.data.run``.
    folder : Path
        The package's folder; its name is the package's name.
    """
    return fingerprint(sources_of(*modules, folder=folder), library_versions())


def sources_of(*modules: str, folder: Path = _PACKAGE_FOLDER) -> dict[str, str]:
    """Return the hash of each source file that the modules reach, by module name."""
    reached: dict[str, str] = {}
    waiting = list(modules)
    for name in modules:
        if _file_of(name, folder) is None:
            raise InputError(f"there is no module '{name}' below {folder}")
    while waiting:
        name = waiting.pop()
        path = _file_of(name, folder)
        if path is None or name in reached:
            continue
        reached[name], imported = _read(path, name, folder.name)
        waiting.extend(imported)
        parent = name.rpartition(".")[0]
        # The package's own front door offers everything to users; what a stage does does not depend on it.
        if parent != folder.name:
            waiting.append(parent)
    return dict(sorted(reached.items()))


@cache
def library_versions() -> dict[str, str]:
    """Return the installed version of each numeric library, without importing any."""
    return {name: _version_of(name) for name in LIBRARIES}


def environment() -> dict[str, str]:
    """Return what a result may depend on beside code and data: Python, the kind of machine, the numeric libraries."""
    return {"python": platform.python_version(), "machine": platform.machine(), **library_versions()}


def environment_changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[dict[str, str], ...]:
    """Return what differs between two environments: ``name``, ``before``, ``after``; nothing of one that is unknown."""
    if not before or not after:
        return ()
    return tuple(
        {"name": name, "before": before.get(name, "absent"), "after": after.get(name, "absent")}
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def _version_of(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"


def _file_of(module: str, folder: Path) -> Path | None:
    """Return a module's source file; None when the name is not a module of the package."""
    package, *parts = module.split(".")
    if package != folder.name:
        return None
    place = folder.joinpath(*parts)
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _read(path: Path, module: str, package: str) -> tuple[str, tuple[str, ...]]:
    """Return the hash of a source file and the names it may import from the package."""
    content = path.read_bytes()
    parent = module if path.name == "__init__.py" else module.rpartition(".")[0]
    imported = (name for statement in _statements(content) for name in _imports(statement, parent))
    inside = sorted({name for name in imported if name.split(".")[0] == package})
    return hash_bytes(content), tuple(inside)


def _statements(content: bytes) -> Iterator[ast.stmt]:
    """Yield the import statements of a source file.

    Only the lines of imports are parsed: parsing all of every file would take longer than the rest of a cached run.
    """
    for match in _IMPORT.finditer(content):
        try:
            yield from ast.parse(match[0].strip()).body
        except SyntaxError:
            # A sentence in a docstring that happens to read like an import.
            continue


def _imports(statement: ast.stmt, parent: str) -> Iterator[str]:
    """Yield what an import statement may bring: modules, and names in modules that may be modules themselves."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        above = parent.split(".")
        start = ".".join(above[: len(above) - statement.level + 1]) if statement.level else ""
        module = ".".join(part for part in (start, statement.module or "") if part)
        yield module
        yield from (f"{module}.{alias.name}" for alias in statement.names)
