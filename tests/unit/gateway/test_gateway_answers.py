"""Requests through the whole application, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.unit.gateway.gateway_scene import (
    ENDPOINT,
    ROW,
    assert_refused,
    body_of,
    boosted,
    constant,
    hard_rows,
    malformed,
    release,
    route,
    set_up,
    with_threshold,
)

from tenfold.bundle.model import Model
from tenfold.foundation.clock import SystemClock
from tenfold.gateway.app import Application, AppOptions
from tenfold.gateway.limits import Limits
from tenfold.gateway.peers import Peers
from tenfold.gateway.watch import Watch
from tenfold.store.predictions.log import PredictionLog
from tenfold.store.predictions.reader import read_predictions
from tenfold.testing.faults import FailAtWrite

JSON = {"content-type": "application/json"}


@dataclass
class Scope:
    method: str
    path: str
    headers: dict[str, str]
    proto: str = "http"


@dataclass
class Proto:
    body: bytes
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    reply: bytes = b""

    async def __call__(self) -> bytes:
        return self.body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.body), 1 << 16):
            yield self.body[start : start + (1 << 16)]

    async def client_disconnect(self) -> None:
        await asyncio.Event().wait()

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.reply = status, dict(headers), body

    def response_str(self, status: int, headers: list[tuple[str, str]], body: str) -> None:
        self.response_bytes(status, headers, body.encode())

    def document(self) -> Any:
        return json.loads(self.reply)


@dataclass
class Bench:
    """An application with its parts at hand."""

    store: Path
    watch: Watch
    application: Application
    faults: FailAtWrite
    said: list[str]

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Proto:
        proto = Proto(body)
        sent = {**JSON, "content-length": str(len(body))} if headers is None else headers
        asyncio.run(self.application.__rsgi__(Scope(method, path, sent), proto))
        return proto

    def predict(self, body: bytes, headers: dict[str, str] | None = None) -> Proto:
        return self.ask("POST", f"/predict/{ENDPOINT}", body, headers)

    def metric(self, start: str) -> float:
        lines = self.ask("GET", "/metrics").reply.decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(start))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    yield from _bench(tmp_path, AppOptions(limits=Limits(rows=10_000)))


@pytest.fixture
def replaying(tmp_path: Path) -> Iterator[Bench]:
    yield from _bench(tmp_path, AppOptions(replay=True, durable=True))


def _bench(folder: Path, options: AppOptions) -> Iterator[Bench]:
    store = set_up(folder)
    said: list[str] = []
    faults = FailAtWrite(1 << 62)
    clock = SystemClock()
    watch = Watch(folder=store, only=(), clock=clock, said=said.append)
    watch.look()
    log = PredictionLog(store, told=said.append, before_write=faults)
    peers = Peers(folder=None, worker=0)
    application = Application(watch=watch, log=log, peers=peers, clock=clock, options=options, said=said.append)
    yield Bench(store=store, watch=watch, application=application, faults=faults, said=said)
    faults.recover()
    application.close()
    log.close()


def scores(made: Model, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return made.predict(rows).to_dicts()


def assert_equal(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert [row["prediction"] for row in found] == [row["prediction"] for row in expected]
    for name in ("proba_no", "proba_yes"):
        assert [row[name] for row in found] == pytest.approx([row[name] for row in expected], abs=1e-9, rel=0)


def test_an_answer_has_predictions_ids_and_version(bench: Bench):
    answer = bench.predict(body_of(ROW, ids=["a"]))
    assert answer.status == 200
    assert set(answer.document()) == {"predictions", "ids", "version"}
    assert answer.document()["ids"] == ["a"]
    assert answer.document()["version"] == "members@1"
    assert_equal(answer.document()["predictions"], scores(boosted(), [ROW]))


@pytest.mark.parametrize("size", [1, 2, 16, 17, 400])
def test_hard_rows_get_what_the_model_says_however_many_are_sent_at_once(bench: Bench, size: int):
    rows = hard_rows(400, seed=size)
    found = []
    for start in range(0, len(rows), size):
        answer = bench.predict(body_of(*rows[start : start + size]))
        assert answer.status == 200, answer.reply
        found += answer.document()["predictions"]
    assert_equal(found, scores(boosted(), rows))


def test_columns_of_one_type_are_read_as_mixed_ones_are(bench: Bench):
    rows = [{**ROW, "age": place, "note": None, "colour": "?" if place % 2 else "red"} for place in range(40)]
    assert_equal(bench.predict(body_of(*rows)).document()["predictions"], scores(boosted(), rows))


def test_the_threshold_is_the_one_that_was_released(bench: Bench):
    for revision, threshold in enumerate((0.01, 0.99), start=2):
        release(bench.store, route(bench.store, 1, ref="members@1", threshold=threshold), revision=revision)
        bench.watch.look()
        expected = scores(with_threshold(boosted(), threshold), hard_rows(30))
        assert_equal(bench.predict(body_of(*hard_rows(30))).document()["predictions"], expected)


def test_a_regression_answers_plain_numbers(bench: Bench):
    way = route(bench.store, constant("regression", (12.5,), ()), ref="members@2")
    release(bench.store, way, revision=2)
    bench.watch.look()
    assert bench.predict(body_of(ROW, ROW)).document()["predictions"] == [12.5, 12.5]
    logged = read_predictions(bench.store, ENDPOINT).rows
    assert logged["score"].to_list() == [12.5, 12.5]
    assert logged["decision"].to_list() == [None, None]


def test_three_classes_answer_three_probabilities(bench: Bench):
    way = route(bench.store, constant("multiclass", (0.2, 0.5, 0.3), ("a", "b", "c")), ref="members@2")
    release(bench.store, way, revision=2)
    bench.watch.look()
    found = bench.predict(body_of(ROW)).document()["predictions"]
    assert found == [{"prediction": "b", "proba_a": 0.2, "proba_b": 0.5, "proba_c": 0.3}]


def test_every_malformed_request_is_refused_by_name_and_nothing_is_logged(bench: Bench):
    cases = malformed()
    assert len(cases) >= 200
    for name, body, headers in cases:
        answer = bench.predict(body, {**headers, "content-length": str(len(body))})
        assert_refused(name, answer.status, answer.reply)
    assert bench.metric('tenfold_requests_total{endpoint="members",status="200"}') == 0
    assert bench.said == ["members: members@1 answers (revision 1)"]
    assert read_predictions(bench.store, ENDPOINT).rows.height == 0


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [("age", "old", "wrong_type"), ("joined", "soon", "wrong_type"), ("agee", 1, "unknown_field")],
)
@pytest.mark.parametrize("before", [0, 3, 30])
def test_a_refusal_names_the_instance_and_the_field(bench: Bench, before: int, column: str, value: Any, code: str):
    error = bench.predict(body_of(*[ROW] * before, {**ROW, column: value})).document()["error"]
    assert (error["code"], error["instance"], error["field"]) == (code, before, column)


def test_a_missing_column_is_named_with_what_to_send(bench: Bench):
    error = bench.predict(body_of({name: ROW[name] for name in ROW if name != "town"})).document()["error"]
    assert error["code"] == "missing_field"
    assert error["field"] == "town"
    assert "null" in error["fix"]


def test_an_unknown_endpoint_is_told_with_the_nearest_known_one(bench: Bench):
    answer = bench.ask("POST", "/predict/member", body_of(ROW))
    assert answer.status == 404
    assert "Did you mean 'members'?" in answer.document()["error"]["message"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(bench: Bench, method: str):
    answer = bench.ask(method, f"/predict/{ENDPOINT}", body_of(ROW))
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"


def test_a_body_of_unknown_length_is_read_up_to_the_limit(bench: Bench):
    assert bench.predict(body_of(ROW), JSON).status == 200
    assert bench.predict(b" " * (9 << 20), JSON).status == 413


def test_the_time_of_a_replay_is_logged_and_said_to_be_one(replaying: Bench):
    at = {"x-tenfold-at": "2013-07-15T12:00:00-04:00"}
    assert replaying.predict(body_of(ROW), {**JSON, **at}).status == 200
    assert replaying.predict(body_of(ROW)).status == 200
    rows = read_predictions(replaying.store, ENDPOINT).rows
    assert rows["replay"].to_list() == [True, False]
    assert rows["at"].dt.to_string("iso")[0].startswith("2013-07-15 16:00:00")
    assert (rows["recorded"] > rows["at"])[0]
    for wrong in ("2013-07-15T12:00:00", "July", "", "0001-01-01T00:00:00+14:00"):
        assert replaying.predict(body_of(ROW), {**JSON, "x-tenfold-at": wrong}).status == 400


def test_made_ids_differ_and_are_in_the_order_of_time(bench: Bench):
    ids = [one for _ in range(20) for one in bench.predict(body_of(*[ROW] * 50)).document()["ids"]]
    assert len(set(ids)) == 1000
    stamps = [one[:13] for one in ids]
    assert stamps == sorted(stamps)


def test_what_was_answered_is_in_the_log(bench: Bench):
    rows = hard_rows(60)
    answers = [bench.predict(body_of(row)).document() for row in rows[:30]]
    answers.append(bench.predict(body_of(*rows[30:])).document())
    logged = read_predictions(bench.store, ENDPOINT).rows
    assert logged["id"].to_list() == [one for answer in answers for one in answer["ids"]]
    given = [row for answer in answers for row in answer["predictions"]]
    assert logged["proba_yes"].to_list() == [row["proba_yes"] for row in given]
    assert logged["decision"].to_list() == [row["prediction"] for row in given]
    assert logged.select(boosted().signature.names).equals(boosted().signature.conform(rows))


def test_a_full_disk_refuses_predictions_and_lets_everything_else_go_on(bench: Bench):
    bench.predict(body_of(ROW, ids=["before"]))
    bench.faults.strike(1)
    answer = bench.predict(body_of(ROW, ids=["lost"]))
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    assert bench.ask("GET", "/healthz").status == 200
    assert bench.metric("tenfold_log_failures_total") >= 1
    bench.faults.recover()
    assert bench.predict(body_of(ROW, ids=["after"])).status == 200
    assert read_predictions(bench.store, ENDPOINT).rows["id"].to_list() == ["before", "after"]


def test_metrics_count_requests_rows_and_durations(bench: Bench):
    bench.predict(body_of(ROW))
    bench.predict(body_of(*[ROW] * 5))
    bench.predict(b"")
    assert bench.metric('tenfold_requests_total{endpoint="members",status="200"}') == 2
    assert bench.metric('tenfold_requests_total{endpoint="members",status="400"}') == 1
    assert bench.metric("tenfold_rows_total") == 6
    assert bench.metric("tenfold_request_seconds_count") == 2
    assert bench.metric('tenfold_request_seconds_bucket{endpoint="members",le="+Inf"}') == 2
    assert bench.metric('tenfold_model_info{endpoint="members",version="members@1"') == 1
