"""A skops file read as what it is: a tree of plain values and arrays. No object of it is ever built here."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tenfold.bundle.foreign_skops_types import TRUSTED
from tenfold.foundation.errors import InputError

_SCHEMA = "schema.json"
_MOST_BYTES, _MOST_SCHEMA, _MOST_FILES, _MOST_DEEP = 1 << 30, 1 << 28, 200_000, 200
_OBJECTS = frozenset({"ObjectNode", "TreeNode", "LossNode"})
_UNREAD = frozenset({"TypeNode", "RandomStateNode", "RandomGeneratorNode", "DTypeNode", "SliceNode"})
_KNOWN = _OBJECTS | _UNREAD | {
    "JsonNode", "ListNode", "TupleNode", "DictNode", "NdArrayNode", "CachedNode", "DefaultDictNode",
    "MaskedArrayNode", "ReduceNode",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """An object of a file: the name of its type, and its attributes, read where they are asked for."""

    type: str
    file: SkopsFile
    content: Any

    @property
    def name(self) -> str:
        """The name of the type, without its module."""
        return self.type.rpartition(".")[2]

    def has(self, key: str) -> bool:
        """Whether there is such an attribute."""
        return isinstance(self.content, dict) and key in self.content

    def get(self, key: str, default: Any = None) -> Any:
        """Return an attribute, or ``default``."""
        return self.file.read(self.content[key]) if self.has(key) else default

    def __getitem__(self, key: str) -> Any:
        if not self.has(key):
            raise InputError(f"the {self.name} has no '{key}': was it fitted?")
        return self.file.read(self.content[key])


@dataclass(slots=True)
class SkopsFile:
    """The archive of a file, its schema and the nodes that others refer to."""

    archive: zipfile.ZipFile
    root: Mapping[str, Any]
    by_id: dict[int, Mapping[str, Any]]
    types: frozenset[str]

    def read(self, node: Mapping[str, Any]) -> Any:
        """Return what a node holds: a plain value, an array, or a `Thing`."""
        loader = node["__loader__"]
        if loader == "CachedNode":
            return self.read(self.by_id[node["__id__"]])
        if loader == "JsonNode":
            return json.loads(node["content"])
        if loader == "ListNode":
            return [self.read(each) for each in node["content"]]
        if loader == "TupleNode":
            return tuple(self.read(each) for each in node["content"])
        if loader == "DictNode":
            return {key: self.read(each) for key, each in node["content"].items()}
        if loader == "NdArrayNode":
            return self._array(node)
        if loader in _OBJECTS:
            held = node.get("content")
            inner = held["content"] if isinstance(held, dict) and held.get("__loader__") == "DictNode" else {}
            return Thing(type=_type(node), file=self, content=inner)
        return None

    def _array(self, node: Mapping[str, Any]) -> Any:
        if node["type"] == "json":
            shape = self.read(node["shape"])
            result = np.empty(shape, dtype=object)
            held = [self.read(each) for each in node["content"]]
            for _ in range(result.ndim - 1):
                held = [each for inner in held for each in inner]
            if len(held) != result.size:
                raise InputError(f"an array of the skops file has {len(held)} values for the shape {shape}")
            for place, value in enumerate(held):
                result.flat[place] = value
            return result
        try:
            content = self.archive.read(str(node["file"]))
            found = np.load(io.BytesIO(content), allow_pickle=False)
        except (KeyError, ValueError, OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise InputError(f"an array of the skops file cannot be read: {str(error)[:120]}") from error
        return found if found.ndim or node["__class__"] == "ndarray" else found.item()


def open_skops(content: bytes, what: str) -> SkopsFile:
    """Return a skops file, looked through from end to end.

    Raises
    ------
    InputError
        When it is no skops file, is larger than is read, or holds a type that is not on our list.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InputError(f"{what} is not a zip file that can be read") from error
    names = [entry.filename for entry in entries]
    if any(name.endswith((".pkl", ".pickle")) for name in names):
        raise InputError(f"{what} is an archive with a pickle inside (as PyTorch writes them), which is never read")
    if _SCHEMA not in names:
        raise InputError(f"{what} is an archive, and not one that skops wrote: it has no {_SCHEMA}")
    if len(names) != len(set(names)) or len(names) > _MOST_FILES:
        raise InputError(f"{what} holds a file twice, or more than {_MOST_FILES} files")
    if sum(entry.file_size for entry in entries) > _MOST_BYTES or archive.getinfo(_SCHEMA).file_size > _MOST_SCHEMA:
        raise InputError(f"{what} would be larger than {_MOST_BYTES >> 20} MiB unpacked")
    if any(entry.flag_bits & 1 for entry in entries):
        raise InputError(f"{what} is encrypted")
    try:
        root = json.loads(archive.read(_SCHEMA))
    except (ValueError, RecursionError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(f"the {_SCHEMA} of {what} cannot be read") from error
    by_id: dict[int, Mapping[str, Any]] = {}
    types: set[str] = set()
    for node in _nodes(root, what):
        loader = node["__loader__"]
        if loader not in _KNOWN:
            raise InputError(f"{what} holds a {_type(node)} ({loader}), which is not on the list of what is read")
        if loader == "CachedNode":
            continue
        types.add(_type(node))
        if "__id__" in node:
            by_id[node["__id__"]] = node
    strange = sorted(types - set(TRUSTED))
    if strange:
        raise InputError(f"{what} holds {', '.join(strange[:5])}, which is not on the list of what is read")
    return SkopsFile(archive=archive, root=root, by_id=by_id, types=frozenset(types))


def _type(node: Mapping[str, Any]) -> str:
    return f"{node.get('__module__')}.{node.get('__class__')}"


def _nodes(root: Any, what: str) -> Iterator[Mapping[str, Any]]:
    """Return every node of a schema, however deep it stands."""
    waiting = [(root, 0)]
    while waiting:
        value, deep = waiting.pop()
        if deep > _MOST_DEEP:
            raise InputError(f"{what} is nested deeper than {_MOST_DEEP}")
        if isinstance(value, dict):
            if isinstance(value.get("__loader__"), str):
                yield value
            waiting += [(each, deep + 1) for each in value.values()]
        elif isinstance(value, list):
            waiting += [(each, deep + 1) for each in value]
