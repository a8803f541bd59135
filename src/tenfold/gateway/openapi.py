"""The OpenAPI document of what is served: one operation for each endpoint and protocol, from the model's signature."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from tenfold.gateway.codecs.mlflow import LAYOUTS
from tenfold.gateway.codecs.tensors import DATATYPES, IDS, OF_KIND
from tenfold.gateway.codecs.v2 import server_version
from tenfold.gateway.explaining import MOST_EXPLAINED
from tenfold.gateway.limits import Limits
from tenfold.gateway.refused import STATUS, Code, version_number
from tenfold.gateway.version import Version
from tenfold.records.dataset import Field
from tenfold.records.release import FieldPolicy

Schema = dict[str, Any]

_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(\.[0-9]+)?)?\s*(Z|z|UTC|[+-][0-9]{2}:?[0-9]{2})?"
_BLANK = r"^\s*$"
_LARGEST = 1.7976931348623157e308


def described(served: Mapping[str, Version]) -> Schema:
    """Return the document.

    Parameters
    ----------
    served : mapping from endpoint to Version
        What answers now.
    """
    paths: dict[str, Schema] = dict(_PAGES)
    schemas: dict[str, Schema] = dict(_SHARED)
    for name, version in served.items():
        schemas |= _schemas(name, version)
        paths |= _paths(name, version)
    if len(served) == 1:
        (name,) = served
        paths["/invocations"] = _invocations(name)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tenfold gateway",
            "version": server_version(),
            "description": "Predictions of the versions that are served now, in several protocols. "
            "A signature changes with the version: read this document again after a promotion.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _schemas(name: str, version: Version) -> dict[str, Schema]:
    fields = version.model.signature.fields
    row = _object({field.name: _held(version, field) for field in fields}, required=[field.name for field in fields])
    answer: Schema = {"type": "number"}
    if version.model.classes:
        probabilities: dict[str, Schema] = {
            key: {"type": "number", "minimum": 0, "maximum": 1} for key in version.keys[1:]
        }
        properties: dict[str, Schema] = {
            version.keys[0]: {"type": "string", "enum": list(version.model.classes)},
            **probabilities,
        }
        answer = _object(properties, required=list(properties))
    return {
        f"{name}.row": row,
        f"{name}.prediction": answer,
        f"{name}.reasons": _object(
            {
                "of": {"type": "string", "enum": list(version.keys[1:] or ("score",))},
                "base": {"type": "number"},
                "effects": _object(
                    {field.name: {"type": "number"} for field in fields}, required=[field.name for field in fields]
                ),
                "errors": _object(
                    {field.name: {"type": "number", "minimum": 0} for field in fields},
                    required=[field.name for field in fields],
                ),
                "exact": {"type": "boolean"},
            },
            required=["of", "base", "effects", "errors", "exact"],
        ),
        f"{name}.tensors": _tensors(version),
    }


def _paths(name: str, version: Version) -> dict[str, Schema]:
    rows = _ref(f"{name}.row")
    predictions = {"type": "array", "items": _ref(f"{name}.prediction")}
    answered: dict[str, Schema] = {
        "predictions": predictions,
        "ids": {"type": "array", "items": {"type": "string"}},
        "version": {"type": "string"},
        # Where several versions share the requests, that of each row.
        "versions": {"type": "array", "items": {"type": "string"}},
    }
    needed = ["predictions", "ids", "version"]
    reasons = {"type": "array", "items": _ref(f"{name}.reasons")}
    model = f"/v2/models/{name}"
    number = version_number(version.ref)
    return {
        f"/predict/{name}": {
            "post": _operation(
                f"predict.{name}",
                f"Predict rows by {version.ref}.",
                _rows(rows, Limits().rows),
                _object(answered, required=needed),
                error="Refusal",
            )
        },
        f"/explain/{name}": {
            "post": _operation(
                f"explain.{name}",
                "Predict rows and say what each column adds to the score.",
                _rows(rows, MOST_EXPLAINED),
                _object({**answered, "reasons": reasons}, required=[*needed, "reasons"]),
                error="Refusal",
            )
        },
        model: {
            "get": _read(f"v2.metadata.{name}", "What the model takes and gives.", _ref("V2Metadata"), "V2Refusal")
        },
        f"{model}/ready": {"get": _read(f"v2.ready.{name}", "Whether it answers.", _ref("V2Ready"), "V2Refusal")},
        f"{model}/infer": {"post": _infer(f"v2.infer.{name}", name)},
        f"{model}/versions/{number}": {
            "get": _read(
                f"v2.metadata.{name}.{number}", "What the model takes and gives.", _ref("V2Metadata"), "V2Refusal"
            )
        },
        f"{model}/versions/{number}/ready": {
            "get": _read(f"v2.ready.{name}.{number}", "Whether it answers.", _ref("V2Ready"), "V2Refusal")
        },
        f"{model}/versions/{number}/infer": {"post": _infer(f"v2.infer.{name}.{number}", name)},
        f"/endpoints/{name}/invocations": _invocations(name, f".{name}"),
    }


def _rows(row: Schema, most: int) -> Schema:
    ids: Schema = {
        "type": ["array", "null"],
        "items": {"type": "string", "minLength": 1, "maxLength": Limits().id_characters, "pattern": r"^[ -~]+$"},
        "minItems": 1,
        "maxItems": most,
        "uniqueItems": True,
        "description": "As many as there are instances.",
    }
    return _object(
        {"instances": {"type": "array", "items": row, "minItems": 1, "maxItems": most}, "ids": ids},
        required=["instances"],
    )


def _infer(operation: str, name: str) -> Schema:
    return _operation(
        operation,
        "Predict a table sent as one tensor for each column (JSON, or with the binary tensor extension).",
        _ref(f"{name}.tensors"),
        _ref("V2Answer"),
        error="V2Refusal",
    )


def _invocations(name: str, suffix: str = "") -> Schema:
    row = _ref(f"{name}.row")
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": Limits().rows}
    table = _object(
        {
            "index": {"type": ["array", "null"]},
            "columns": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            "data": {"type": "array", "items": {"type": "array"}, "minItems": 1, "maxItems": Limits().rows},
        },
        required=["columns", "data"],
    )
    by_column = {"type": "object", "additionalProperties": {"type": "array", "minItems": 1}}
    of_layout: dict[str, Schema] = dict.fromkeys(LAYOUTS, rows) | {
        "dataframe_split": table,
        "inputs": {"anyOf": [rows, by_column]},
    }
    parameters = {"params": {"type": ["object", "null"], "maxProperties": 0}}
    body = {"oneOf": [_object({key: schema, **parameters}, required=[key]) for key, schema in of_layout.items()]}
    answer = _object(
        {
            "predictions": {"type": "array", "items": _ref(f"{name}.prediction")},
            "ids": {"type": "array", "items": {"type": "string"}},
            "version": {"type": "string"},
            "versions": {"type": "array", "items": {"type": "string"}},
        },
        required=["predictions", "ids", "version"],
    )
    text = "Predict a table as MLflow's scoring server takes it."
    return {"post": _operation(f"invocations{suffix}", text, body, answer, error="MLflowRefusal")}


def _tensors(version: Version) -> Schema:
    names = [field.name for field in version.model.signature.fields]
    known = names if IDS in names else [*names, IDS]
    tensor = _object(
        {
            "name": {"type": "string", "enum": known},
            "shape": {
                "type": "array",
                "items": {"type": "integer", "minimum": 1, "maximum": Limits().rows},
                "minItems": 1,
                "maxItems": 2,
            },
            "datatype": {"type": "string", "enum": list(DATATYPES)},
            "parameters": {"type": ["object", "null"]},
            "data": {"type": "array", "minItems": 1, "maxItems": Limits().rows},
        },
        required=["name", "shape", "datatype"],
    )
    kinds = ", ".join(f"{field.name}: {OF_KIND[field.kind]}" for field in version.model.signature.fields)
    tensor["description"] = f"A column, of shape [n] or [n, 1], best sent as {kinds}."
    output = _object(
        {
            "name": {"type": "string", "enum": [*version.keys, IDS]},
            "parameters": {"type": ["object", "null"]},
        },
        required=["name"],
    )
    return _object(
        {
            "id": {"type": ["string", "null"]},
            "parameters": {"type": ["object", "null"]},
            "inputs": {"type": "array", "items": tensor, "minItems": len(names), "maxItems": len(known)},
            "outputs": {"type": ["array", "null"], "items": output},
        },
        required=["inputs"],
    )


def _held(version: Version, field: Field) -> Schema:
    """Return what a column is sent as where the endpoint holds it to a policy of its own."""
    policy = FieldPolicy() if version.policing is None else version.policing.of(field.name)
    schema = _value(field)
    if policy.unseen == "reject":
        # Blanks around a category are taken off, and change nothing in what it is.
        schema = {"type": ["string", "null", "number", "boolean"], "description": _about(field)}
    if policy.missing == "reject":
        schema = {"allOf": [schema, {"not": {"type": "null"}}], "description": _about(field)}
    if policy.wrong_type == "impute":
        return {"description": f"{_about(field)}; what is not counts as missing"}
    if policy.wrong_type == "pass":
        return {"anyOf": [schema, {"type": ["string", "number", "boolean"]}], "description": _about(field)}
    return schema


def _value(field: Field) -> Schema:
    """Return what a column is sent as: all that is taken, and nothing else where a schema can say it."""
    number: Schema = {"type": "number", "minimum": -_LARGEST, "maximum": _LARGEST}
    if field.kind == "numeric":
        return {"anyOf": [number, {"type": "null"}], "description": _about(field)}
    if field.kind == "boolean":
        return {"type": ["boolean", "null"], "description": _about(field)}
    # What means missing is taken by every column of texts.
    texts: list[Schema] = [{"type": "string", "pattern": _BLANK}]
    if field.missing_markers:
        texts.append({"type": "string", "enum": list(field.missing_markers)})
    if field.kind == "datetime":
        moment: Schema = {"type": "string"}
        if field.datetime_format is None:
            moment["pattern"] = rf"^\s*{_TIME}\s*$"
        counted = [number] if (field.datetime_format or "").startswith(("epoch ", "excel ")) else []
        return {"anyOf": [moment, {"type": "null"}, *counted, *texts], "description": _about(field)}
    found: Schema = {"type": ["string", "null", "boolean"], "description": _about(field)}
    if field.padded:
        return found
    # Whole numbers are read in 64 bits, with or without a sign; others must not have lost digits.
    whole = {"type": "integer", "minimum": -(2**63), "maximum": 2**64 - 1}
    other = {"type": "number", "exclusiveMinimum": -(2**63), "exclusiveMaximum": 2**63}
    return {"anyOf": [{"type": ["string", "null", "boolean"]}, whole, other], "description": _about(field)}


def _about(field: Field) -> str:
    text: str = field.kind
    if field.datetime_format is not None:
        text += f", written as {field.datetime_format}"
    if field.levels:
        text += f", known values: {', '.join(field.levels[:20])}"
    return text


def _object(properties: Mapping[str, Schema], *, required: Sequence[str]) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _operation(operation: str, summary: str, body: Schema, answer: Schema, *, error: str) -> Schema:
    return {
        "operationId": operation,
        "summary": summary,
        "requestBody": {"required": True, "content": _content(body)},
        "responses": {
            "200": {"description": "The predictions, which are in the log.", "content": _content(answer)},
            **_refusals(error, _PREDICTING),
        },
    }


def _read(operation: str, summary: str, answer: Schema, error: str) -> Schema:
    return {
        "operationId": operation,
        "summary": summary,
        "responses": {
            "200": {"description": "What was asked for.", "content": _content(answer)},
            **_refusals(error, (404, 405)),
            "503": {"description": "Nothing answers yet.", "content": _content({"type": "object"})},
        },
    }


def _refusals(schema: str, statuses: Sequence[int]) -> dict[str, Schema]:
    found = {}
    for status in statuses:
        codes = ", ".join(sorted(code for code, number in STATUS.items() if number == status))
        found[str(status)] = {"description": codes, "content": _content(_ref(schema))}
    return found


_PREDICTING = tuple(sorted({status for status in STATUS.values() if status != 500}))
_FACTS: dict[str, Schema] = {
    "code": {"type": "string", "enum": sorted(get_args(Code))},
    "message": {"type": "string", "minLength": 1},
    "instance": {"type": ["integer", "null"], "minimum": 0},
    "field": {"type": "string"},
    "pointer": {"type": ["string", "null"], "description": "Where in the body, as RFC 6901 writes it."},
    "fix": {"type": "string", "minLength": 1},
}
_TENSOR_FACTS = _object(
    {
        "name": {"type": "string"},
        "datatype": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
    },
    required=["name", "datatype", "shape"],
)
_SHARED: Mapping[str, Schema] = {
    "Refusal": _object({"error": _object(_FACTS, required=list(_FACTS))}, required=["error"]),
    "V2Refusal": _object({"error": {"type": "string"}, **_FACTS}, required=["error", *_FACTS]),
    "MLflowRefusal": _object({"error_code": {"type": "string"}, **_FACTS}, required=["error_code", *_FACTS]),
    "V2Ready": _object({"name": {"type": "string"}, "ready": {"type": "boolean"}}, required=["name", "ready"]),
    "V2Metadata": _object(
        {
            "name": {"type": "string"},
            "versions": {"type": "array", "items": {"type": "string"}},
            "platform": {"type": "string"},
            "inputs": {"type": "array", "items": _TENSOR_FACTS},
            "outputs": {"type": "array", "items": _TENSOR_FACTS},
        },
        required=["name", "versions", "platform", "inputs", "outputs"],
    ),
    "V2Answer": _object(
        {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "outputs": {"type": "array", "items": {"type": "object", "required": ["name", "datatype", "shape"]}},
        },
        required=["model_name", "model_version", "outputs"],
    ),
}


def _page(summary: str, schema: Schema, media: str = "application/json", *, error: str = "Refusal") -> Schema:
    content = {media: {"schema": schema}}
    return {
        "get": {
            "operationId": re.sub(r"\W+", ".", summary.lower()).strip("."),
            "summary": summary,
            "responses": {
                "200": {"description": "Yes.", "content": content},
                **_refusals(error, (405,)),
                "503": {"description": "Not now.", "content": content},
            },
        }
    }


_OPEN: Schema = {"type": "object"}
_PLAIN: Schema = {"type": "string"}
_PAGES: Mapping[str, Schema] = {
    "/healthz": _page("The process answers", _object({"status": {"type": "string"}}, required=["status"])),
    "/readyz": _page("Each endpoint has a version", _OPEN),
    "/metrics": _page("Counts for Prometheus", _PLAIN, "text/plain"),
    "/openapi.json": _page("This document", _OPEN),
    "/ping": _page("Ready, as MLflow asks", _PLAIN, "text/plain"),
    "/health": _page("Ready, as MLflow asks by its other name", _PLAIN, "text/plain"),
    "/version": _page("The server's version", _PLAIN, "text/plain"),
    "/v2": _page("The server, as the Open Inference Protocol asks", _OPEN, error="V2Refusal"),
    "/v2/health/live": _page("Live, by the protocol", _OPEN, error="V2Refusal"),
    "/v2/health/ready": _page("Ready, by the protocol", _OPEN, error="V2Refusal"),
    "/v2/models": _page("The models that answer, by the protocol", _OPEN, error="V2Refusal"),
}
