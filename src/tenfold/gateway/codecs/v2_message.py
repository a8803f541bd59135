"""The Open Inference Protocol, version 2, over gRPC: tensors as typed contents, or all of them as raw bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tenfold.gateway.body import Asked
from tenfold.gateway.codecs.protocols import Headers, Written, in_words
from tenfold.gateway.codecs.tensors import (
    Shape,
    Tensor,
    asked_of,
    from_raw,
    from_values,
    shape_of,
    text_of,
    to_raw,
    wanted_names,
)
from tenfold.gateway.codecs.v2 import written_tensors
from tenfold.gateway.limits import Limits
from tenfold.gateway.predicting import Reply
from tenfold.gateway.refused import Refused, version_number
from tenfold.gateway.rpc.messages import message_class
from tenfold.gateway.version import Version

_UNSUPPORTED = ("classification", "shared_memory_region", "sequence_id")
_CONTENTS: Mapping[str, str] = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


@dataclass(slots=True)
class V2Message:
    """One call of ModelInfer.

    Parameters
    ----------
    request : ModelInferRequest
        Parsed already: which model is asked stands in it.
    version : Version or None
        What answers now: its columns and outputs.
    """

    request: Any
    version: Version | None
    _raw: bool = False
    _wanted: Sequence[str] = ()
    _places: dict[str, int] = field(default_factory=dict)

    def expect(self, headers: Headers) -> None:
        pass

    def read(self, body: bytes, limits: Limits) -> Asked:
        request = self.request
        for holder in (request, *request.inputs, *request.outputs):
            _check_parameters(holder.parameters)
        self._raw = bool(request.raw_input_contents)
        if self._raw and len(request.raw_input_contents) != len(request.inputs):
            raise Refused(
                "wrong_shape",
                f"{len(request.raw_input_contents)} raw contents for {len(request.inputs)} inputs",
                field="raw_input_contents",
                fix="send the raw contents of each input, or of none",
                pointer="/raw_input_contents",
            )
        self._wanted = wanted_names([output.name for output in request.outputs], self.version)
        tensors = []
        for place, tensor in enumerate(request.inputs):
            shape = shape_of(place, tensor.name, tensor.datatype, list(tensor.shape), limits)
            self._places.setdefault(shape.name, place)
            if self._raw:
                if tensor.HasField("contents"):
                    raise _contents_wrong(shape, "has contents beside its raw contents", "send its values once")
                tensors.append(from_raw(shape, request.raw_input_contents[place]))
            else:
                tensors.append(_from_contents(shape, tensor.contents))
        return asked_of(tensors, {} if self.version is None else self.version.origin.kinds, limits)

    def write(self, reply: Reply) -> Written:
        response = message_class("ModelInferResponse")(
            model_name=self.request.model_name,
            model_version=version_number(reply.version.ref),
            id=self.request.id,
        )
        for tensor in written_tensors(reply, self._wanted):
            output = response.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=[len(tensor.values)])
            if self._raw:
                response.raw_output_contents.append(to_raw(tensor))
            elif tensor.datatype == "BYTES":
                output.contents.bytes_contents.extend(value.encode() for value in tensor.values)
            else:
                output.contents.fp64_contents.extend(tensor.values)
        return Written((), response.SerializeToString())

    def refusal(self, refused: Refused) -> bytes:
        return in_words(refused).encode()


def _from_contents(shape: Shape, contents: Any) -> Tensor:
    expected = _CONTENTS.get(shape.datatype)
    if expected is None:
        raise _contents_wrong(shape, f"holds {shape.datatype}, which has no contents", "send it as raw contents")
    for found, _ in contents.ListFields():
        if found.name != expected:
            raise _contents_wrong(
                shape, f"has {found.name} for {shape.datatype}", f"send {expected}, or another datatype"
            )
    values: Sequence[Any] = getattr(contents, expected)
    if len(values) != shape.rows:
        raise _contents_wrong(
            shape,
            f"has {len(values)} values where its shape says {shape.rows}",
            "send as many values as the shape says",
        )
    if shape.datatype == "BYTES":
        values = [text_of(shape, place, value) for place, value in enumerate(values)]
    return from_values(shape, list(values))


def _contents_wrong(shape: Shape, why: str, fix: str) -> Refused:
    return Refused(
        "wrong_shape",
        f"an input {why}",
        field=shape.name,
        fix=fix,
        pointer=f"/inputs/{shape.place}/contents",
    )


def _check_parameters(parameters: Any) -> None:
    for name in _UNSUPPORTED:
        if name not in parameters:
            continue
        found = parameters[name]
        choice = found.WhichOneof("parameter_choice")
        if choice is not None and getattr(found, choice):
            raise Refused(
                "unsupported",
                f"the parameter '{name}' is not supported",
                field=name,
                fix="leave it out",
                pointer=f"/parameters/{name}",
            )
