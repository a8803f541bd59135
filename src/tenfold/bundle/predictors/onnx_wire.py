"""The bytes of an ONNX model, looked through before the runtime sees them.

The runtime would follow what the bytes say: read other files for a tensor's values, load operators of others, loop
without end. So the message is walked here, without the library that writes such models, and anything but a closed
calculation with the standard operators is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tenfold.foundation.errors import StoreError

MOST_BYTES = 256_000_000
"""A larger model is not read."""
_MOST_DEEP = 32
_STANDARD = frozenset({"", "ai.onnx", "ai.onnx.ml"})
_ENDLESS = frozenset({"Loop", "Scan"})
_EXTERNAL = 1

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Which numbered fields of a message hold which messages, by the names of ONNX's schema.
_INSIDE: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One field of a message: its number, and a whole number or the bytes that stand there."""

    number: int
    value: int
    content: bytes


def check_onnx(content: bytes) -> None:
    """Refuse a model that is no closed calculation with the standard operators.

    Raises
    ------
    StoreError
        When it is too large, is no such message, reads other files, or uses operators that may run without end or are
        not of the standard.
    """
    if len(content) > MOST_BYTES:
        raise StoreError(f"the ONNX model has {len(content)} bytes; at most {MOST_BYTES} are read")
    kinds = {entry.number for entry in _entries(content)}
    if 7 not in kinds or 8 not in kinds:
        raise StoreError("the model is not in the ONNX format: it has no graph, or no set of operators")
    _look("model", content, deep=0)


def _look(kind: str, content: bytes, *, deep: int) -> None:
    if deep > _MOST_DEEP:
        raise StoreError(f"the ONNX model is nested deeper than {_MOST_DEEP}")
    for entry in _entries(content):
        _refuse(kind, entry)
        inner = _INSIDE.get(kind, {}).get(entry.number)
        if inner is not None:
            _look(inner, entry.content, deep=deep + 1)


def _refuse(kind: str, entry: _Entry) -> None:
    if kind == "tensor" and (entry.number == 13 or (entry.number == 14 and entry.value == _EXTERNAL)):
        raise StoreError("the ONNX model keeps values in other files; save it as one file")
    if kind == "opset" and entry.number == 1 and _text(entry) not in _STANDARD:
        raise StoreError(f"the ONNX model uses operators of '{_text(entry)}'; only the standard ones are run")
    if kind == "node" and entry.number == 7 and _text(entry) not in _STANDARD:
        raise StoreError(f"the ONNX model uses an operator of '{_text(entry)}'; only the standard ones are run")
    if kind == "node" and entry.number == 4 and _text(entry) in _ENDLESS:
        raise StoreError(f"the ONNX model uses the operator {_text(entry)}, which may run without end")


def _text(entry: _Entry) -> str:
    return entry.content[:100].decode("utf-8", "replace")


def _entries(content: bytes) -> Iterator[_Entry]:
    place = 0
    while place < len(content):
        key, place = _number(content, place)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, place = _number(content, place)
            yield _Entry(number=number, value=value, content=b"")
            continue
        if wire == _BYTES:
            size, place = _number(content, place)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise StoreError("the model is not in the ONNX format: its bytes are no message")
        if place + size > len(content):
            raise StoreError("the ONNX model is cut short")
        yield _Entry(number=number, value=0, content=content[place : place + size])
        place += size


def _number(content: bytes, place: int) -> tuple[int, int]:
    """Return the number that begins at ``place``, seven bits in each byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(content):
            raise StoreError("the ONNX model is cut short")
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise StoreError("the model is not in the ONNX format: its bytes are no message")
