"""Arrays by name as bytes, in the safetensors layout: a length, a JSON header, raw numbers. Nothing in it can run.

The same arrays give the same bytes: names are sorted and no time is written. Files open with any reader of safetensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tenfold.foundation.errors import StoreError

_DTYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "I16": "<i2", "U8": "|u1", "BOOL": "|b1"}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}
_LENGTH_BYTES = 8
_MOST_HEADER_BYTES = 1 << 20
_MOST_SIDES = 8
_LONGEST_SIDE = 1 << 40


def pack(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return arrays (float64, float32, int64, int32, int16, uint8 or bool) as bytes."""
    header, chunks, offset = {}, [], 0
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        kind = _NAMES.get(array.dtype)
        if kind is None:
            raise ValueError(f"array '{name}' has type {array.dtype}, which is not stored")
        content = array.astype(_DTYPES[kind], copy=False).tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, offset + len(content)]}
        offset += len(content)
        chunks.append(content)
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text + b"".join(chunks)


def unpack(content: bytes, *, name: str) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of ``content``; ``name`` is the file's, for the error.

    Raises
    ------
    StoreError
        When the bytes are not exactly such a file.
    """
    if len(content) < _LENGTH_BYTES:
        raise StoreError(f"'{name}' is not a file of arrays: it has {len(content)} bytes")
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    body = content[_LENGTH_BYTES + length :]
    if length > _MOST_HEADER_BYTES or _LENGTH_BYTES + length > len(content):
        raise StoreError(f"'{name}' is not a file of arrays: its header would be {length} bytes long")
    try:
        header = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise StoreError(f"'{name}' is not a file of arrays: its header is not JSON") from error
    if not isinstance(header, dict):
        raise StoreError(f"'{name}' is not a file of arrays: its header is not a mapping")
    result: dict[str, npt.NDArray[Any]] = {}
    expected = 0
    for key, entry in sorted(header.items()):
        start, array = _array(entry, body, f"array '{key}' of '{name}'")
        if start != expected:
            raise StoreError(f"array '{key}' of '{name}' does not follow the one before it")
        expected += array.nbytes
        result[key] = array
    if expected != len(body):
        raise StoreError(f"'{name}' holds {len(body)} bytes of numbers, its header describes {expected}")
    return result


def _array(entry: object, body: bytes, where: str) -> tuple[int, npt.NDArray[Any]]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise StoreError(f"{where} is not described by dtype, shape and data_offsets")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in _DTYPES:
        raise StoreError(f"{where} has the unknown type {kind!r}")
    if not _whole_numbers(shape) or not _whole_numbers(offsets) or len(offsets) != 2:
        raise StoreError(f"{where} has no usable shape and offsets")
    if len(shape) > _MOST_SIDES or any(side > _LONGEST_SIDE for side in shape):
        raise StoreError(f"{where} has a shape that no array of a model has: {str(shape)[:80]}")
    start, stop = offsets
    dtype = np.dtype(_DTYPES[kind])
    count = 1
    for side in shape:
        count *= side
    if not start <= stop <= len(body) or stop - start != count * dtype.itemsize:
        raise StoreError(f"{where} does not have the size that its shape {shape} needs")
    array = np.frombuffer(body, dtype=dtype, count=count, offset=start).reshape(shape)
    if kind == "BOOL" and bool((array.view(np.uint8) > 1).any()):
        raise StoreError(f"{where} holds bytes that are neither true nor false")
    return start, array


def _whole_numbers(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)
