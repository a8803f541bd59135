"""Tensors of the Open Inference Protocol: one for each column, of shape [n] or [n, 1]; values as Python has them.

A tensor has no place for a missing value: NaN stands for it in floating point, the empty text in BYTES, and null in
JSON. Whole numbers and truth values that may be missing are sent as FP64, in which 1 is true and 0 false.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tenfold.foundation.errors import did_you_mean
from tenfold.gateway.body import Asked
from tenfold.gateway.ids import checked_ids
from tenfold.gateway.limits import Limits
from tenfold.gateway.refused import Refused, pointer_to, shown
from tenfold.gateway.version import Version
from tenfold.records.dataset import Kind

Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES"
]
IDS = "ids"
"""The tensor that names rows, on the way in and out; a column that is called so hides it."""

_ARRAYS: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype("<u1"),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
DATATYPES: tuple[str, ...] = (*_ARRAYS, "BYTES")
_FLOATS = ("FP16", "FP32", "FP64")
_LENGTH = struct.Struct("<I")
OF_KIND: Mapping[Kind, Datatype] = {
    "numeric": "FP64",
    "boolean": "BOOL",
    "categorical": "BYTES",
    "text": "BYTES",
    "datetime": "BYTES",
}
"""What the metadata say a column is sent as; others are taken where they lose nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A column: None where a value is missing."""

    name: str
    datatype: str
    values: Sequence[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a tensor says of itself, and where in the body it stands.

    ``rows`` is the number of its values.
    """

    name: str
    datatype: str
    rows: int
    place: int


def shape_of(place: int, name: Any, datatype: Any, shape: Any, limits: Limits) -> Shape:
    """Return what a tensor says of itself, checked."""
    at = f"/inputs/{place}"
    if type(name) is not str:
        raise Refused(
            "wrong_shape",
            f"input {place} has no name",
            field="inputs",
            fix="name the column that it holds",
            pointer=f"{at}/name",
        )
    if datatype not in DATATYPES:
        raise Refused(
            "wrong_type",
            f"input {place} has a datatype that is not known here",
            field=name,
            fix=f"send one of {', '.join(DATATYPES)}",
            pointer=f"{at}/datatype",
        )
    sizes = list(shape) if type(shape) is list or type(shape) is tuple else None
    if sizes is None or any(type(size) is not int or size < 0 for size in sizes):
        raise _wrong_shape(name, at, "is not a list of sizes")
    if len(sizes) == 2 and sizes[1] == 1:
        sizes = sizes[:1]
    if len(sizes) != 1:
        raise _wrong_shape(name, at, "is not that of one column")
    rows = sizes[0]
    if rows == 0:
        raise _wrong_shape(name, at, "has no rows")
    if rows > limits.rows:
        raise Refused(
            "too_many_instances",
            f"an input has {shown(str(rows))} rows; {limits.rows} are answered at a time",
            field=name,
            fix=f"send at most {limits.rows} rows in one request",
            pointer=f"{at}/shape",
        )
    return Shape(name=name, datatype=datatype, rows=rows, place=place)


def _wrong_shape(name: str, at: str, why: str) -> Refused:
    return Refused(
        "wrong_shape",
        f"the shape of an input {why}",
        field=name,
        fix="send one tensor for each column, of shape [n] or [n, 1]",
        pointer=f"{at}/shape",
    )


def from_raw(shape: Shape, raw: bytes | memoryview) -> Tensor:
    """Return a tensor from its bytes: little-endian, BYTES with the length of each before it."""
    if shape.datatype == "BYTES":
        return Tensor(name=shape.name, datatype="BYTES", values=_texts(shape, raw))
    dtype = _ARRAYS[shape.datatype]
    if len(raw) != dtype.itemsize * shape.rows:
        raise _wrong_size(shape)
    array = np.frombuffer(raw, dtype)
    if shape.datatype == "BOOL":
        if array.max() > 1:
            place = int(np.argmax(array > 1))
            raise wrong_element(shape, place, "is neither 0 nor 1", "send each truth value as one byte, 0 or 1")
        return Tensor(name=shape.name, datatype="BOOL", values=array.astype(bool).tolist())
    if shape.datatype in _FLOATS:
        return Tensor(name=shape.name, datatype=shape.datatype, values=_floats(shape, array))
    return Tensor(name=shape.name, datatype=shape.datatype, values=array.tolist())


def _floats(shape: Shape, array: np.ndarray[Any, Any]) -> list[float | None]:
    values: list[float | None] = array.tolist()
    finite = np.isfinite(array)
    if finite.all():
        return values
    infinite = np.isinf(array)
    if infinite.any():
        raise wrong_element(shape, int(np.argmax(infinite)), "is infinite", "send a finite number, or NaN for none")
    return [value if there else None for value, there in zip(values, finite.tolist(), strict=True)]


def _texts(shape: Shape, raw: bytes | memoryview) -> list[str]:
    texts = []
    start, size = 0, len(raw)
    for place in range(shape.rows):
        end = start + _LENGTH.size
        if end > size:
            raise _wrong_size(shape)
        start, end = end, end + _LENGTH.unpack_from(raw, start)[0]
        if end > size:
            raise _wrong_size(shape)
        texts.append(text_of(shape, place, bytes(raw[start:end])))
        start = end
    if start != size:
        raise _wrong_size(shape)
    return texts


def text_of(shape: Shape, place: int, content: bytes) -> str:
    """Return an element of a BYTES tensor as the text that it is."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise wrong_element(shape, place, "is not UTF-8", "send texts in UTF-8") from error


def _wrong_size(shape: Shape) -> Refused:
    return Refused(
        "wrong_shape",
        "an input's bytes are more or fewer than its shape and datatype say",
        field=shape.name,
        fix="send little-endian values; before each element of BYTES its length in four bytes",
        pointer=f"/inputs/{shape.place}",
    )


def from_json(shape: Shape, data: Any) -> Tensor:
    """Return a tensor from its JSON values, flat or nested as its shape is."""
    at = f"/inputs/{shape.place}/data"
    if type(data) is not list:
        raise Refused(
            "wrong_shape",
            "the data of an input are not a list",
            field=shape.name,
            fix="send 'data' as a list of values, or 'binary_data_size' in 'parameters' and the bytes after the JSON",
            pointer=at,
        )
    if data and all(type(each) is list and len(each) == 1 for each in data):
        data = [each[0] for each in data]
    if len(data) != shape.rows:
        raise Refused(
            "wrong_shape",
            f"an input has {len(data)} values where its shape says {shape.rows}",
            field=shape.name,
            fix="send as many values as the shape says",
            pointer=at,
        )
    return from_values(shape, data)


def from_values(shape: Shape, data: Sequence[Any]) -> Tensor:
    """Return a tensor from values, none of which is changed: one that its datatype cannot hold is refused."""
    datatype = shape.datatype
    values: Sequence[Any] = data
    if datatype in _FLOATS:
        if any(type(value) is not float and value is not None for value in data):
            values = [_float(shape, place, value) for place, value in enumerate(data)]
        largest = float(np.finfo(_ARRAYS[datatype]).max)
        for place, value in enumerate(values):
            if value is not None and not -largest <= value <= largest and not math.isnan(value):
                raise wrong_element(shape, place, f"is beyond {datatype}", "send a finite number, null for none")
        if any(value is not None and math.isnan(value) for value in values):
            values = [None if value is None or math.isnan(value) else value for value in values]
    elif datatype == "BYTES":
        _all_are(shape, values, str, "is not a text")
    elif datatype == "BOOL":
        _all_are(shape, values, bool, "is not true or false")
    else:
        _all_are(shape, values, int, "is not a whole number")
        limits = np.iinfo(_ARRAYS[datatype])
        for place, value in enumerate(values):
            if value is not None and not limits.min <= value <= limits.max:
                raise wrong_element(shape, place, f"is beyond {datatype}", "send it in a wider datatype")
    return Tensor(name=shape.name, datatype=datatype, values=values)


def _float(shape: Shape, place: int, value: Any) -> float | None:
    if value is None or type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            pass
    raise wrong_element(shape, place, "is not a number", "send a number, null for none")


def _all_are(shape: Shape, values: Sequence[Any], kind: type, why: str) -> None:
    for place, value in enumerate(values):
        if type(value) is not kind and value is not None:
            raise wrong_element(shape, place, why, f"send values of {shape.datatype}, null for none")


def wrong_element(shape: Shape, place: int, why: str, fix: str) -> Refused:
    """Return the refusal of one element of a tensor."""
    return Refused(
        "wrong_type",
        f"value {place} of an input {why}",
        field=shape.name,
        fix=fix,
        instance=place,
        pointer=f"/inputs/{shape.place}/data/{place}",
    )


def asked_of(tensors: Sequence[Tensor], kinds: Mapping[str, str], limits: Limits) -> Asked:
    """Return what tensors ask for, when they have as many rows and each is another column.

    Parameters
    ----------
    kinds : mapping from column to kind
        Those of the model that will answer: where none is called ``ids``, a tensor of this name holds the rows' ids.
    """
    if not tensors:
        raise Refused(
            "wrong_shape",
            "there are no inputs",
            field="inputs",
            fix="send one tensor for each column",
            pointer="/inputs",
        )
    rows = len(tensors[0].values)
    by_name: dict[str, Sequence[Any]] = {}
    for place, tensor in enumerate(tensors):
        if tensor.name in by_name:
            raise Refused(
                "wrong_shape",
                f"two inputs are called '{shown(tensor.name)}'",
                field=tensor.name,
                fix="send each column once",
                pointer=f"/inputs/{place}/name",
            )
        if len(tensor.values) != rows:
            raise Refused(
                "wrong_shape",
                f"inputs have {rows} and {len(tensor.values)} rows",
                field=tensor.name,
                fix="send as many values of each column",
                pointer=f"/inputs/{place}/shape",
            )
        by_name[tensor.name] = _of_kind(tensor, kinds.get(tensor.name, ""))
    ids = None
    if IDS in by_name and IDS not in kinds:
        place = next(place for place, tensor in enumerate(tensors) if tensor.name == IDS)
        ids = _ids_of(list(by_name.pop(IDS)), rows, limits, place)
    names = tuple(by_name)
    instances = [dict(zip(names, row, strict=True)) for row in zip(*by_name.values(), strict=True)]
    return Asked(instances=instances or [{} for _ in range(rows)], ids=ids)


def _of_kind(tensor: Tensor, kind: str) -> Sequence[Any]:
    """Return a tensor's values as its column has them, where a tensor has no other way of saying so."""
    if tensor.datatype == "BYTES" and kind in {"numeric", "boolean"}:
        return [None if value is not None and not value.strip() else value for value in tensor.values]
    if kind == "boolean" and tensor.datatype not in {"BOOL", "BYTES"}:
        return [bool(value) if value in (0, 1) else value for value in tensor.values]
    return tensor.values


def _ids_of(values: list[Any], rows: int, limits: Limits, place: int) -> list[str]:
    try:
        return checked_ids(values, rows, limits)
    except Refused as refused:
        refused.pointer = pointer_to("inputs", place, "data")
        raise


def wanted_names(names: Sequence[str], version: Version | None) -> Sequence[str]:
    """Return the outputs that were asked for, when the version gives them."""
    known = () if version is None else (*version.keys, IDS)
    for place, name in enumerate(names):
        if version is not None and name not in known:
            raise Refused(
                "unknown_output",
                f"the model gives no output '{shown(name)}'.{did_you_mean(shown(name), known)}",
                field="outputs",
                fix=f"ask for {', '.join(known)}",
                pointer=pointer_to("outputs", place, "name"),
            )
    return names


def to_raw(tensor: Tensor) -> bytes:
    """Return a tensor's bytes: little-endian, BYTES with the length of each before it."""
    if tensor.datatype == "BYTES":
        parts = []
        for value in tensor.values:
            content = value.encode()
            parts += [_LENGTH.pack(len(content)), content]
        return b"".join(parts)
    return np.asarray(tensor.values, dtype=_ARRAYS[tensor.datatype]).tobytes()
