"""Bad candidates on a running gateway: nobody who asks notices, every worker lets go of them, and it says why."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tests.unit.bundle.bundle_scene import table
from tests.unit.deployment.deployment_scene import THREE, opened, registered
from tests.unit.gateway.gateway_scene import (
    ENDPOINT,
    NOON,
    ROW,
    ask,
    body_of,
    boosted,
    constant,
    route,
    running,
    set_up,
    wait_until,
)

from tenfold.bundle.format import pack_bundle
from tenfold.project.traffic import Asked
from tenfold.records.dataset import Field
from tenfold.records.release import Endpoint, Route
from tenfold.store.endpoints import publish, read_trip
from tenfold.store.files.blobs import FileBlobs
from tenfold.store.files.disk import Disk

pytestmark = pytest.mark.slow


def asking_for_more(store: Path) -> Route:
    """A model that reads a column which no caller sends."""
    made = boosted(2)
    signature = replace(made.signature, fields=(*made.signature.fields, Field(name="extra", kind="numeric")))
    packed = pack_bundle(replace(made, signature=signature), table(20, seed=9).with_columns(extra=pl.lit(1.0)))
    blobs = FileBlobs(Disk(store))
    path = blobs.path(blobs.put(packed.zipped()))
    return Route(ref="members@2", bundle=packed.name, path=str(path.relative_to(store)), threshold=0.4)


def corrupt(store: Path) -> Route:
    way = route(store, 3, ref="members@2", threshold=0.4)
    content = bytearray((store / way.path).read_bytes())
    content[len(content) // 2] ^= 1
    (store / way.path).write_bytes(bytes(content))
    return way


def of_another_question(store: Path) -> Route:
    return route(store, constant("regression", (1.0,), ()), ref="members@2")


def test_bad_candidates_are_let_go_by_every_worker_and_every_caller_is_answered(tmp_path: Path):
    store = set_up(tmp_path / ".tenfold")
    champion = replace(route(store, 1, ref="members@1", threshold=0.4), share=0.5)
    refs: list[str] = []
    with running(store, "--workers", "2") as gateway:
        for revision, bad in enumerate((asking_for_more, corrupt, of_another_question), start=2):
            way = replace(bad(store), role="candidate", share=0.5)
            salt = f"trial {revision}"
            routes = (champion, way)
            publish(
                store,
                Endpoint(name=ENDPOINT, revision=revision, routes=routes, at=NOON, strategy="canary", salt=salt),
            )

            def stopped(salt: str = salt) -> bool:
                connection = gateway.connect()
                for number in range(20):
                    status, reply = ask(connection, body_of(ROW, ids=[f"c{number}"]))
                    assert status == 200, reply
                    refs.append(json.loads(reply)["version"])
                connection.close()
                return read_trip(store, ENDPOINT, salt) is not None

            wait_until(stopped, seconds=10.0)
            assert read_trip(store, ENDPOINT, salt).reason
    assert set(refs) == {"members@1"}


def test_gateway_goes_on_dividing_while_the_catalog_is_gone_even_through_a_worker_s_death(tmp_path: Path):
    project = opened(tmp_path / "p", requirements=THREE)
    with project.store:
        for number in (1, 2):
            registered(project, number, {"ranks": "pass", "small": "pass", "nice": "pass"})
        project.promote("late@1")
        project.change_traffic(Asked(strategy="ab", ref="2", share=0.5))
    store = project.store.folder

    def answers() -> dict[str, str]:
        connection = gateway.connect()
        found = {}
        for number in range(20):
            body = body_of({"x": 1.0}, ids=[f"c{number}"])
            status, reply = ask(connection, body, endpoint="gate")
            assert status == 200, reply
            found[f"c{number}"] = json.loads(reply)["version"]
        connection.close()
        return found

    with running(store) as gateway:
        before = answers()
        for path in store.glob("catalog*"):
            path.unlink()
        assert answers() == before
        (worker,) = gateway.workers
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: gateway.workers not in ([], [worker]) and gateway.get("/readyz")[0] == 200)
        assert answers() == before
    assert set(before.values()) == {"late@1", "late@2"}
