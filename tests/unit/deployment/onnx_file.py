"""ONNX files written byte by byte: a small linear model, and whatever should be refused."""

from __future__ import annotations

import struct
from collections.abc import Sequence

FLOAT, DOUBLE, INT64, STRING = 1, 11, 7, 8


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, content: bytes | str | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(name: str, shape: Sequence[int], values: Sequence[float], *extra: bytes) -> bytes:
    dims = b"".join(field(1, size) for size in shape)
    raw = struct.pack(f"<{len(values)}f", *values)
    return dims + field(2, FLOAT) + field(8, name) + field(9, raw) + b"".join(extra)


def value(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(field(1, field(1, size) if isinstance(size, int) else field(2, size)) for size in shape)
    kind_of = field(1, field(1, kind) + field(2, dims))
    return field(1, name) + field(2, kind_of)


def node(
    kind: str, inputs: Sequence[str], outputs: Sequence[str], *, domain: str = "", attributes: bytes = b""
) -> bytes:
    read = b"".join(field(1, name) for name in inputs)
    made = b"".join(field(2, name) for name in outputs)
    return read + made + field(4, kind) + attributes + (field(7, domain) if domain else b"")


def model(graph: bytes, *, domain: str = "") -> bytes:
    return field(1, 8) + field(8, field(1, domain) + field(2, 13)) + field(7, graph)


def linear(
    weights: Sequence[Sequence[float]],
    bias: Sequence[float],
    *,
    last: str = "Sigmoid",
    inputs: Sequence[str] = (),
    tensor_extra: bytes = b"",
    more_nodes: Sequence[bytes] = (),
    domain: str = "",
) -> bytes:
    """Return ``last(x @ weights + bias)``: one input of all columns, or one for each of ``inputs``."""
    columns, outputs = len(weights), len(bias)
    flat = [number for row in weights for number in row]
    nodes = (
        []
        if not inputs
        else [node("Concat", inputs, ["x"], attributes=field(5, field(1, "axis") + field(3, 1) + field(20, 2)))]
    )
    nodes += [
        node("MatMul", ["x", "w"], ["m"]),
        node("Add", ["m", "b"], ["a"]),
        node(last, ["a"], ["probabilities"]),
        *more_nodes,
    ]
    graph = b"".join(field(1, each) for each in nodes) + field(2, "g")
    graph += field(5, tensor("w", (columns, outputs), flat, tensor_extra)) + field(5, tensor("b", (outputs,), bias))
    if inputs:
        graph += b"".join(field(11, value(name, FLOAT, ("n", 1))) for name in inputs)
    else:
        graph += field(11, value("x", FLOAT, ("n", columns)))
    graph += field(12, value("probabilities", FLOAT, ("n", outputs)))
    return model(graph, domain=domain)
