"""YAML 1.2 text as a tree that remembers its lines, within limits that hostile files cannot pass."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from tenfold.foundation.errors import SpecError

Event: TypeAlias = (
    ScalarEvent | AliasEvent | MappingStartEvent | MappingEndEvent | SequenceStartEvent | SequenceEndEvent
)

LARGEST_BYTES = 1_000_000
MOST_NODES = 20_000
DEEPEST = 32

_LONGEST_NUMBER = 300
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **{sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
}
# Control characters that YAML does not allow anywhere; tab, line feed and carriage return may stand in a file.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One value of the file.

    ``value`` is a scalar, a tuple of nodes or a mapping of nodes by key. ``line`` is one-based: that of the key for an
    entry of a mapping. ``size`` counts the nodes below, aliases written out.
    """

    value: object
    line: int
    size: int = 1

    def child(self, part: str | int) -> Node | None:
        """Return the entry called ``part``, or None when there is none."""
        if isinstance(self.value, dict):
            found = self.value.get(part)
            return found if isinstance(found, Node) else None
        if isinstance(self.value, tuple) and isinstance(part, int) and 0 <= part < len(self.value):
            item = self.value[part]
            return item if isinstance(item, Node) else None
        return None

    def plain(self) -> object:
        """Return the value without lines: scalars, tuples and dicts."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return tuple(node.plain() for node in self.value)
        return self.value

    def line_of(self, *path: str | int) -> int:
        """Return the line of the value at ``path``, or of the nearest value above it."""
        node = self
        for part in path:
            # A path may name levels that a shorthand of the file leaves out: these are stepped over.
            node = node.child(part) or node
        return node.line


def read_tree(content: bytes, *, path: str) -> Node:
    """Return the tree of a YAML file's bytes.

    Parameters
    ----------
    content : bytes
        UTF-8, with or without a byte order mark.
    path : str
        How messages name the file.

    Raises
    ------
    SpecError
        When the bytes are not one YAML document of modest size without duplicate keys.
    """
    text = _decode(content, path)
    stream = _events(text, path)
    first = next(stream, None)
    if first is None:
        raise SpecError("the file is empty; `tenfold init DATA --target COLUMN` writes one", path=path)
    tree = _Builder(stream, path).build(first, depth=1)
    # What follows is read as well: a second document, or text that is not YAML, is a fault.
    next(stream, None)
    return tree


def _decode(content: bytes, path: str) -> str:
    if len(content) > LARGEST_BYTES:
        raise SpecError(f"the file has {len(content):,} bytes; at most {LARGEST_BYTES:,} are read", path=path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SpecError(
            f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8", path=path, line=line
        ) from error
    unprintable = _CONTROL.search(text)
    if unprintable is not None:
        line = text.count("\n", 0, unprintable.start()) + 1
        code = ord(unprintable.group())
        raise SpecError(f"the control character U+{code:04X} stands in the text; remove it", path=path, line=line)
    return text


def _events(text: str, path: str) -> Iterator[Event]:
    """Yield the events of the only document's content."""
    documents = 0
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise SpecError("a second document begins here ('---'); one is read", path=path, line=_line(event))
                if event.version not in (None, (1, 2)):
                    raise SpecError("the file is read as YAML 1.2; remove the %YAML line", path=path, line=1)
            elif isinstance(
                event,
                ScalarEvent | AliasEvent | MappingStartEvent | MappingEndEvent | SequenceStartEvent | SequenceEndEvent,
            ):
                yield event
    except MarkedYAMLError as error:
        raise SpecError(_syntax(error), path=path, line=_mark_line(error)) from error
    except YAMLError as error:
        raise SpecError(f"this is not YAML: {str(error).splitlines()[0]}", path=path) from error
    except (ValueError, OverflowError) as error:
        # An escape such as "\UFFFFFFFF" names no character; the scanner passes Python's own error on.
        raise SpecError(f"this is not YAML: {error}", path=path) from error


class _Builder:
    """Puts events together; keeps the anchors seen and the number of nodes made."""

    def __init__(self, events: Iterator[Event], path: str):
        self._events = events
        self._path = path
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def build(self, event: Event, *, depth: int) -> Node:
        # Ends are taken by the loops over what they end.
        assert not isinstance(event, MappingEndEvent | SequenceEndEvent)
        line = _line(event)
        if depth > DEEPEST:
            raise self._error(f"values are nested more than {DEEPEST} deep here; no setting is", line)
        if isinstance(event, AliasEvent):
            return self._alias(event, line)
        if event.tag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            raise self._error(f"the tag '{_short(tag)}' is not read; write plain values", line)
        self._count(1, line)
        if isinstance(event, ScalarEvent):
            node = Node(value=resolve_scalar(event.value) if event.implicit[0] else event.value, line=line)
        elif isinstance(event, MappingStartEvent):
            node = self._mapping(line, depth)
        else:
            node = self._sequence(line, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: AliasEvent, line: int) -> Node:
        target = self._anchors.get(event.anchor)
        if target is None:
            raise self._error(f"the alias '*{_short(event.anchor)}' names no finished value above it", line)
        self._count(target.size, line)
        return replace(target, line=line)

    def _mapping(self, line: int, depth: int) -> Node:
        entries: dict[str, Node] = {}
        size = 1
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            key_line = _line(event)
            if not isinstance(event, ScalarEvent):
                raise self._error("a key must be plain text, not a list, a mapping or an alias", key_line)
            # Keys are text as written: a column may be called yes, null or 2024.
            key = event.value
            if key in entries:
                raise self._error(
                    f"the key '{_short(key)}' stands here a second time (first in line {entries[key].line})", key_line
                )
            self._count(1, key_line)
            value = self.build(next(self._events), depth=depth + 1)
            entries[key] = replace(value, line=key_line)
            size += value.size + 1
        return Node(value=entries, line=line, size=size)

    def _sequence(self, line: int, depth: int) -> Node:
        items: list[Node] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self.build(event, depth=depth + 1))
        return Node(value=tuple(items), line=line, size=1 + sum(item.size for item in items))

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > MOST_NODES:
            raise self._error(f"the file holds more than {MOST_NODES:,} values once its aliases are written out", line)

    def _error(self, message: str, line: int) -> SpecError:
        return SpecError(message, path=self._path, line=line)


def resolve_scalar(text: str) -> object:
    """Return what an unquoted scalar means by the core schema of YAML 1.2: ``no`` is text and ``012`` is twelve."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return int(text if base == 10 else text[2:], base)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _syntax(error: MarkedYAMLError) -> str:
    problem = str(error.problem or error.context or "unreadable").strip()
    if "'\\t'" in problem:
        return "a tab stands where YAML wants blanks; indent with spaces"
    if problem == "mapping values are not allowed here":
        return "a second ': ' stands in one value, or the indentation is off; put text with ': ' in quotes"
    if "expected <block end>" in problem:
        return "the indentation does not fit the lines above"
    return f"this is not YAML: {_short(problem)}"


def _mark_line(error: MarkedYAMLError) -> int | None:
    mark = error.problem_mark or error.context_mark
    return None if mark is None else int(mark.line) + 1


def _line(event: Event | DocumentStartEvent) -> int:
    return int(event.start_mark.line) + 1


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
