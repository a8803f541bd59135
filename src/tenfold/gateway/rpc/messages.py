"""The messages of the Open Inference Protocol's gRPC service, built from a table of the published .proto.

Built in a pool of their own, so that a client of the protocol in the same process, which registers the same names,
stands in nobody's way; and at run time, so that no generated code ties them to one version of protobuf.

Source: ``GRPCInferenceService`` of package ``inference`` (the protocol's ``grpc_predict_v2.proto``), field by field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"

# Message: (number, name, type); [] before a type repeats it, {} maps a text to it, | makes it one of a choice.
_PARAMETERS = "{}InferParameter"
_TABLE: Mapping[str, Sequence[tuple[int, str, str]]] = {
    "ServerLiveRequest": (),
    "ServerLiveResponse": ((1, "live", "bool"),),
    "ServerReadyRequest": (),
    "ServerReadyResponse": ((1, "ready", "bool"),),
    "ModelReadyRequest": ((1, "name", "string"), (2, "version", "string")),
    "ModelReadyResponse": ((1, "ready", "bool"),),
    "ServerMetadataRequest": (),
    "ServerMetadataResponse": ((1, "name", "string"), (2, "version", "string"), (3, "extensions", "[]string")),
    "ModelMetadataRequest": ((1, "name", "string"), (2, "version", "string")),
    "ModelMetadataResponse": (
        (1, "name", "string"),
        (2, "versions", "[]string"),
        (3, "platform", "string"),
        (4, "inputs", "[]ModelMetadataResponse.TensorMetadata"),
        (5, "outputs", "[]ModelMetadataResponse.TensorMetadata"),
    ),
    "ModelMetadataResponse.TensorMetadata": ((1, "name", "string"), (2, "datatype", "string"), (3, "shape", "[]int64")),
    "InferParameter": (
        (1, "bool_param", "|bool"),
        (2, "int64_param", "|int64"),
        (3, "string_param", "|string"),
        (4, "double_param", "|double"),
        (5, "uint64_param", "|uint64"),
    ),
    "InferTensorContents": (
        (1, "bool_contents", "[]bool"),
        (2, "int_contents", "[]int32"),
        (3, "int64_contents", "[]int64"),
        (4, "uint_contents", "[]uint32"),
        (5, "uint64_contents", "[]uint64"),
        (6, "fp32_contents", "[]float"),
        (7, "fp64_contents", "[]double"),
        (8, "bytes_contents", "[]bytes"),
    ),
    "ModelInferRequest": (
        (1, "model_name", "string"),
        (2, "model_version", "string"),
        (3, "id", "string"),
        (4, "parameters", _PARAMETERS),
        (5, "inputs", "[]ModelInferRequest.InferInputTensor"),
        (6, "outputs", "[]ModelInferRequest.InferRequestedOutputTensor"),
        (7, "raw_input_contents", "[]bytes"),
    ),
    "ModelInferRequest.InferInputTensor": (
        (1, "name", "string"),
        (2, "datatype", "string"),
        (3, "shape", "[]int64"),
        (4, "parameters", _PARAMETERS),
        (5, "contents", "InferTensorContents"),
    ),
    "ModelInferRequest.InferRequestedOutputTensor": ((1, "name", "string"), (2, "parameters", _PARAMETERS)),
    "ModelInferResponse": (
        (1, "model_name", "string"),
        (2, "model_version", "string"),
        (3, "id", "string"),
        (4, "parameters", _PARAMETERS),
        (5, "outputs", "[]ModelInferResponse.InferOutputTensor"),
        (6, "raw_output_contents", "[]bytes"),
    ),
    "ModelInferResponse.InferOutputTensor": (
        (1, "name", "string"),
        (2, "datatype", "string"),
        (3, "shape", "[]int64"),
        (4, "parameters", _PARAMETERS),
        (5, "contents", "InferTensorContents"),
    ),
}
METHODS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")

_F = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _F.TYPE_BOOL,
    "int32": _F.TYPE_INT32,
    "int64": _F.TYPE_INT64,
    "uint32": _F.TYPE_UINT32,
    "uint64": _F.TYPE_UINT64,
    "float": _F.TYPE_FLOAT,
    "double": _F.TYPE_DOUBLE,
    "string": _F.TYPE_STRING,
    "bytes": _F.TYPE_BYTES,
}


@cache
def message_class(name: str) -> type[Any]:
    """Return the class of a message, such as ``ModelInferRequest``."""
    found: type[Any] = message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))
    return found


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="tenfold/grpc_predict_v2.proto", package=PACKAGE, syntax="proto3")
    made: dict[str, Any] = {}
    for name, fields in _TABLE.items():
        outer, _, inner = name.rpartition(".")
        message = made[outer].nested_type.add(name=inner) if outer else file.message_type.add(name=name)
        made[name] = message
        for number, called, kind in fields:
            _add_field(message, name, number, called, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def _add_field(message: Any, owner: str, number: int, name: str, kind: str) -> None:
    field = message.field.add(name=name, number=number, label=_F.LABEL_OPTIONAL)
    if kind.startswith("[]"):
        field.label, kind = _F.LABEL_REPEATED, kind[2:]
    elif kind.startswith("{}"):
        field.label, kind = _F.LABEL_REPEATED, _map_entry(message, owner, name, kind[2:])
    elif kind.startswith("|"):
        if not message.oneof_decl:
            message.oneof_decl.add(name="parameter_choice")
        field.oneof_index, kind = 0, kind[1:]
    _set_type(field, kind)


def _map_entry(message: Any, owner: str, name: str, kind: str) -> str:
    """Add the message that a map is on the wire, and return its name."""
    called = "".join(part.title() for part in name.split("_")) + "Entry"
    entry = message.nested_type.add(name=called)
    entry.options.map_entry = True
    _set_type(entry.field.add(name="key", number=1, label=_F.LABEL_OPTIONAL), "string")
    _set_type(entry.field.add(name="value", number=2, label=_F.LABEL_OPTIONAL), kind)
    return f"{owner}.{called}"


def _set_type(field: Any, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type, field.type_name = _F.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
