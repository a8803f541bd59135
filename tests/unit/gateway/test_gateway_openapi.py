"""The OpenAPI document is true: what it allows is answered as it says, what it forbids is refused as it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from tests.unit.gateway.gateway_scene import ENDPOINT, ROW, release, route
from tests.unit.gateway.protocol_scene import Plane, plane

from tenfold.gateway.codecs.mlflow import LAYOUTS

_SURE = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with plane(tmp_path_factory.mktemp("openapi")) as found:
        yield found


@pytest.fixture(scope="module")
def document(served: Plane) -> Any:
    return served.ask("GET", "/openapi.json").document


def fits(schema: Mapping[str, Any], value: Any, document: Any) -> bool:
    """Whether a value is what a schema of this document says; only the words that the document uses are known."""
    if "$ref" in schema:
        target: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return fits(target, value, document)
    known = {"type", "enum", "anyOf", "oneOf", "properties", "required", "additionalProperties", "items", "minItems",
             "maxItems", "uniqueItems", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern",
             "minLength", "maxLength", "maxProperties", "description"}  # fmt: skip
    assert set(schema) <= known, schema
    if "anyOf" in schema:
        return any(fits(each, value, document) for each in schema["anyOf"])
    if "oneOf" in schema:
        return sum(fits(each, value, document) for each in schema["oneOf"]) == 1
    if "enum" in schema and value not in schema["enum"]:
        return False
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(kind, value) for kind in kinds):
        return False
    if isinstance(value, str):
        return bool(re.search(schema.get("pattern", ""), value)) and len(value) >= schema.get("minLength", 0)
    if isinstance(value, dict):
        inner = schema.get("properties", {})
        rest = schema.get("additionalProperties", True)
        return (
            all(name in value for name in schema.get("required", []))
            and all(fits(inner[name], each, document) for name, each in value.items() if name in inner)
            and (rest is not False or set(value) <= set(inner))
        )
    if isinstance(value, list):
        return len(value) >= schema.get("minItems", 0) and all(
            fits(schema.get("items", {}), each, document) for each in value
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return schema.get("minimum", value) <= value <= schema.get("maximum", value)
    return True


def _is(kind: str, value: Any) -> bool:
    if kind in ("number", "integer"):
        return isinstance(value, int if kind == "integer" else int | float) and not isinstance(value, bool)
    kinds: Mapping[str, Any] = {"string": str, "boolean": bool, "null": type(None), "array": list, "object": dict}
    return isinstance(value, kinds[kind])


def made(schema: Mapping[str, Any]) -> SearchStrategy[Any]:
    """Values of a column's schema."""
    if "anyOf" in schema:
        return st.one_of([made(each) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = schema["type"]
    if isinstance(kinds, list):
        return st.one_of([made({"type": kind}) for kind in kinds])
    if kinds == "string":
        return st.from_regex(schema["pattern"]) if "pattern" in schema else st.text(st.characters(codec="utf-8"))
    if kinds == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if kinds == "number":
        bound = schema.get("maximum", 2.0**62)
        return st.floats(-bound, bound, allow_nan=False)
    return {"null": st.none(), "boolean": st.booleans()}[kinds]


def row_of(document: Any) -> SearchStrategy[dict[str, Any]]:
    columns = document["components"]["schemas"][f"{ENDPOINT}.row"]["properties"]
    return st.fixed_dictionaries({name: made(schema) for name, schema in columns.items()})


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def assert_as_documented(served: Plane, document: Any, path: str, body: bytes) -> int:
    """The status is documented, and the answer is of its schema."""
    answer = served.ask("POST", path, body)
    assert answer.status < 500, (path, body, answer.body)
    documented = document["paths"][path]["post"]["responses"][str(answer.status)]["content"]
    (schema,) = [each["schema"] for each in documented.values()]
    if answer.headers["content-type"] == "application/json":
        assert fits(schema, answer.document, document), (path, body, answer.body)
    return answer.status


def test_every_operation_is_documented_with_every_refusal(document: Any):
    posts = {path for path, methods in document["paths"].items() if "post" in methods}
    assert posts == {
        f"/predict/{ENDPOINT}",
        f"/explain/{ENDPOINT}",
        f"/v2/models/{ENDPOINT}/infer",
        f"/v2/models/{ENDPOINT}/versions/1/infer",
        f"/endpoints/{ENDPOINT}/invocations",
        "/invocations",
    }
    for path in posts:
        found = set(document["paths"][path]["post"]["responses"])
        assert found >= {"200", "400", "404", "405", "408", "413", "415", "422", "429", "503"}


def test_pages_answer_as_documented(served: Plane, document: Any):
    for path, methods in document["paths"].items():
        if "get" not in methods:
            continue
        answer = served.ask("GET", path)
        found = methods["get"]["responses"][str(answer.status)]["content"]
        assert answer.headers["content-type"].partition(";")[0] in found, path
        if "application/json" in found:
            assert fits(found["application/json"]["schema"], answer.document, document), path
        assert served.ask("POST", path).status == 405, path


@pytest.mark.parametrize(
    "path", [f"/predict/{ENDPOINT}", "/invocations", f"/v2/models/{ENDPOINT}/infer", f"/explain/{ENDPOINT}"]
)
def test_whatever_is_sent_is_answered_as_documented(served: Plane, document: Any, path: str):
    keys = st.sampled_from(["instances", "ids", "inputs", "outputs", *LAYOUTS, "params", "id", "x"])
    bodies = st.dictionaries(keys, anything | st.lists(row_of(document), max_size=2), max_size=3) | anything

    @seed(5)
    @_SURE
    @given(bodies)
    def check(body: Any) -> None:
        assert_as_documented(served, document, path, json.dumps(body).encode())

    check()


def test_a_row_that_the_schema_allows_is_never_a_failure_and_one_that_it_forbids_is_refused(
    served: Plane, document: Any
):
    schema = document["components"]["schemas"][f"{ENDPOINT}.row"]
    path = f"/predict/{ENDPOINT}"

    @seed(6)
    @_SURE
    @given(row_of(document), st.sampled_from(sorted(ROW)), anything)
    def check(row: dict[str, Any], column: str, value: Any) -> None:
        assert fits(schema, row, document)
        assert assert_as_documented(served, document, path, json.dumps({"instances": [row]}).encode()) in (200, 422)
        odd = {**row, column: value}
        status = assert_as_documented(served, document, path, json.dumps({"instances": [odd]}).encode())
        if not fits(schema, odd, document):
            assert status >= 400, odd

    check()


def test_the_document_follows_what_is_served(tmp_path: Path):
    with plane(tmp_path) as found:
        before = found.ask("GET", "/openapi.json").document["paths"]
        release(found.store, route(found.store, 2, ref="members@2"), revision=2)
        found.watch.look()
        after = found.ask("GET", "/openapi.json").document["paths"]
    assert f"/v2/models/{ENDPOINT}/versions/1/infer" in before
    assert set(after) - set(before) == {f"/v2/models/{ENDPOINT}/versions/2{end}" for end in ("", "/ready", "/infer")}
