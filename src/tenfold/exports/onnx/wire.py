"""ONNX models as bytes, written without the library of that name: a message is numbered fields, one after the other.

The numbers are those of ``onnx.proto``, of which a closed calculation needs little.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Type = Literal["float", "uint8", "int64", "string", "bool", "double"]
TYPES: Mapping[Type, int] = {"float": 1, "uint8": 2, "int64": 7, "string": 8, "bool": 9, "double": 11}
_NUMPY: Mapping[Type, str] = {"float": "<f4", "uint8": "|u1", "int64": "<i8", "bool": "|b1", "double": "<f8"}
_IR_VERSION, _OPSET, _OPSET_TREES = 10, 21, 5
_FLOAT, _INT, _TEXT, _TENSOR, _FLOATS, _INTS, _TEXTS = 1, 2, 3, 4, 6, 7, 8
TREES = "ai.onnx.ml"

Attribute = int | float | str | bytes | Sequence[int] | Sequence[float] | Sequence[str]
"""Bytes are a tensor's."""


def tensor(name: str, kind: Type, values: npt.ArrayLike | Sequence[str], shape: Sequence[int] | None = None) -> bytes:
    """Return a tensor; its shape is that of the values unless told."""
    if kind == "string":
        words = list(values)  # type: ignore[arg-type]  # words are a sequence
        content = b"".join(_text(6, str(word)) for word in words)
        shape = [len(words)] if shape is None else shape
    else:
        array = np.asarray(values, dtype=_NUMPY[kind])
        content, shape = _bytes(9, array.tobytes()), list(array.shape) if shape is None else shape
    return b"".join(_whole(1, side) for side in shape) + _whole(2, TYPES[kind]) + content + _text(8, name)


def node(
    operation: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    domain: str = "",
    attributes: Mapping[str, Attribute] | None = None,
) -> bytes:
    """Return one operation."""
    written = b"".join(_bytes(5, _attribute(name, value)) for name, value in (attributes or {}).items())
    names = b"".join(_text(1, name) for name in inputs) + b"".join(_text(2, name) for name in outputs)
    return names + _text(4, operation) + written + (_text(7, domain) if domain else b"")


def described(name: str, kind: Type, width: int) -> bytes:
    """Return an input or output of shape (N, width)."""
    shape = _bytes(1, _text(2, "N")) + _bytes(1, _whole(1, width))
    return _text(1, name) + _bytes(2, _bytes(1, _whole(1, TYPES[kind]) + _bytes(2, shape)))


def model(
    *,
    nodes: Iterable[bytes],
    tensors: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
    facts: Mapping[str, str],
) -> bytes:
    """Return a whole model; ``facts`` are its metadata."""
    graph = b"".join(_bytes(1, each) for each in nodes) + _text(2, "tenfold")
    graph += b"".join(_bytes(5, each) for each in tensors)
    graph += b"".join(_bytes(11, each) for each in inputs) + b"".join(_bytes(12, each) for each in outputs)
    opsets = _bytes(8, _text(1, "") + _whole(2, _OPSET)) + _bytes(8, _text(1, TREES) + _whole(2, _OPSET_TREES))
    about = b"".join(_bytes(14, _text(1, key) + _text(2, value)) for key, value in facts.items())
    return _whole(1, _IR_VERSION) + _text(2, "tenfold") + _bytes(7, graph) + opsets + about


def _attribute(name: str, value: Attribute) -> bytes:
    head = _text(1, name)
    if isinstance(value, bytes):
        return head + _bytes(5, value) + _whole(20, _TENSOR)
    if isinstance(value, str):
        return head + _text(4, value) + _whole(20, _TEXT)
    if isinstance(value, int):
        return head + _whole(3, value) + _whole(20, _INT)
    if isinstance(value, float):
        return head + _varint(2 << 3 | 5) + struct.pack("<f", value) + _whole(20, _FLOAT)
    if all(isinstance(each, str) for each in value):
        return head + b"".join(_text(9, str(each)) for each in value) + _whole(20, _TEXTS)
    if all(isinstance(each, int) for each in value):
        return head + b"".join(_whole(8, int(each)) for each in value) + _whole(20, _INTS)
    packed = b"".join(_varint(7 << 3 | 5) + struct.pack("<f", each) for each in value)
    return head + packed + _whole(20, _FLOATS)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _whole(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _bytes(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _text(number: int, text: str) -> bytes:
    return _bytes(number, text.encode("utf-8", "surrogatepass"))
