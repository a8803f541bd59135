"""A store with released versions, requests good and bad, and a gateway that runs as a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests.unit.bundle.bundle_scene import model, table

from tenfold.bundle.format import pack_bundle
from tenfold.bundle.model import Model
from tenfold.bundle.predictors.constant import ConstantPredictor
from tenfold.records.evaluation import Threshold
from tenfold.records.release import Endpoint, Route
from tenfold.store.endpoints import publish
from tenfold.store.files.blobs import FileBlobs
from tenfold.store.files.disk import Disk

ENDPOINT = "members"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROW: dict[str, Any] = {
    "age": 31,
    "income": 1200.5,
    "colour": "red",
    "town": "Tówn 5",
    "member": True,
    "joined": "2026-03-01T10:00:00+01:00",
    "note": "so long",
}
SECRET = "hunter2-4711"


@cache
def boosted(number: int = 1) -> Model:
    """The scene's model; each number is another model with other scores."""
    whole = model()
    first, second = whole.parts
    share = 1.0 / (number + 1)
    return replace(whole, parts=(replace(first, weight=1.0 - share), replace(second, weight=share)))


def constant(task: str, values: tuple[float, ...], classes: tuple[str, ...]) -> Model:
    """A model that reads the same columns and always says the same."""
    whole = model()
    part = replace(whole.parts[0], weight=1.0, predictor=ConstantPredictor(values=values))
    return replace(whole, task=task, classes=classes, parts=(part,), threshold=None)


@cache
def archive(number: int) -> tuple[str, bytes]:
    packed = pack_bundle(boosted(number), table(20, seed=9))
    return packed.name, packed.zipped()


def route(store: Path, made: Model | int, *, ref: str, threshold: float | None = None) -> Route:
    """Put a model's bundle into the store and return the route to it."""
    if isinstance(made, int):
        name, content = archive(made)
    else:
        packed = pack_bundle(made, table(20, seed=9))
        name, content = packed.name, packed.zipped()
    blobs = FileBlobs(Disk(store))
    path = blobs.path(blobs.put(content))
    return Route(ref=ref, bundle=name, path=str(path.relative_to(store)), threshold=threshold)


def release(store: Path, way: Route, *, revision: int, endpoint: str = ENDPOINT) -> None:
    """Publish a route as what the endpoint serves."""
    publish(store, Endpoint(name=endpoint, revision=revision, routes=(way,), at=NOON))


def set_up(store: Path, number: int = 1) -> Path:
    """A store in which one version is released."""
    release(store, route(store, number, ref=f"members@{number}", threshold=0.4), revision=1)
    return store


def with_threshold(made: Model, value: float) -> Model:
    return replace(made, threshold=Threshold(value=value, reason=""))


def hard_rows(count: int, *, seed: int = 11) -> list[dict[str, Any]]:
    """Instances as careless callers send them: nulls, unseen categories, whole numbers, blanks, markers, offsets."""
    chance = random.Random(seed)
    rows = []
    for row in table(count, seed=seed, missing=0.15).iter_rows(named=True):
        joined = row["joined"]
        instance = {**row, "joined": None if joined is None else joined.isoformat()}
        if row["age"] is not None:
            instance["age"] = chance.choice([int(row["age"]), row["age"], None, 1e-9])
        if row["income"] is not None:
            instance["income"] = chance.choice([row["income"], int(row["income"]), 0, -3, 1e12])
        instance["colour"] = chance.choice([row["colour"], "mauve", " red ", "", "?", 7, 7.5, True])
        instance["town"] = chance.choice([row["town"], "Nowhere", "Ünseen ✨", None, 12345678901234567])
        instance["member"] = chance.choice([row["member"], True, False, None])
        if joined is not None:
            instance["joined"] = chance.choice(
                [instance["joined"], joined.date().isoformat(), "2026-07-01 03:04:05-0500"]
            )
        if chance.random() < 0.02:
            instance = dict.fromkeys(instance)
        items = list(instance.items())
        chance.shuffle(items)
        rows.append(dict(items))
    return rows


def body_of(*instances: dict[str, Any], **beside: Any) -> bytes:
    return json.dumps({"instances": list(instances), **beside}).encode()


def malformed() -> list[tuple[str, bytes, dict[str, str]]]:
    """200 and more bodies that no signature allows: a name, the bytes, and the headers that go with them."""
    plain = {"content-type": "application/json"}
    cases: list[tuple[str, bytes, dict[str, str]]] = []

    def add(name: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        cases.append((name, body, plain if headers is None else headers))

    good = body_of(ROW)
    wrong: dict[str, list[Any]] = {
        "age": [SECRET, [], [1], {}, {"a": SECRET}, True, "1e999", "--1", "0x10", "1,5", "31", " 31 ", "", "?"],
        "income": [SECRET, [[1]], {"value": 1}, False, "NaN", "Infinity", "1,2,3", "ten"],
        "colour": [[SECRET], {"colour": "red"}, [], 1e300, [None]],
        "town": [["a", "b"], {SECRET: 1}, 123456789012345678901234567890, [[]]],
        "member": [SECRET, 2, -1, 0.5, "yes", [], {}, [True], 0, 1, "true", ""],
        "joined": [SECRET, 20260301, True, [], {}, "2026-13-01", "2026-02-30", "yesterday", 1.5, "10:00",
                   "2026-03-01T25:00:00Z", "99999-01-01"],
        "note": [[SECRET], {"text": SECRET}, [1, 2]],
    }  # fmt: skip
    for column, values in wrong.items():
        for value in values:
            add(f"{column} as {json.dumps(value)[:30]}", body_of({**ROW, column: value}))
            add(f"{column} as {json.dumps(value)[:30]} far down", body_of(*[ROW] * 20, {**ROW, column: value}))
    for column in ROW:
        add(f"without {column}", body_of({name: value for name, value in ROW.items() if name != column}))
        renamed = {name.upper() if name == column else name: value for name, value in ROW.items()}
        add(f"{column} in capitals", body_of(renamed))
        add(f"second without {column}", body_of(ROW, {name: ROW[name] for name in ROW if name != column}))
    for extra in ("agee", "__proto__", "", SECRET[:7], "x" * 5000, "a\nb", "ключ", "age ", "prediction", "id"):
        add(f"extra {extra[:10]!r}", body_of({**ROW, extra: SECRET}))
    for document in (
        None, 1, -1.5, True, "text", SECRET, [], [ROW], {}, {"instances": None}, {"instances": {}}, {"instances": []},
        {"instances": ROW}, {"instances": "x"}, {"instances": 5}, {"instances": [None]}, {"instances": [[]]},
        {"instances": [ROW, 7]}, {"instances": [ROW, [ROW]]}, {"instances": [SECRET]}, {"instances": [{}]},
        {"instance": [ROW]}, {"data": [ROW]}, {"instances": [ROW], "parameters": {}}, {"inputs": []}, {"ids": ["a"]},
        {"instances": [ROW], "Instances": [ROW]}, {"instances": [ROW], SECRET[:7]: 1}, {"dataframe_records": [ROW]},
    ):  # fmt: skip
        add(f"document {json.dumps(document)[:40]}", json.dumps(document).encode())
    for ids in (
        "a",
        [],
        ["a", "b"],
        [1],
        [None],
        [""],
        ["x" * 201],
        ["a\u0000"],
        ["\n"],
        {},
        5,
        [["a"]],
        [{"id": 1}],
        True,
    ):
        add(f"ids {json.dumps(ids)[:20]}", body_of(ROW, ids=ids))
    add("ids twice", body_of(ROW, ROW, ids=["a", "a"]))
    for number in (
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e999",
        "01",
        "+1",
        "1.",
        ".5",
        "0x1F",
        "1e",
        "nan",
        "1_000",
    ):
        add(f"number {number}", good.replace(b'"age": 31', f'"age": {number}'.encode()))
    accented = json.dumps({"instances": [ROW]}, ensure_ascii=False)
    for encoding in ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "cp1252", "cp037"):
        add(f"encoded as {encoding}", accented.encode(encoding))
    add("lone surrogate", good.replace(b"so long", b"\\ud800"))
    add("not UTF-8", good.replace(b"so long", b"\xff\xfe"))
    add("a zero byte", good.replace(b"so long", b"\x00"))
    add("overlong", good.replace(b"so long", b"\xc0\xaf"))
    for end in range(0, len(good), max(1, len(good) // 18)):
        add(f"cut at {end}", good[:end])
    for tail in (b"}", b"]", b",", b"x", b"{}", good):
        add(f"followed by {tail[:3]!r}", good + tail)
    for depth in (50, 1000, 1023, 5000, 100_000):
        add(f"{depth} lists deep", b'{"instances": ' + b"[" * depth + b"]" * depth + b"}")
        add(f"value {depth} deep", good.replace(b'"so long"', b"[" * depth + b"]" * depth))
        add(f"objects {depth} deep", b'{"a":' * depth + b"1" + b"}" * depth)
        add(f"{depth} never closed", b"[" * depth)
    add("single quotes", good.replace(b'"', b"'"))
    add("comment", good + b"// x")
    add("trailing comma", good[:-1] + b",}")
    add("form", b"age=31", {"content-type": "application/x-www-form-urlencoded"})
    add("too many", body_of(*[dict.fromkeys("a", 1)] * 10_001))
    add("too large", b'{"instances": [{"note": "' + b"x" * (8 << 20) + b'"}]}')
    for media in (
        "", "text/plain", "application/xml", "application/jsonp", "application/json; charset=utf-16", "text/json",
        "application/json; charset=latin-1", "multipart/form-data", "*/*", "application",
    ):  # fmt: skip
        add(f"media {media!r}", good, {"content-type": media} if media else {})
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, identity"):
        add(f"coding {coding}", good, {**plain, "content-encoding": coding})
    add("a time without --replay", good, {**plain, "x-tenfold-at": "2026-01-01T00:00:00Z"})
    return cases


def assert_refused(name: str, status: int, reply: bytes) -> None:
    """A refusal is a 4xx that says what, where and what to do, and repeats nothing that was sent."""
    assert 400 <= status < 500, (name, status, reply[:300])
    error = json.loads(reply)["error"]
    assert set(error) == {"code", "message", "instance", "field", "pointer", "fix"}, name
    assert re.fullmatch(r"[a-z_]+", error["code"]), name
    assert error["message"], name
    assert error["fix"], name
    assert isinstance(error["field"], str), name
    assert SECRET.encode() not in reply, (name, reply)
    assert b"Traceback" not in reply, name
    assert b"File " not in reply, name
    assert len(reply) < 1200, (name, len(reply))


@dataclass(slots=True)
class Running:
    """A gateway in a process of its own."""

    process: subprocess.Popen[str]
    document: dict[str, Any]

    @property
    def port(self) -> int:
        return int(self.document["url"].rpartition(":")[2])

    @property
    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return [int(number) for number in children.split()]

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def post(self, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        connection = self.connect()
        try:
            return ask(connection, body, headers)
        finally:
            connection.close()

    def get(self, path: str) -> tuple[int, bytes]:
        connection = self.connect()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        """Kill every process of it at once."""
        workers = self.workers
        self.process.kill()
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        self.process.wait()


def ask(
    connection: http.client.HTTPConnection,
    body: bytes,
    headers: dict[str, str] | None = None,
    *,
    endpoint: str = ENDPOINT,
) -> tuple[int, bytes]:
    """Ask for predictions on a connection that is kept."""
    sent = {"content-type": "application/json"} if headers is None else headers
    connection.request("POST", f"/predict/{endpoint}", body, sent)
    answer = connection.getresponse()
    return answer.status, answer.read()


def start(store: Path, *arguments: str) -> Running:
    """Start ``tenfold serve`` for the store ``.tenfold`` in a folder, and return when it says that it is ready."""
    assert store.name == ".tenfold"
    process = subprocess.Popen(
        [sys.executable, "-m", "tenfold.cli.main", "serve", "--json", "--port", "0", *arguments],
        cwd=store.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    return Running(process=process, document=json.loads(line))


@contextmanager
def running(store: Path, *arguments: str) -> Iterator[Running]:
    gateway = start(store, *arguments)
    try:
        yield gateway
    finally:
        if gateway.process.poll() is None:
            gateway.process.terminate()
            gateway.process.wait(timeout=30)
        assert gateway.process.stdout is not None
        gateway.process.stdout.close()


def wait_until(true: Any, *, seconds: float = 20.0) -> None:
    """Wait for what another process does."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)
