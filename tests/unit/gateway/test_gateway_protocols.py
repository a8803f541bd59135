"""The same predictions in every protocol, and refusals that say what, where and what to do in each."""

from __future__ import annotations

import base64
import json
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.gateway.gateway_scene import ENDPOINT, ROW, SECRET, body_of, constant, hard_rows, release, route
from tests.unit.gateway.protocol_scene import (
    DATATYPES,
    INFER,
    LENGTH,
    SPLIT,
    Plane,
    binary_body,
    odd_bodies,
    plane,
    split,
    tensors,
)

from tenfold.store.predictions.reader import read_predictions

ROWS: list[dict[str, Any]] = [
    ROW,
    {**ROW, "age": None, "colour": "mauve", "town": ""},
    {**dict.fromkeys(ROW), "member": False, "income": -3.5},
]

SENT_BY_TRITONCLIENT = (
    652,
    base64.b64decode(
        "eyJpZCI6InItMSIsImlucHV0cyI6W3sibmFtZSI6ImFnZSIsInNoYXBlIjpbMV0sImRhdGF0eXBlIjoiRlA2NCIsInBhcmFtZXRlcnMiOnsiYm"
        "luYXJ5X2RhdGFfc2l6ZSI6OH19LHsibmFtZSI6ImluY29tZSIsInNoYXBlIjpbMV0sImRhdGF0eXBlIjoiRlA2NCIsInBhcmFtZXRlcnMiOnsi"
        "YmluYXJ5X2RhdGFfc2l6ZSI6OH19LHsibmFtZSI6ImNvbG91ciIsInNoYXBlIjpbMV0sImRhdGF0eXBlIjoiQllURVMiLCJwYXJhbWV0ZXJzIj"
        "p7ImJpbmFyeV9kYXRhX3NpemUiOjd9fSx7Im5hbWUiOiJ0b3duIiwic2hhcGUiOlsxXSwiZGF0YXR5cGUiOiJCWVRFUyIsInBhcmFtZXRlcnMi"
        "OnsiYmluYXJ5X2RhdGFfc2l6ZSI6MTF9fSx7Im5hbWUiOiJtZW1iZXIiLCJzaGFwZSI6WzFdLCJkYXRhdHlwZSI6IkJPT0wiLCJwYXJhbWV0ZX"
        "JzIjp7ImJpbmFyeV9kYXRhX3NpemUiOjF9fSx7Im5hbWUiOiJqb2luZWQiLCJzaGFwZSI6WzFdLCJkYXRhdHlwZSI6IkJZVEVTIiwicGFyYW1l"
        "dGVycyI6eyJiaW5hcnlfZGF0YV9zaXplIjoyOX19LHsibmFtZSI6Im5vdGUiLCJzaGFwZSI6WzFdLCJkYXRhdHlwZSI6IkJZVEVTIiwicGFyYW"
        "1ldGVycyI6eyJiaW5hcnlfZGF0YV9zaXplIjoxMX19XSwicGFyYW1ldGVycyI6eyJiaW5hcnlfZGF0YV9vdXRwdXQiOnRydWV9fQAAAAAAAD9A"
        "AAAAAADCkkADAAAAcmVkBwAAAFTDs3duIDUBGQAAADIwMjYtMDMtMDFUMTA6MDA6MDArMDE6MDAHAAAAc28gbG9uZw=="
    ),
)
"""What tritonclient.http 2.73 sends for ROW: how much of it is JSON, and the body."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with plane(tmp_path_factory.mktemp("protocols")) as found:
        yield found


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Plane]:
    with plane(tmp_path) as found:
        yield found


def native(served: Plane, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answer = served.ask("POST", f"/predict/{ENDPOINT}", body_of(*rows))
    assert answer.status == 200, answer.body
    predictions: list[dict[str, Any]] = answer.document["predictions"]
    return predictions


def from_tensors(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = [output["name"] for output in outputs if output["name"] != "ids"]
    columns = {output["name"]: output["data"] for output in outputs}
    return [{name: columns[name][row] for name in names} for row in range(len(columns["prediction"]))]


def test_tensors_in_json_get_the_predictions_of_rows(served: Plane):
    answer = served.post(INFER, {"id": "a-1", "inputs": tensors(ROWS)})
    assert answer.status == 200, answer.body
    document = answer.document
    assert (document["model_name"], document["model_version"], document["id"]) == (ENDPOINT, "1", "a-1")
    assert from_tensors(document["outputs"]) == native(served, ROWS)


def test_tensors_in_bytes_get_the_predictions_of_rows(served: Plane):
    rows = [{**row, "member": bool(row["member"])} for row in ROWS]
    body, headers = binary_body(rows)
    answer = served.ask("POST", INFER, body, headers)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/octet-stream"
    end = int(answer.headers[LENGTH])
    rest, outputs = answer.body[end:], json.loads(answer.body[:end])["outputs"]
    for output in outputs:
        size = output["parameters"]["binary_data_size"]
        raw, rest = rest[:size], rest[size:]
        output["data"] = _texts(raw) if output["datatype"] == "BYTES" else np.frombuffer(raw, "<f8").tolist()
    assert rest == b""
    assert from_tensors(outputs) == native(served, rows)


def test_the_bytes_of_a_real_client_are_read(served: Plane):
    length, body = SENT_BY_TRITONCLIENT
    # It declares no content type.
    answer = served.ask("POST", INFER, body, {LENGTH: str(length)})
    assert answer.status == 200, answer.body
    outputs = json.loads(answer.body[: int(answer.headers[LENGTH])])["outputs"]
    sizes = [output["parameters"]["binary_data_size"] for output in outputs]
    start = len(answer.body) - sum(sizes[2:])
    assert np.frombuffer(answer.body[start : start + 8], "<f8")[0] == native(served, [ROW])[0]["proba_yes"]


def _texts(raw: bytes) -> list[str]:
    texts = []
    while raw:
        (size,) = struct.unpack_from("<I", raw)
        texts.append(raw[4 : 4 + size].decode())
        raw = raw[4 + size :]
    return texts


@pytest.mark.parametrize("key", ["dataframe_split", "dataframe_records", "instances", "inputs", "columns"])
def test_tables_of_mlflow_get_the_predictions_of_rows(served: Plane, key: str):
    table: Any = split(ROWS) if key == "dataframe_split" else ROWS
    if key == "columns":
        key, table = "inputs", {name: [row[name] for row in ROWS] for name in ROW}
    for path in (SPLIT, f"/endpoints/{ENDPOINT}/invocations"):
        answer = served.post(path, {key: table})
        assert answer.status == 200, answer.body
        assert answer.document["predictions"] == native(served, ROWS)


def test_nan_of_pandas_is_a_missing_value(served: Plane):
    text = json.dumps({"dataframe_split": split([{**ROW, "age": 4711}])}).replace("4711", "NaN")
    answer = served.ask("POST", SPLIT, text.encode())
    assert answer.document["predictions"] == native(served, [{**ROW, "age": None}])
    text = json.dumps({"inputs": tensors([{**ROW, "age": 4711}])}).replace("4711", "NaN")
    answer = served.ask("POST", INFER, text.encode())
    assert from_tensors(answer.document["outputs"]) == native(served, [{**ROW, "age": None}])


def test_hard_rows_are_one_and_the_same_in_every_protocol(served: Plane):
    rows = hard_rows(60)
    expected = native(served, rows)
    assert served.post(SPLIT, {"instances": rows}).document["predictions"] == expected
    # A tensor has one type: each row by itself, with the types that its values have.
    kinds = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES", type(None): "BYTES"}
    for row, answer in zip(rows[:20], expected, strict=False):
        inputs = [{"name": k, "shape": [1, 1], "datatype": kinds[type(v)], "data": [v]} for k, v in row.items()]
        found = served.post(INFER, {"inputs": inputs})
        assert found.status == 200, found.body
        assert from_tensors(found.document["outputs"]) == [answer]


@pytest.mark.parametrize(
    ("column", "datatype", "value"),
    [
        ("age", "INT64", 31),
        ("age", "UINT8", 31),
        ("age", "FP32", 31.0),
        ("income", "INT32", 1200),
        ("colour", "INT64", 7),
        ("town", "BYTES", "?"),
        ("note", "BYTES", None),
    ],
)
def test_a_value_of_another_datatype_means_what_it_means_in_a_row(
    served: Plane, column: str, datatype: str, value: Any
):
    inputs = tensors([ROW])
    entry = next(each for each in inputs if each["name"] == column)
    entry |= {"datatype": datatype, "data": [value]}
    answer = served.post(INFER, {"inputs": inputs})
    assert from_tensors(answer.document["outputs"]) == native(served, [{**ROW, column: value}])


@pytest.mark.parametrize(
    ("column", "datatype", "value", "meant"),
    [
        ("member", "INT8", 1, True),
        ("member", "FP64", 0.0, False),
        ("member", "FP64", None, None),
        ("member", "BYTES", "", None),
        ("age", "BYTES", " ", None),
    ],
)
def test_a_tensor_says_missing_and_true_in_the_ways_that_its_datatype_has(
    served: Plane, column: str, datatype: str, value: Any, meant: Any
):
    inputs = tensors([ROW])
    entry = next(each for each in inputs if each["name"] == column)
    entry |= {"datatype": datatype, "data": [value]}
    answer = served.post(INFER, {"inputs": inputs})
    assert from_tensors(answer.document["outputs"]) == native(served, [{**ROW, column: meant}])


def test_outputs_are_those_that_were_asked_for_in_bytes_where_that_was_asked(served: Plane):
    wanted = [{"name": "proba_yes"}, {"name": "prediction", "parameters": {"binary_data": True}}]
    answer = served.post(INFER, {"inputs": tensors([ROW]), "outputs": wanted})
    head = json.loads(answer.body[: int(answer.headers[LENGTH])])
    assert [output["name"] for output in head["outputs"]] == ["proba_yes", "prediction"]
    assert head["outputs"][0]["data"] == [native(served, [ROW])[0]["proba_yes"]]
    assert head["outputs"][1]["parameters"] == {"binary_data_size": len(answer.body) - int(answer.headers[LENGTH])}


def test_ids_sent_as_a_tensor_name_the_rows_in_the_log(fresh: Plane):
    ids = {"name": "ids", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]}
    answer = fresh.post(INFER, {"inputs": [*tensors([ROW, ROW]), ids]})
    assert answer.document["outputs"][-1] == ids
    assert read_predictions(fresh.store, ENDPOINT).rows["id"].to_list() == ["a", "b"]


def test_a_regression_answers_numbers_in_every_protocol(fresh: Plane):
    release(fresh.store, route(fresh.store, constant("regression", (12.5,), ()), ref="members@2"), revision=2)
    fresh.watch.look()
    assert fresh.post(SPLIT, {"instances": [ROW, ROW]}).document["predictions"] == [12.5, 12.5]
    outputs = fresh.post(INFER, {"inputs": tensors([ROW])}).document["outputs"]
    assert outputs[0] == {"name": "prediction", "datatype": "FP64", "shape": [1], "data": [12.5]}
    assert fresh.ask("GET", "/v2/models/members").document["outputs"][0]["datatype"] == "FP64"
    explained = fresh.ask("POST", f"/explain/{ENDPOINT}", body_of(ROW)).document
    assert explained["reasons"][0]["of"] == "score"
    assert set(explained["reasons"][0]["effects"].values()) == {0.0}


def test_only_the_version_that_is_named_answers(fresh: Plane):
    body = {"inputs": tensors([ROW])}
    assert fresh.post(f"/v2/models/{ENDPOINT}/versions/1/infer", body).document["model_version"] == "1"
    refused = fresh.post(f"/v2/models/{ENDPOINT}/versions/2/infer", body)
    assert (refused.status, refused.document["code"]) == (404, "unknown_version")
    release(fresh.store, route(fresh.store, 2, ref="members@2"), revision=2)
    fresh.watch.look()
    assert fresh.post(f"/v2/models/{ENDPOINT}/versions/2/infer", body).document["model_version"] == "2"
    assert fresh.post(f"/v2/models/{ENDPOINT}/versions/1/infer", body).status == 404
    assert fresh.ask("GET", f"/v2/models/{ENDPOINT}/versions/1/ready").status == 404


def test_the_pages_of_the_protocols(served: Plane):
    pages = {
        "/v2": lambda found: found["name"] == "tenfold" and found["extensions"] == ["binary_tensor_data"],
        "/v2/health/live": lambda found: found == {"live": True},
        "/v2/health/ready": lambda found: found == {"ready": True},
        "/v2/models": lambda found: found == {"models": [ENDPOINT]},
        f"/v2/models/{ENDPOINT}/ready": lambda found: found == {"name": ENDPOINT, "ready": True},
        f"/v2/models/{ENDPOINT}/versions/1/ready": lambda found: found["ready"],
        f"/v2/models/{ENDPOINT}": lambda found: found["versions"] == ["1"],
    }
    for path, right in pages.items():
        answer = served.ask("GET", path)
        assert answer.status == 200, path
        assert right(answer.document), (path, answer.body)
    assert served.ask("GET", "/ping").status == 200
    assert served.ask("GET", "/version").body.startswith(b"tenfold ")
    metadata = served.ask("GET", f"/v2/models/{ENDPOINT}").document
    assert {each["name"]: each["datatype"] for each in metadata["inputs"]} == DATATYPES
    missing = served.ask("GET", "/v2/models/member")
    assert missing.status == 404
    assert "Did you mean 'members'?" in missing.document["error"]
    refused = served.ask("DELETE", "/v2/models/members")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


def test_every_odd_body_is_refused_with_its_code_place_and_remedy_and_nothing_is_logged(fresh: Plane):
    cases = odd_bodies()
    assert len(cases) >= 200
    for name, path, body, headers in cases:
        answer = fresh.ask("POST", path, body, headers)
        assert 400 <= answer.status < 500, (name, answer.status, answer.body[:300])
        document = answer.document
        facts = document["error"] if isinstance(document.get("error"), dict) else document
        assert re.fullmatch(r"[a-z_]+", facts["code"]), name
        assert facts["message"], name
        assert facts["fix"], name
        assert isinstance(facts["field"], str), name
        assert facts["instance"] is None or facts["instance"] >= 0, name
        if answer.status == 422 and facts["field"] != LENGTH:
            assert _leads_somewhere(facts["pointer"], _document_of(body, headers)), (name, facts)
        assert SECRET.encode() not in answer.body, name
        assert b"Traceback" not in answer.body, name
        assert len(answer.body) < 1500, name
    assert read_predictions(fresh.store, ENDPOINT).rows.height == 0


def _document_of(body: bytes, headers: Any) -> Any:
    end = int(headers[LENGTH]) if headers.get(LENGTH, "").isdigit() else len(body)
    return json.loads(body[:end])


def _leads_somewhere(pointer: str | None, document: Any) -> bool:
    """Whether a pointer's parent is there: what it points at may be what is missing."""
    assert pointer is not None
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    for step in steps[:-1]:
        if isinstance(document, list) and not step.isdigit():
            return False
        document = document[int(step)] if isinstance(document, list) else document[step]
    return True


def test_a_refusal_in_a_table_points_at_the_cell(served: Plane):
    rows = [ROW, {**ROW, "town": ["x"]}]
    for document, path, pointer in (
        ({"dataframe_split": split(rows)}, SPLIT, "/dataframe_split/data/1/3"),
        ({"dataframe_records": rows}, SPLIT, "/dataframe_records/1/town"),
        ({"inputs": {name: [row[name] for row in rows] for name in ROW}}, SPLIT, "/inputs/town/1"),
    ):
        assert served.post(path, document).document["pointer"] == pointer
    rows = [ROW, {**ROW, "joined": "soon"}]
    assert served.post(INFER, {"inputs": tensors(rows)}).document["pointer"] == "/inputs/5/data/1"
    error = served.ask("POST", f"/predict/{ENDPOINT}", body_of(*rows)).document["error"]
    assert error["pointer"] == "/instances/1/joined"


def test_reasons_add_up_to_the_score_and_stand_in_the_log_with_the_version(fresh: Plane):
    rows = hard_rows(20)
    answer = fresh.ask("POST", f"/explain/{ENDPOINT}", body_of(*rows))
    assert answer.status == 200, answer.body
    document = answer.document
    assert document["predictions"] == native(fresh, rows)
    for prediction, reasons in zip(document["predictions"], document["reasons"], strict=True):
        assert reasons["of"] == "proba_yes"
        assert list(reasons["effects"]) == list(ROW)
        assert reasons["base"] + sum(reasons["effects"].values()) == pytest.approx(prediction["proba_yes"], abs=1e-9)
    assert len({reasons["base"] for reasons in document["reasons"]}) == 1
    (segment,) = (fresh.store / "log" / ENDPOINT).glob("*.log")
    content = segment.read_bytes()
    assert content.count(b'"reasons":') == 1
    assert b'"ref":"members@1"' in content
    assert json.dumps(document["reasons"][0]["base"]).encode() in content


def test_reasons_are_the_same_each_time(served: Plane):
    first, second = (served.ask("POST", f"/explain/{ENDPOINT}", body_of(ROW)).document["reasons"] for _ in range(2))
    assert first == second


def test_what_only_grpc_needs_is_not_imported_without_it():
    program = (
        "import sys, tenfold.gateway.worker, tenfold.gateway.openapi;"
        "print([name for name in ('grpc', 'google.protobuf', 'tenfold.gateway.rpc.server') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
