"""A model as MLflow keeps it: a folder with ``MLmodel``, whose words choose a file among those that we read anyway.

What the folder would have MLflow import or run (its loader module, its code, its environment) is not looked at.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from tenfold.bundle.foreign import Foreign
from tenfold.bundle.foreign_read import file_bytes, read_content
from tenfold.foundation.errors import InputError

_MOST_BYTES = 1 << 22
_FILES: Mapping[str, tuple[str, ...]] = {
    "lightgbm": ("data",),
    "xgboost": ("data",),
    "catboost": ("data",),
    "onnx": ("data",),
    "sklearn": ("pickled_model", "model_file", "data"),
}
"""The flavors that are read, and under which keys they name their file."""


def read_mlflow(folder: Path) -> Foreign:
    """Return the model in a folder that MLflow wrote.

    Raises
    ------
    InputError
        When it has no flavor that is read, or its file is a pickle, a link, or outside of the folder.
    MissingExtra
        As `tenfold.bundle.foreign_read.read_content` does.
    """
    described = folder / "MLmodel"
    if not described.is_file():
        raise InputError(f"'{folder}' is a folder without MLmodel, so MLflow did not write it")
    document = _document(described)
    written = document.get("flavors")
    flavors: Mapping[str, Any] = written if isinstance(written, dict) else {}
    known = [name for name in _FILES if isinstance(flavors.get(name), dict)]
    if not known:
        found = ", ".join(map(str, flavors)) or "none"
        raise InputError(f"the model in '{folder}' has the flavors {found}; those that are read: {', '.join(_FILES)}")
    flavor = flavors[known[0]]
    named = next((flavor[key] for key in _FILES[known[0]] if isinstance(flavor.get(key), str)), None)
    if named is None:
        raise InputError(f"the flavor {known[0]} of '{folder}' names no file")
    path = _inside(folder, named)
    foreign = read_content(file_bytes(path), f"'{path}'")
    names = _inputs(document)
    if foreign.inputs.names or len(names) != foreign.inputs.count:
        return foreign
    # MLflow's own signature says what a model calls its columns that does not say so itself.
    return replace(foreign, inputs=replace(foreign.inputs, names=names))  # type: ignore[type-var]  # each is a dataclass


def _document(path: Path) -> Mapping[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    content = file_bytes(path, most=_MOST_BYTES)
    yaml = YAML(typ="safe", pure=True)
    try:
        text = content.decode("utf-8")
        if any(line.split(":", 1)[-1].strip().startswith(("&", "*")) for line in text.splitlines()):
            raise InputError(f"'{path}' refers to parts of itself, which is not read")
        found = yaml.load(text)
    except (UnicodeDecodeError, YAMLError, RecursionError) as error:
        raise InputError(f"'{path}' is not YAML that can be read") from error
    if not isinstance(found, dict):
        raise InputError(f"'{path}' is not a description of a model")
    return found


def _inside(folder: Path, named: str) -> Path:
    """Return the file of this name in the folder: no link, and not outside of it."""
    parts = PurePosixPath(named).parts
    if not parts or named.startswith("/") or ".." in parts or "\\" in named or "\0" in named:
        raise InputError(f"the model in '{folder}' names the file {named!r}, which is not inside of it")
    path = folder
    for part in parts:
        path = path / part
        try:
            mode = path.lstat().st_mode
        except OSError as error:
            raise InputError(f"the model in '{folder}' names the file {named!r}, which is not there") from error
        if stat.S_ISLNK(mode):
            raise InputError(f"'{path}' is a link, which is not followed")
    if not path.is_file():
        raise InputError(f"'{path}' is not a file")
    return path


def _inputs(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the columns in MLflow's signature; none where it has no columns."""
    signature = document.get("signature")
    written = signature.get("inputs") if isinstance(signature, dict) else None
    try:
        found = json.loads(written) if isinstance(written, str) else []
    except (ValueError, RecursionError):
        return ()
    if not isinstance(found, list) or not all(isinstance(each, dict) and "name" in each for each in found):
        return ()
    return tuple(str(each["name"]) for each in found)
