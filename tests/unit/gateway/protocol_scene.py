"""One request after the other to an application, in any protocol, and bodies that no protocol takes."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tests.unit.gateway.gateway_scene import ENDPOINT, ROW, SECRET, set_up

from tenfold.foundation.clock import SystemClock
from tenfold.gateway.app import Application, AppOptions
from tenfold.gateway.peers import Peers
from tenfold.gateway.watch import Watch
from tenfold.store.predictions.log import PredictionLog

JSON = {"content-type": "application/json"}
INFER = f"/v2/models/{ENDPOINT}/infer"
SPLIT = "/invocations"
DATATYPES = {
    "age": "FP64",
    "income": "FP64",
    "colour": "BYTES",
    "town": "BYTES",
    "member": "BOOL",
    "joined": "BYTES",
    "note": "BYTES",
}
LENGTH = "inference-header-content-length"


@dataclass
class Scope:
    method: str
    path: str
    headers: Mapping[str, str]
    proto: str = "http"


@dataclass
class Answer:
    """What a request is answered; it is the transport as the application sees it."""

    sent: bytes
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def __call__(self) -> bytes:
        return self.sent

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.sent

    async def client_disconnect(self) -> None:
        await asyncio.Event().wait()

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, dict(headers), body

    def response_str(self, status: int, headers: list[tuple[str, str]], body: str) -> None:
        self.response_bytes(status, headers, body.encode())

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass
class Plane:
    """An application that serves one endpoint."""

    store: Path
    watch: Watch
    application: Application

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = JSON) -> Answer:
        answer = Answer(body)
        scope = Scope(method, path, {**headers, "content-length": str(len(body))})
        asyncio.run(self.application.__rsgi__(scope, answer))
        return answer

    def post(self, path: str, document: Any, headers: Mapping[str, str] = JSON) -> Answer:
        return self.ask("POST", path, json.dumps(document).encode(), headers)


@contextmanager
def plane(folder: Path) -> Iterator[Plane]:
    store = set_up(folder)
    clock = SystemClock()
    watch = Watch(folder=store, only=(), clock=clock, said=lambda _: None)
    watch.look()
    log = PredictionLog(store)
    application = Application(
        watch=watch, log=log, peers=Peers(folder=None, worker=0), clock=clock, options=AppOptions(), said=lambda _: None
    )
    try:
        yield Plane(store=store, watch=watch, application=application)
    finally:
        application.close()
        log.close()


def tensors(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows as JSON tensors."""
    return [
        {"name": name, "datatype": datatype, "shape": [len(rows)], "data": [row[name] for row in rows]}
        for name, datatype in DATATYPES.items()
    ]


def packed(datatype: str, values: Sequence[Any]) -> bytes:
    """Values as the binary tensor extension has them."""
    if datatype == "BYTES":
        texts = ["" if value is None else str(value) for value in values]
        return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)
    numbers = [np.nan if value is None else value for value in values]
    return np.array(numbers, dtype={"FP64": "<f8", "FP32": "<f4", "BOOL": "?", "INT64": "<i8"}[datatype]).tobytes()


def binary_body(rows: Sequence[Mapping[str, Any]], **beside: Any) -> tuple[bytes, dict[str, str]]:
    """Rows as a client of the binary tensor extension sends them: the body and its headers."""
    parts, inputs = [], []
    for name, datatype in DATATYPES.items():
        parts.append(packed(datatype, [row[name] for row in rows]))
        size = {"binary_data_size": len(parts[-1])}
        inputs.append({"name": name, "shape": [len(rows)], "datatype": datatype, "parameters": size})
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}, **beside}).encode()
    return b"".join([head, *parts]), {LENGTH: str(len(head))}


def split(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows as pandas' ``to_dict(orient="split")``."""
    return {"index": [*range(len(rows))], "columns": [*rows[0]], "data": [list(row.values()) for row in rows]}


Case = tuple[str, str, bytes, Mapping[str, str]]


def odd_bodies() -> list[Case]:
    """More than 200 bodies that must be refused: what it is, where it goes, the bytes, the headers."""
    return [*_odd_tensors(), *_odd_bytes(), *_odd_tables(), *_odd_rows()]


def _odd_tensors() -> Iterator[Case]:
    def case(name: str, document: Any) -> Case:
        return (f"v2: {name}", INFER, json.dumps(document).encode(), JSON)

    good = tensors([ROW, ROW])

    def changed(place: int, **beside: Any) -> dict[str, Any]:
        entry = {key: value for key, value in {**good[place], **beside}.items() if value is not ...}
        return {"inputs": [*good[:place], entry, *good[place + 1 :]]}

    for document in (None, 1, "text", [], [good], {}, {"inputs": None}, {"inputs": {}}, {"inputs": "x"}, {"inputs": []},
                     {"inputs": [None]}, {"inputs": [[]]}, {"inputs": [SECRET]}, {"inputs": [{}]}, {"instances": [ROW]},
                     {"inputs": good, "input": []}, {"inputs": good, "id": 5}, {"inputs": good, "id": ["a"]},
                     {"inputs": good, "parameters": []}, {"inputs": good, "parameters": "x"},
                     {"inputs": good, "parameters": {"binary_data_output": 1}},
                     {"inputs": good, "parameters": {"binary_data_output": "true"}},
                     {"inputs": good, "parameters": {"sequence_id": 7}},
                     {"inputs": good, "parameters": {"classification": 3}},
                     {"inputs": good, "outputs": {}}, {"inputs": good, "outputs": "prediction"},
                     {"inputs": good, "outputs": [None]}, {"inputs": good, "outputs": ["prediction"]},
                     {"inputs": good, "outputs": [{}]}, {"inputs": good, "outputs": [{"name": 1}]},
                     {"inputs": good, "outputs": [{"name": "probability"}]},
                     {"inputs": good, "outputs": [{"name": ""}]},
                     {"inputs": good, "outputs": [{"name": "prediction", "data": []}]},
                     {"inputs": good, "outputs": [{"name": "prediction", "parameters": {"binary_data": "yes"}}]},
                     {"inputs": good, "outputs": [{"name": "prediction", "parameters": {"classification": 1}}]},
                     {"inputs": good, "outputs": [{"name": "prediction", "parameters": {"shared_memory_region": "r"}}]},
                     {"inputs": [*good, good[0]]}, {"inputs": good[1:]}, {"inputs": good[:1]},
                     {"inputs": [*good, {**good[0], "name": "agee"}]}, {"inputs": [*good, {**good[0], "name": ""}]},
                     {"inputs": [*good[:-1], {**good[-1], "name": "NOTE"}]}):  # fmt: skip
        yield case(f"document {json.dumps(document)[:60]}", document)
    for shape in (None, 2, "2", [], [1], [3], [2, 2], [2, 1, 1], [-2], [2.0], ["2"], [None], [0], [True], [[2]], [1, 2],
                  [10**9], [10**30], {}, [2, 0]):  # fmt: skip
        yield case(f"shape {shape}", changed(0, shape=shape))
    for datatype in (None, 5, "", "fp64", "FLOAT", "STRING", "BF16", "FP8", [], {}, "FP64 ", "OBJECT"):
        yield case(f"datatype {datatype!r}", changed(0, datatype=datatype))
    for name in (None, 5, [], {}, True):
        yield case(f"name {name!r}", changed(0, name=name))
    for place, datatype, wrong in (
        (0, "FP64", ["31", 31.0]), (0, "FP64", [True, 1.0]), (0, "FP64", [[31.0], 1.0]), (0, "FP64", [{}, 1.0]),
        (0, "FP32", [1e39, 1.0]), (0, "FP32", [-1e300, 1.0]), (0, "FP16", [70000.0, 1.0]), (0, "INT64", [1.0, 2]),
        (0, "INT64", ["1", 2]), (0, "INT64", [True, 2]), (0, "INT64", [2**63, 2]), (0, "INT64", [10**30, 2]),
        (0, "INT32", [2**31, 2]), (0, "INT16", [2**15, 2]), (0, "INT8", [128, 2]), (0, "INT8", [-129, 2]),
        (0, "UINT8", [-1, 2]), (0, "UINT8", [256, 2]), (0, "UINT16", [2**16, 2]), (0, "UINT32", [2**32, 2]),
        (0, "UINT64", [-1, 2]), (0, "UINT64", [2**64, 2]), (0, "BOOL", [1, 0]), (0, "BOOL", ["true", True]),
        (0, "BOOL", [True, False]), (0, "BYTES", [31, "31"]), (0, "BYTES", ["old", "31"]), (0, "BYTES", ["1,5", "31"]),
        (1, "BYTES", ["Infinity", "1"]), (1, "BYTES", ["1e999", "1"]), (2, "BYTES", [["red"], "red"]),
        (2, "BYTES", [5, "red"]), (2, "FP64", [1e300, 1.0]), (4, "BOOL", [0, True]), (4, "BOOL", ["yes", True]),
        (4, "INT64", [2, 1]), (4, "INT64", [-1, 1]), (4, "FP64", [0.5, 1.0]), (4, "BYTES", ["yes", "true"]),
        (4, "BYTES", ["1", "true"]), (5, "INT64", [20260301, 1]), (5, "FP64", [1.5, 2.5]), (5, "BOOL", [True, False]),
        (5, "BYTES", ["yesterday", "2026-03-01"]), (5, "BYTES", ["2026-13-01", "2026-03-01"]),
        (6, "BYTES", [{"text": "x"}, "y"]), (6, "BYTES", [["x"], ["y"]]),
    ):  # fmt: skip
        if (place, datatype, wrong) == (6, "BYTES", [["x"], ["y"]]):
            wrong = [["x", "z"], ["y"]]  # noqa: PLW2901 - [["x"], ["y"]] is of shape [2, 1]
        yield case(
            f"{good[place]['name']} as {datatype} {json.dumps(wrong)[:40]}",
            changed(place, datatype=datatype, data=wrong),
        )
    for data in (None, 5, "31", {}, [], [31.0], [31.0, 31.0, 31.0], [[31.0, 31.0]], [[31.0], 31.0], ...):
        yield case(f"data {str(data)[:20]}", changed(0, data=data))
    yield case("data and bytes", changed(0, parameters={"binary_data_size": 16}))
    yield case("bytes that are not there", changed(0, data=..., parameters={"binary_data_size": 16}))
    for parameters in ([], "x", 5, {"shared_memory_region": "r"}, {"binary_data_size": "16"}, {"binary_data_size": -1}):
        yield case(f"parameters {parameters}", changed(0, data=..., parameters=parameters))
    for ids in ([1, 2], ["a", "a"], ["", "b"], ["x" * 201, "b"], ["a\n", "b"]):
        kind = "INT64" if ids == [1, 2] else "BYTES"
        yield case(f"ids {ids}"[:40], {"inputs": [*good, {"name": "ids", "datatype": kind, "shape": [2], "data": ids}]})
    text = json.dumps({"inputs": good})
    for number in ("Infinity", "-Infinity", "1e400", "01", "0x1F", "1_000", "nan"):
        yield (f"v2: number {number}", INFER, text.replace("31", number, 1).encode(), JSON)
    yield ("v2: number 1e400 beside NaN", INFER, text.replace("31", "NaN", 1).replace("31", "1e400", 1).encode(), JSON)
    for media in (
        "text/plain",
        "application/x-protobuf",
        "application/octet-stream",
        "application/json; charset=latin-1",
    ):
        yield (f"v2: media {media}", INFER, text.encode(), {"content-type": media})
    yield ("v2: compressed", INFER, text.encode(), {**JSON, "content-encoding": "gzip"})
    yield ("v2: another version", f"/v2/models/{ENDPOINT}/versions/9/infer", text.encode(), JSON)
    yield ("v2: no such model", "/v2/models/member/infer", text.encode(), JSON)
    yield ("v2: empty", INFER, b"", JSON)


def _odd_bytes() -> Iterator[Case]:
    body, headers = binary_body([ROW, ROW])
    end = int(headers[LENGTH])

    def case(name: str, content: bytes, length: Any = None) -> Case:
        return (f"bytes: {name}", INFER, content, {LENGTH: str(end if length is None else length)})

    yield case("one too few", body[:-1])
    yield case("one too many", body + b"\0")
    yield case("a zero byte in the JSON", b"\0" + body[1:])
    for cut in range(end, len(body), 25):
        yield case(f"cut at {cut}", body[:cut])
    for length in (
        0,
        1,
        end - 1,
        end + 1,
        len(body),
        len(body) + 1,
        -1,
        "x",
        "",
        "1e3",
        "９",
        "9" * 30,
        f" {end}",
        "0x10",
    ):
        yield case(f"length {str(length)[:12]!r}", body, length)
    document = json.loads(body[:end])

    def changed(place: int, content: bytes, **beside: Any) -> Case:
        inputs = json.loads(json.dumps(document["inputs"]))
        start = end + sum(entry["parameters"]["binary_data_size"] for entry in inputs[:place])
        before, after = body[end:start], body[start + inputs[place]["parameters"]["binary_data_size"] :]
        inputs[place] |= {"parameters": {"binary_data_size": len(content)}, **beside}
        head = json.dumps({"inputs": inputs}).encode()
        return (f"bytes: {inputs[place]['name']} {beside} {content[:12]!r}", INFER, head + before + content + after,
                {LENGTH: str(len(head))})  # fmt: skip

    yield changed(0, struct.pack("<2d", np.inf, 1))
    yield changed(0, struct.pack("<2d", 1, -np.inf))
    yield changed(0, struct.pack("<2f", np.inf, 1), datatype="FP32")
    yield changed(0, struct.pack("<3d", 1, 2, 3))
    yield changed(0, struct.pack("<2d", 1, 2), datatype="FP32")
    yield changed(0, b"")
    yield changed(4, b"\x02\x01")
    yield changed(4, b"\xff\x00")
    yield changed(4, b"\x01")
    yield changed(2, struct.pack("<I", 3) + b"red")
    yield changed(2, struct.pack("<I", 3) + b"red" + struct.pack("<I", 4) + b"red")
    yield changed(2, struct.pack("<I", 2**32 - 1) + b"red" * 4)
    yield changed(2, (struct.pack("<I", 2) + b"\xff\xfe") * 2)
    yield changed(2, (struct.pack("<I", 3) + b"red") * 3)
    yield changed(2, b"redred")
    yield changed(5, (struct.pack("<I", 4) + b"soon") * 2)
    yield changed(6, (struct.pack("<I", 3) + b"\xed\xa0\x80") * 2)


def _odd_tables() -> Iterator[Case]:
    def case(name: str, document: Any, path: str = SPLIT) -> Case:
        return (f"mlflow: {name}", path, json.dumps(document).encode(), JSON)

    good = split([ROW, ROW])
    columns, data = good["columns"], good["data"]
    for document in (None, 1, "text", [], [ROW], {}, {"dataframe": good}, {"data": [ROW]}, {"columns": columns},
                     {"dataframe_split": good, "instances": [ROW]}, {"dataframe_split": good, "params": {"a": 1}},
                     {"dataframe_split": good, "params": []}, {"dataframe_split": None}, {"dataframe_split": []},
                     {"dataframe_split": "x"}, {"dataframe_split": {}}, {"dataframe_split": {"columns": columns}},
                     {"dataframe_split": {"data": data}}, {"dataframe_records": None}, {"dataframe_records": ROW},
                     {"dataframe_records": []}, {"dataframe_records": [None]}, {"dataframe_records": [[31]]},
                     {"dataframe_records": [ROW, 5]}, {"dataframe_records": [{}]}, {"instances": {}},
                     {"instances": [list(ROW.values())]}, {"instances": []}, {"instances": "x"}, {"inputs": None},
                     {"inputs": {}}, {"inputs": []}, {"inputs": 5}, {"inputs": [5]}, {"inputs": [[31]]},
                     {"inputs": {name: [] for name in ROW}}, {"inputs": ROW},
                     {"inputs": {name: [ROW[name]] * (1 + (name == "age")) for name in ROW}},
                     {"inputs": {name: [ROW[name]] for name in ROW if name != "town"}},
                     {"inputs": {**{name: [ROW[name]] for name in ROW}, "townn": ["x"]}},
                     {"inputs": {**{name: [ROW[name]] for name in ROW}, "age": [SECRET]}},
                     {"inputs": {**{name: [ROW[name]] for name in ROW}, "age": [[31]]}}):  # fmt: skip
        yield case(f"document {json.dumps(document)[:60]}", document)
    for key, value in (
        ("columns", None), ("columns", "age"), ("columns", []), ("columns", columns[:-1]), ("columns", [*columns, "x"]),
        ("columns", [*columns[:-1], "age"]), ("columns", [*columns[:-1], 5]), ("columns", [*columns[:-1], "notee"]),
        ("columns", {}), ("data", None), ("data", {}), ("data", []), ("data", [1]), ("data", [[]]), ("data", [{}]),
        ("data", [data[0], data[0][:-1]]), ("data", [[*data[0], 1]] * 2), ("data", [data[0], None]),
        ("data", [data[0], [SECRET, *data[0][1:]]]), ("data", [[[31], *data[0][1:]], data[0]]),
        ("index", [0]), ("index", 5), ("index", {}), ("rows", []), ("dtype", "x"),
    ):  # fmt: skip
        yield case(f"split with {key} {json.dumps(value)[:40]}", {"dataframe_split": {**good, key: value}})
    for column, value in (("age", SECRET), ("age", True), ("age", []), ("member", 2), ("member", "yes"), ("joined", 5),
                          ("joined", "soon"), ("town", ["x"]), ("note", {}), ("colour", 1e300)):  # fmt: skip
        for layout in ("dataframe_records", "instances", "inputs"):
            yield case(f"{layout}: {column} as {json.dumps(value)}", {layout: [ROW, {**ROW, column: value}]})
    text = json.dumps({"dataframe_split": good})
    for number in ("Infinity", "-Infinity", "1e400", "01"):
        yield (f"mlflow: number {number}", SPLIT, text.replace("31", number, 1).encode(), JSON)
    yield ("mlflow: CSV", SPLIT, b"age,income\n31,5\n", {"content-type": "text/csv"})
    yield ("mlflow: no such endpoint", "/endpoints/member/invocations", text.encode(), JSON)
    yield ("mlflow: cut", SPLIT, text.encode()[:-5], JSON)
    yield ("mlflow: NaN and cut", SPLIT, text.replace("31", "NaN", 1).encode()[:-5], JSON)
    yield ("mlflow: deep", SPLIT, b'{"instances": ' + b"[" * 100_000 + b"NaN" + b"]" * 100_000 + b"}", JSON)


def _odd_rows() -> Iterator[Case]:
    path = f"/explain/{ENDPOINT}"
    for document in (None, [], {}, {"instances": []}, {"instances": [{}]}, {"instances": [ROW] * 51},
                     {"instances": [{**ROW, "age": "old"}]}, {"instances": [ROW], "ids": ["a", "b"]},
                     {"instances": [ROW], "reasons": True}):  # fmt: skip
        yield (f"explain: {json.dumps(document)[:40]}", path, json.dumps(document).encode(), JSON)
