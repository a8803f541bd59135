"""The Open Inference Protocol, version 2, over REST: JSON tensors, and the extension that sends them as bytes after it.

Source: the protocol's REST specification (``/v2/models/{name}/infer``) and its binary tensor data extension, in which
the header ``Inference-Header-Content-Length`` says where the JSON ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version as installed_version
from typing import Any

import orjson

from tenfold.foundation.errors import did_you_mean
from tenfold.gateway.body import Asked
from tenfold.gateway.codecs.loose_json import decoded
from tenfold.gateway.codecs.native import COLUMN_CODES
from tenfold.gateway.codecs.protocols import JSON, Headers, Written, facts_of, in_words, is_media, require_plain
from tenfold.gateway.codecs.tensors import (
    IDS,
    OF_KIND,
    Shape,
    Tensor,
    asked_of,
    from_json,
    from_raw,
    shape_of,
    to_raw,
    wanted_names,
)
from tenfold.gateway.endpoint import ServedEndpoint
from tenfold.gateway.limits import Limits
from tenfold.gateway.predicting import Reply
from tenfold.gateway.refused import (
    OUTSIDE,
    Refused,
    kind_of,
    not_live,
    pointer_to,
    shown,
    unknown_version,
    version_number,
)
from tenfold.gateway.version import Version

EXTENSIONS = ("binary_tensor_data",)
HEADER_LENGTH = "inference-header-content-length"
_REQUEST_KEYS = ("id", "parameters", "inputs", "outputs", "model_name", "model_version")
_INPUT_KEYS = ("name", "shape", "datatype", "parameters", "data")
_OUTPUT_KEYS = ("name", "parameters")
_UNSUPPORTED = ("classification", "shared_memory_region", "sequence_id")
_VALUE_CODES = ("missing_value", "unseen_value", "wrong_type")
_FIX = 'send {"inputs": [{"name": column, "datatype": "FP64", "shape": [n], "data": [...]}, ...]}'


@dataclass(slots=True)
class V2:
    """One request to ``infer``.

    Parameters
    ----------
    model : str
        The endpoint, as the caller names it.
    version : Version or None
        What answers now: its columns and outputs.
    """

    model: str
    version: Version | None
    _json_bytes: int | None = None
    _places: dict[str, int] = field(default_factory=dict)
    _in_bytes: set[int] = field(default_factory=set)
    _id: str | None = None
    _wanted: Sequence[str] = ()
    _binary: Mapping[str, bool] = field(default_factory=dict)
    _all_binary: bool = False

    def expect(self, headers: Headers) -> None:
        length = headers.get(HEADER_LENGTH)
        if length is not None:
            if not (length.isascii() and length.isdigit() and len(length) < 10):
                raise Refused(
                    "wrong_shape",
                    f"the header '{HEADER_LENGTH}' is not a number of bytes",
                    field=HEADER_LENGTH,
                    fix="say how many bytes of the body are JSON",
                )
            self._json_bytes = int(length)
        media = headers.get("content-type", "")
        # Clients of the protocol send no content type, or that of bytes.
        binary = self._json_bytes is not None and is_media(media, "application/octet-stream")
        if media and not binary and not is_media(media, "application/json"):
            raise Refused(
                "unsupported_media_type",
                "the body is not declared to be JSON in UTF-8",
                field="content-type",
                fix="send 'content-type: application/json', or none; with "
                f"'{HEADER_LENGTH}', 'application/octet-stream'",
            )
        require_plain(headers)

    def read(self, body: bytes, limits: Limits) -> Asked:
        end = len(body) if self._json_bytes is None else self._json_bytes
        if end > len(body):
            raise Refused(
                "wrong_shape",
                f"the header '{HEADER_LENGTH}' says more bytes than the body has",
                field=HEADER_LENGTH,
                fix="say how many bytes of the body are JSON",
            )
        document = decoded(body[:end])
        rest = memoryview(body)[end:]
        if type(document) is not dict:
            raise Refused("wrong_shape", f"the body is {kind_of(document)}, not an object", field="body", fix=_FIX)
        _known(document, _REQUEST_KEYS, "the body", "")
        parameters = _parameters(document, "")
        self._all_binary = _flag(parameters, "binary_data_output", "/parameters")
        self._id = _optional_text(document, "id")
        self._same("model_name", _optional_text(document, "model_name"), self.model)
        served = None if self.version is None else version_number(self.version.ref)
        self._same("model_version", _optional_text(document, "model_version"), served)
        tensors = self._inputs(document.get("inputs"), rest, limits)
        self._read_outputs(document.get("outputs"))
        return asked_of(tensors, {} if self.version is None else self.version.origin.kinds, limits)

    def _same(self, key: str, said: str | None, served: str | None) -> None:
        """Refuse a body that names another model or version than its path: some clients repeat them."""
        if said and served is not None and said != served:
            raise Refused(
                "unknown_version" if key == "model_version" else "unknown_endpoint",
                f"'{key}' is not what the path asks for and answers",
                field=key,
                fix="leave it out, or send the same",
                pointer=pointer_to(key),
            )

    def _inputs(self, found: Any, rest: memoryview, limits: Limits) -> list[Tensor]:
        if type(found) is not list:
            raise Refused("wrong_shape", f"'inputs' is {kind_of(found)}, not a list", field="inputs", fix=_FIX)
        tensors = []
        for place, entry in enumerate(found):
            at = pointer_to("inputs", place)
            if type(entry) is not dict:
                raise Refused("wrong_shape", f"input {place} is {kind_of(entry)}", field="inputs", fix=_FIX, pointer=at)
            _known(entry, _INPUT_KEYS, f"input {place}", at)
            shape = shape_of(place, entry.get("name"), entry.get("datatype"), entry.get("shape"), limits)
            self._places.setdefault(shape.name, place)
            size = _parameters(entry, at).get("binary_data_size")
            if size is None:
                tensors.append(from_json(shape, entry.get("data")))
                continue
            self._in_bytes.add(place)
            rest, tensor = _binary_tensor(shape, entry, size, rest)
            tensors.append(tensor)
        if len(rest):
            raise Refused(
                "wrong_shape",
                f"{len(rest)} bytes of the body belong to no input",
                field="body",
                fix="say in 'binary_data_size' how many bytes each input has",
                pointer="",
            )
        return tensors

    def _read_outputs(self, found: Any) -> None:
        if found is None:
            return
        if type(found) is not list:
            raise Refused("wrong_shape", f"'outputs' is {kind_of(found)}, not a list", field="outputs", fix=_FIX)
        names, binary = [], {}
        for place, entry in enumerate(found):
            at = pointer_to("outputs", place)
            if type(entry) is not dict or type(entry.get("name")) is not str:
                raise Refused(
                    "wrong_shape",
                    f"output {place} has no name",
                    field="outputs",
                    fix="ask for outputs as [{\"name\": ...}], or leave 'outputs' out for all",
                    pointer=at,
                )
            _known(entry, _OUTPUT_KEYS, f"output {place}", at)
            parameters = _parameters(entry, at)
            names.append(entry["name"])
            if "binary_data" in parameters:
                binary[entry["name"]] = _flag(parameters, "binary_data", f"{at}/parameters")
        self._wanted, self._binary = wanted_names(names, self.version), binary

    def write(self, reply: Reply) -> Written:
        outputs, parts = [], []
        for tensor in written_tensors(reply, self._wanted):
            entry: dict[str, Any] = {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": [len(tensor.values)],
            }
            if self._binary.get(tensor.name, self._all_binary):
                raw = to_raw(tensor)
                parts.append(raw)
                entry["parameters"] = {"binary_data_size": len(raw)}
            else:
                entry["data"] = tensor.values
            outputs.append(entry)
        document: dict[str, Any] = {
            "model_name": self.model,
            "model_version": version_number(reply.version.ref),
            "outputs": outputs,
        }
        if self._id is not None:
            document["id"] = self._id
        content = orjson.dumps(document)
        if not parts:
            return Written(JSON, content)
        headers = [("content-type", "application/octet-stream"), (HEADER_LENGTH, str(len(content)))]
        return Written(headers, b"".join([content, *parts]))

    def refusal(self, refused: Refused) -> bytes:
        # The protocol has one text; clients print it, so that it holds the fix too.
        pointer = self._pointer(refused)
        if pointer is not None and any(pointer.startswith(f"/inputs/{place}/data/") for place in self._in_bytes):
            # What stands after the JSON has no place in it.
            pointer = pointer[: pointer.index("/data/")]
        facts = facts_of(refused, pointer)
        return orjson.dumps({"error": in_words(refused), **facts})

    def _pointer(self, refused: Refused) -> str | None:
        if refused.pointer is not None or refused.code in OUTSIDE or refused.field == HEADER_LENGTH:
            return refused.pointer
        if refused.field == "body":
            return ""
        if refused.code in COLUMN_CODES and refused.field in self._places:
            at = pointer_to("inputs", self._places[refused.field])
            return f"{at}/data/{refused.instance}" if refused.code in _VALUE_CODES else at
        if refused.code == "unknown_key":
            return pointer_to(refused.field)
        return pointer_to("inputs")


def pinned_version(endpoint: ServedEndpoint, pinned: str | None) -> Version:
    """Return the version that answers, which must have the number ``pinned`` where there is one.

    Raises
    ------
    Refused
        When nothing is served, or not this version.
    """
    live = endpoint.live
    if live is None:
        raise not_live(endpoint.name)
    if pinned is not None and version_number(live.version.ref) != pinned:
        raise unknown_version(endpoint.name, pinned, live.version.ref)
    return live.version


def written_tensors(reply: Reply, wanted: Sequence[str]) -> list[Tensor]:
    """Return the outputs that were asked for, all where none was: the prediction, its probabilities, the ids."""
    scored, keys = reply.scored, reply.version.keys
    columns = list(zip(*scored.scores, strict=True))
    if scored.decisions is None:
        tensors = [Tensor(name=keys[0], datatype="FP64", values=columns[0])]
    else:
        tensors = [
            Tensor(name=keys[0], datatype="BYTES", values=scored.decisions),
            *(
                Tensor(name=name, datatype="FP64", values=values)
                for name, values in zip(keys[1:], columns, strict=True)
            ),
        ]
    tensors.append(Tensor(name=IDS, datatype="BYTES", values=reply.ids))
    if not wanted:
        return tensors
    by_name = {tensor.name: tensor for tensor in tensors}
    return [by_name[name] for name in wanted if name in by_name]


@cache
def server_version() -> str:
    """Return the version of Tenfold that is installed."""
    return installed_version("tenfold")


def server_metadata() -> dict[str, Any]:
    """Return what the protocol tells of the server."""
    return {"name": "tenfold", "version": server_version(), "extensions": list(EXTENSIONS)}


def metadata(name: str, version: Version) -> dict[str, Any]:
    """Return what the protocol tells of a model: its columns as tensors in, its outputs."""
    outputs = [{"name": key, "datatype": "FP64", "shape": [-1]} for key in version.keys]
    if version.model.classes:
        outputs[0]["datatype"] = "BYTES"
    return {
        "name": name,
        "versions": [version_number(version.ref)],
        "platform": "tenfold",
        "inputs": [
            {"name": each.name, "datatype": OF_KIND[each.kind], "shape": [-1]}
            for each in version.model.signature.fields
        ],
        "outputs": [*outputs, {"name": IDS, "datatype": "BYTES", "shape": [-1]}],
    }


def _binary_tensor(shape: Shape, entry: Mapping[str, Any], size: Any, rest: memoryview) -> tuple[memoryview, Tensor]:
    at = pointer_to("inputs", shape.place, "parameters", "binary_data_size")
    if "data" in entry:
        raise Refused(
            "wrong_shape",
            "an input has both 'data' and 'binary_data_size'",
            field=shape.name,
            fix="send its values once",
            pointer=pointer_to("inputs", shape.place, "data"),
        )
    if type(size) is not int or not 0 <= size <= len(rest):
        raise Refused(
            "wrong_shape",
            "an input's 'binary_data_size' is not the number of its bytes after the JSON",
            field=shape.name,
            fix=f"send the bytes in the order of the inputs, with the header '{HEADER_LENGTH}'",
            pointer=at,
        )
    return rest[size:], from_raw(shape, rest[:size])


def _known(entry: Mapping[str, Any], known: Sequence[str], whose: str, at: str) -> None:
    for key in entry:
        if key not in known:
            raise Refused(
                "unknown_key",
                f"{whose} has the key '{shown(key)}', which means nothing here.{did_you_mean(shown(key), known)}",
                field=key,
                fix=f"send {', '.join(known)}; nothing else",
                pointer=at + pointer_to(shown(key)),
            )


def _parameters(entry: Mapping[str, Any], at: str) -> Mapping[str, Any]:
    """Return parameters; those that would change the answer are refused, others are the client's own affair."""
    found = entry.get("parameters")
    if found is None:
        return {}
    if type(found) is not dict:
        raise Refused(
            "wrong_shape",
            f"'parameters' is {kind_of(found)}, not an object",
            field="parameters",
            fix="send an object, or leave it out",
            pointer=f"{at}/parameters",
        )
    for key in _UNSUPPORTED:
        # A client that asks for no sequence may say so with 0.
        if found.get(key):
            raise Refused(
                "unsupported",
                f"the parameter '{key}' is not supported",
                field=key,
                fix="leave it out",
                pointer=f"{at}/parameters/{key}",
            )
    return found


def _flag(parameters: Mapping[str, Any], name: str, at: str) -> bool:
    value = parameters.get(name, False)
    if type(value) is not bool:
        raise Refused(
            "wrong_type",
            f"the parameter '{name}' is {kind_of(value)}",
            field=name,
            fix="send true or false",
            pointer=f"{at}/{name}",
        )
    return value


def _optional_text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and type(value) is not str:
        raise Refused(
            "wrong_type", f"'{name}' is {kind_of(value)}", field=name, fix="send a text", pointer=pointer_to(name)
        )
    return value
