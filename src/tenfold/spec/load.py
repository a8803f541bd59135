"""From a file to a spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from tenfold.foundation.errors import InputError, SpecError
from tenfold.spec.consistency import find_contradictions
from tenfold.spec.explain import describe, explain
from tenfold.spec.faults import raise_faults
from tenfold.spec.location import find_passwords, locate, locate_alerts, locate_sources
from tenfold.spec.schema import FORMAT, Origin, Spec
from tenfold.spec.sections_signing import put_in_force
from tenfold.spec.tree import LARGEST_BYTES, Node, read_tree

FILE_NAME = "tenfold.yaml"


def load_spec(path: Path | str, environ: Mapping[str, str]) -> Spec:
    """Read a project's file.

    Parameters
    ----------
    path : Path or str
        The file, or the folder that holds ``tenfold.yaml``; messages name it as given.
    environ : mapping of str to str
        The environment variables that ``${env:NAME}`` may name.

    Raises
    ------
    InputError
        When there is no such file.
    SpecError
        When the file cannot be understood or contradicts itself; several faults are told together.
    """
    file = Path(path)
    file = file / FILE_NAME if file.is_dir() else file
    return parse_spec(_content(file), path=str(file), folder=file.parent, environ=environ)


def parse_spec(content: bytes, *, path: str, folder: Path, environ: Mapping[str, str]) -> Spec:
    """Read the bytes of a project's file that lies in ``folder`` and is called ``path`` in messages."""
    tree = read_tree(content, path=path)
    if not isinstance(tree.value, dict):
        raise SpecError(
            f"the file must be a mapping of sections (problem:, data:, …), found {describe(tree.plain())}",
            path=path,
            line=tree.line,
        )
    _check_format(tree, path)
    # Before anything else could repeat a password in its message.
    raise_faults(find_passwords(tree), path=path)
    written = tree.plain()
    assert isinstance(written, dict)
    written.setdefault("name", project_name(folder))
    try:
        spec = Spec.model_validate(written)
    except ValidationError as error:
        raise_faults(explain(error, tree), path=path)
        raise AssertionError("a validation error without a fault") from error
    locations, faults = locate_sources(spec, tree, folder, environ)
    store, more = locate(spec.store, environ, line=tree.line_of("store"), name="store")
    alerts, unset = locate_alerts(spec, tree, environ)
    origin = Origin(path=path, folder=folder, tree=tree, locations=locations, store=store, alerts=alerts)
    spec = spec.placed(origin)
    raise_faults((*faults, *more, *unset, *find_contradictions(spec), *put_in_force(spec, environ)), path=path)
    return spec


def project_name(folder: Path) -> str:
    """Return a model's name made from the name of its folder."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-._")
    return name[:100] or "model"


def _content(file: Path) -> bytes:
    if not file.exists():
        raise InputError(f"there is no file '{file}'; `tenfold init DATA --target COLUMN` writes one")
    if not file.is_file():
        raise InputError(f"'{file}' is not a file")
    try:
        with file.open("rb") as stream:
            return stream.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise InputError(f"'{file}' cannot be read: {error.strerror}") from error


def _check_format(tree: Node, path: str) -> None:
    version = tree.child("tenfold")
    if version is None or (version.value == FORMAT and version.value is not True):
        return
    raise SpecError(
        f"the format after 'tenfold:' must be {FORMAT}, found {describe(version.plain())};"
        " a later Tenfold may read other formats",
        path=path,
        line=version.line,
    )
