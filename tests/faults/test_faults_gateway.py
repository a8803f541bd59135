"""The gateway under releases and kills: nobody is failed, nobody is told a wrong version, nothing said is forgotten."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.unit.gateway.gateway_scene import (
    ENDPOINT,
    ROW,
    Running,
    archive,
    ask,
    body_of,
    boosted,
    hard_rows,
    release,
    route,
    running,
    set_up,
    start,
    wait_until,
    with_threshold,
)

from tenfold.project.open import open_project
from tenfold.store.predictions.reader import read_predictions

pytestmark = pytest.mark.slow

FULL = os.environ.get("TENFOLD_FAULTS") == "full"
SWAPS = 1_000 if FULL else 12
KILLS = 40 if FULL else 5
PER_SECOND = 50.0
FILE = """
name: members
problem: {target: y}
data: {path: t.csv}
"""


@dataclass
class Told:
    """What callers were told."""

    answers: list[tuple[str, list[dict[str, Any]], list[str], int]] = field(default_factory=list)
    failed: list[Any] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


def keep_asking(gateway: Running, rows: list[dict[str, Any]], told: Told, share: int) -> None:
    """Ask ``PER_SECOND / share`` times a second on one connection, one row and several in turn."""
    connection = gateway.connect()
    following = time.monotonic()
    number = 0
    while not told.over.is_set():
        number += 1
        size = (1, 20)[number % 2]
        try:
            status, reply = ask(connection, body_of(*rows[:size]))
        except (OSError, http.client.HTTPException) as error:
            told.failed.append(repr(error))
            connection.close()
            connection = gateway.connect()
            continue
        if status != 200:
            told.failed.append((status, reply))
        else:
            document = json.loads(reply)
            told.answers.append((document["version"], document["predictions"], document["ids"], size))
        following += share / PER_SECOND
        time.sleep(max(0.0, following - time.monotonic()))
    connection.close()


@pytest.mark.parametrize("workers", [1, 2] if FULL else [1])
def test_no_request_fails_and_no_version_is_mistaken_while_versions_are_swapped(tmp_path: Path, workers: int):
    store = set_up(tmp_path / ".tenfold")
    rows = hard_rows(20)
    routes = {number: route(store, number, ref=f"members@{number}", threshold=0.4) for number in (1, 2, 3, 4, 5)}
    expected = {f"members@{number}": boosted(number).predict(rows).to_dicts() for number in routes}
    told = Told()
    with running(store, "--workers", str(workers)) as gateway:
        askers = [threading.Thread(target=keep_asking, args=(gateway, rows, told, 2)) for _ in range(2)]
        for asker in askers:
            asker.start()
        try:
            for swap in range(1, SWAPS + 1):
                number = swap % 5 + 1
                release(store, routes[number], revision=swap + 1)
                wait_until(lambda: answers_with(gateway, f"members@{number}"))  # noqa: B023 - called at once
        finally:
            told.over.set()
            for asker in askers:
                asker.join()
        metrics = gateway.get("/metrics")[1].decode()
    assert told.failed == []
    assert len(told.answers) > SWAPS
    assert len({version for version, *_ in told.answers}) == 5
    for version, predictions, _, size in told.answers:
        for found, wanted in zip(predictions, expected[version][:size], strict=True):
            assert found["prediction"] == wanted["prediction"]
            assert found["proba_yes"] == pytest.approx(wanted["proba_yes"], abs=1e-9)
    if workers == 1:
        assert f'tenfold_model_swaps_total{{endpoint="members"}} {SWAPS}' in metrics.splitlines()
    logged = read_predictions(store, ENDPOINT).rows
    version_of = dict(logged.select("id", "ref").iter_rows())
    assert all(version_of[one] == version for version, _, ids, _ in told.answers for one in ids)


def test_promotions_and_rollbacks_fail_no_request_and_every_answer_is_its_versions_own(tmp_path: Path):
    (tmp_path / "tenfold.yaml").write_text(FILE, encoding="utf-8")
    project = open_project(tmp_path, environ={})
    thresholds = {number: 0.2 + number / 10 for number in (1, 2, 3, 4)}
    rows = hard_rows(20)
    expected = {}
    for number, threshold in thresholds.items():
        name, content = archive(number)
        facts = {"threshold": threshold}
        project.store.registry.register(
            ENDPOINT, bundle=name, blob=project.store.blobs.put(content), run="r1", facts=facts
        )
        expected[f"{ENDPOINT}@{number}"] = with_threshold(boosted(number), threshold).predict(rows).to_dicts()
    project.promote(f"{ENDPOINT}@1")
    told, acts = Told(), []
    with running(tmp_path / ".tenfold") as gateway:
        askers = [threading.Thread(target=keep_asking, args=(gateway, rows, told, 2)) for _ in range(2)]
        for asker in askers:
            asker.start()
        try:
            for act in range(SWAPS):
                # Two steps forward, one back.
                report = (
                    project.rollback(ENDPOINT, reason="worse")
                    if act % 3 == 2
                    else project.promote(f"{ENDPOINT}@{act % 4 + 1}")
                )
                acts.append(report.release.action)
                wait_until(lambda: answers_with(gateway, report.release.ref))  # noqa: B023 - called at once
        finally:
            told.over.set()
            for asker in askers:
                asker.join()
    assert {"promote", "rollback"} == set(acts)
    assert told.failed == []
    assert len(told.answers) > SWAPS
    for version, predictions, _, size in told.answers:
        for found, wanted in zip(predictions, expected[version][:size], strict=True):
            assert found["prediction"] == wanted["prediction"]
            assert found["proba_yes"] == pytest.approx(wanted["proba_yes"], abs=1e-9)


def answers_with(gateway: Running, version: str) -> bool:
    status, reply = gateway.post(body_of(ROW))
    assert status == 200, reply
    return bool(json.loads(reply)["version"] == version)


@pytest.mark.parametrize("workers", [1, 2] if FULL else [2])
def test_every_acknowledged_prediction_is_in_the_log_however_the_gateway_is_killed(tmp_path: Path, workers: int):
    store = set_up(tmp_path / ".tenfold")
    chance = random.Random(20261123 + workers)
    acknowledged: dict[str, float] = {}
    rows = hard_rows(50)
    for kill in range(KILLS):
        gateway = start(store, "--workers", str(workers))
        over = threading.Event()
        askers = [
            threading.Thread(target=note_answers, args=(gateway, rows, acknowledged, over, seed)) for seed in range(3)
        ]
        for asker in askers:
            asker.start()
        time.sleep(chance.uniform(0.05, 0.5))
        if kill % 3 == 2:
            # One worker alone: the others, and the one that takes its place, go on.
            victim = chance.choice(gateway.workers)
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: len(gateway.workers) == workers and victim not in gateway.workers)  # noqa: B023 - at once
            wait_until(lambda: gateway.get("/readyz")[0] == 200)  # noqa: B023 - at once
        gateway.kill()
        over.set()
        for asker in askers:
            asker.join()
        assert gateway.process.stdout is not None
        gateway.process.stdout.close()
    assert len(acknowledged) > 10 * KILLS
    found = read_predictions(store, ENDPOINT)
    logged = dict(found.rows.select("id", "proba_yes").iter_rows())
    assert found.damaged == ()
    assert {one: logged.get(one) for one in acknowledged} == acknowledged
    assert found.rows["id"].n_unique() == found.rows.height
    with running(store) as again:
        assert again.post(body_of(ROW, ids=["at last"]))[0] == 200
    assert "at last" in read_predictions(store, ENDPOINT, found.position).rows["id"].to_list()


def note_answers(
    gateway: Running, rows: list[dict[str, Any]], acknowledged: dict[str, float], over: threading.Event, seed: int
) -> None:
    """Ask until the gateway is gone, and note what was acknowledged when it was."""
    chance = random.Random(seed)
    connection = gateway.connect()
    while not over.is_set():
        try:
            status, reply = ask(connection, body_of(*rows[: chance.choice((1, 1, 5, 50))]))
        except (OSError, http.client.HTTPException):
            connection.close()
            connection = gateway.connect()
            continue
        assert status == 200, reply
        document = json.loads(reply)
        for one, row in zip(document["ids"], document["predictions"], strict=True):
            acknowledged[one] = row["proba_yes"]
    connection.close()


def test_a_stopped_worker_answers_what_waited_once_it_goes_on(tmp_path: Path):
    store = set_up(tmp_path / ".tenfold")
    with running(store) as gateway:
        (worker,) = gateway.workers
        os.kill(worker, signal.SIGSTOP)
        answers: list[int] = []
        askers = [threading.Thread(target=lambda: answers.append(gateway.post(body_of(ROW))[0])) for _ in range(5)]
        for asker in askers:
            asker.start()
        time.sleep(0.3)
        os.kill(worker, signal.SIGCONT)
        for asker in askers:
            asker.join()
        assert answers == [200] * 5


def test_requests_wait_for_the_worker_that_takes_a_dead_ones_place(tmp_path: Path):
    store = set_up(tmp_path / ".tenfold")
    with running(store) as gateway:
        (worker,) = gateway.workers
        os.kill(worker, signal.SIGKILL)
        assert gateway.post(body_of(ROW))[0] == 200


def test_a_full_disk_ends_no_gateway(tmp_path: Path):
    # A small file system of its own would need privileges: the limit on file sizes refuses writes as well.
    store = set_up(tmp_path / ".tenfold")
    with running(store) as gateway:
        (worker,) = gateway.workers
        assert gateway.post(body_of(ROW, ids=["first"]))[0] == 200
        subprocess.run(["prlimit", f"--pid={worker}", "--fsize=2000:"], check=True)
        statuses = [gateway.post(body_of(*hard_rows(20)))[0] for _ in range(3)]
        assert statuses == [503] * 3
        assert gateway.get("/healthz")[0] == 200
        subprocess.run(["prlimit", f"--pid={worker}", "--fsize=unlimited:"], check=True)
        assert gateway.post(body_of(ROW, ids=["last"]))[0] == 200
    found = read_predictions(store, ENDPOINT)
    assert found.rows["id"].to_list() == ["first", "last"]
    assert found.damaged == ()
