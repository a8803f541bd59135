"""The gateway as its callers see it: over HTTP, from a process that ``tenfold serve`` started."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tenfold.store.predictions.reader import read_predictions
from tests.unit.gateway.gateway_scene import (
    ENDPOINT,
    ROW,
    Running,
    ask,
    assert_refused,
    body_of,
    boosted,
    hard_rows,
    malformed,
    release,
    route,
    running,
    set_up,
    start,
    wait_until,
)

pytestmark = pytest.mark.slow

HEAVY = ("pandas", "sklearn", "scipy", "sqlalchemy", "alembic", "duckdb", "optuna")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return set_up(tmp_path / ".tenfold")


@pytest.fixture
def gateway(store: Path) -> Iterator[Running]:
    with running(store) as found:
        yield found


def test_two_thousand_hard_rows_agree_with_the_model_one_by_one_and_many_at_once(gateway: Running):
    rows = hard_rows(2000)
    expected = boosted().predict(rows).to_dicts()
    connection = gateway.connect()
    alone: list[dict[str, Any]] = []
    for row in rows:
        status, reply = ask(connection, body_of(row))
        assert status == 200, reply
        alone += json.loads(reply)["predictions"]
    together: list[dict[str, Any]] = []
    for begin in range(0, 2000, 500):
        status, reply = ask(connection, body_of(*rows[begin : begin + 500]))
        assert status == 200, reply
        together += json.loads(reply)["predictions"]
    connection.close()
    for found in (alone, together):
        assert [row["prediction"] for row in found] == [row["prediction"] for row in expected]
        for name in ("proba_no", "proba_yes"):
            worst = max(abs(one[name] - other[name]) for one, other in zip(found, expected, strict=True))
            assert worst <= 1e-9


def test_every_malformed_request_is_refused_over_http_and_the_next_one_is_answered(gateway: Running):
    cases = malformed()
    assert len(cases) >= 200
    for name, body, headers in cases:
        status, reply = gateway.post(body, headers)
        assert_refused(name, status, reply)
    assert gateway.post(body_of(ROW))[0] == 200


@pytest.mark.parametrize("megabytes", [9, 40])
def test_a_body_in_pieces_that_never_end_is_refused_with_its_reason(gateway: Running, megabytes: int):
    connection = gateway.connect()
    pieces = (b" " * (1 << 20) for _ in range(megabytes))
    connection.request("POST", f"/predict/{ENDPOINT}", pieces, {"content-type": "application/json"})
    answer = connection.getresponse()
    assert_refused("pieces", answer.status, answer.read())
    assert answer.status == 413
    connection.close()


def test_a_caller_who_leaves_in_the_middle_is_nobodys_failure(gateway: Running):
    head = b"POST /predict/members HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    for length in (b"content-length: 1000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n5\r\n"):
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as raw:
            raw.sendall(head + length + b'{"i')
            time.sleep(0.1)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as raw:
        raw.sendall(head + b"content-length: %d\r\n\r\n" % len(body_of(*[ROW] * 2000)) + body_of(*[ROW] * 2000))
    assert gateway.post(body_of(ROW))[0] == 200
    time.sleep(0.3)
    assert re.search(rb'status="5', gateway.get("/metrics")[1]) is None


def test_what_is_no_http_is_refused_and_the_gateway_goes_on(gateway: Running):
    for junk in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"POST /predict/members HTTP/9.9\r\n\r\n", b"\x00" * 5000,
                 b"POST /predict/members HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n"):  # fmt: skip
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as raw:
            raw.sendall(junk)
            raw.settimeout(2)
            with contextlib.suppress(TimeoutError, ConnectionError):
                assert b" 5" not in raw.recv(4096).split(b"\r\n")[0]
    assert gateway.post(body_of(ROW))[0] == 200


def test_no_pandas_and_no_scikit_learn_are_in_the_process(gateway: Running):
    for body in (body_of(ROW), body_of(*[ROW] * 200)):
        assert gateway.post(body)[0] == 200
    for process in (gateway.process.pid, *gateway.workers):
        mapped = Path(f"/proc/{process}/maps").read_text(encoding="utf-8")
        assert re.findall(rf"site-packages/({'|'.join(HEAVY)})[./]", mapped) == []


def test_serving_imports_nothing_of_the_lab():
    program = (
        "import sys, tenfold.gateway.worker, tenfold.gateway.app, tenfold.gateway.watch;"
        f"print([name for name in sys.modules if name.split('.')[0] in {(*HEAVY, 'lightgbm')!r}"
        " or name.startswith(('tenfold.engine', 'tenfold.stages', 'tenfold.spec', 'tenfold.gates'))])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_worker_stays_under_two_hundred_megabytes(gateway: Running):
    for _ in range(20):
        gateway.post(body_of(*[ROW] * 1000))
    (worker,) = gateway.workers
    status = Path(f"/proc/{worker}/status").read_text(encoding="ascii")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak is not None
    assert int(peak[1]) < 200_000


def test_a_termination_finishes_what_is_under_way_and_takes_no_more(store: Path):
    gateway = start(store)
    statuses: list[int] = []
    body = body_of(*hard_rows(8000))

    def send() -> None:
        statuses.append(gateway.post(body)[0])

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.15)
    assert gateway.stop() == 0
    for thread in threads:
        thread.join()
    assert statuses == [200, 200, 200]
    assert read_predictions(store, ENDPOINT).rows.height == 24_000
    with pytest.raises(ConnectionRefusedError):
        gateway.post(body_of(ROW))
    assert gateway.process.stdout is not None
    gateway.process.stdout.close()


def test_ctrl_c_ends_it_as_gently(store: Path):
    with running(store) as gateway:
        gateway.process.send_signal(signal.SIGINT)
        assert gateway.process.wait(timeout=20) == 0


def test_workers_share_a_socket_and_their_counts_and_are_replaced_when_they_die(store: Path):
    with running(store, "--workers", "2") as gateway:
        first = gateway.workers
        assert len(first) == 2
        for _ in range(20):
            assert gateway.post(body_of(ROW))[0] == 200

        def counted() -> bool:
            lines = gateway.get("/metrics")[1].decode().splitlines()
            return 'tenfold_requests_total{endpoint="members",status="200"} 20' in lines

        wait_until(counted)
        os.kill(first[0], signal.SIGKILL)
        wait_until(lambda: len(gateway.workers) == 2 and first[0] not in gateway.workers)
        for _ in range(20):
            assert gateway.post(body_of(ROW))[0] == 200
    assert read_predictions(store, ENDPOINT).rows["id"].n_unique() == 40


def test_workers_end_when_their_parent_is_killed(store: Path):
    with running(store, "--workers", "2") as gateway:
        workers = gateway.workers
        gateway.process.kill()
        gateway.process.wait()
        wait_until(lambda: not any(alive(worker) for worker in workers))


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_durable_answer_is_on_the_disk_first(store: Path):
    with running(store, "--durable") as gateway:
        assert gateway.document["durable"] is True
        threads = [threading.Thread(target=lambda: gateway.post(body_of(*[ROW] * 3))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert b"tenfold_log_lag_seconds 0\n" in gateway.get("/metrics")[1]
    assert read_predictions(store, ENDPOINT).rows.height == 24


def test_it_starts_before_anything_is_released_and_serves_what_comes(tmp_path: Path):
    store = tmp_path / ".tenfold"
    store.mkdir()
    with running(store) as gateway:
        assert gateway.document["endpoints"] == []
        assert gateway.get("/healthz")[0] == 200
        assert gateway.get("/readyz")[0] == 503
        assert gateway.post(body_of(ROW))[0] == 404
        set_up(store)
        wait_until(lambda: gateway.get("/readyz")[0] == 200)
        assert gateway.post(body_of(ROW))[0] == 200
        release(store, route(store, 2, ref="members@2"), revision=2)
        wait_until(lambda: json.loads(gateway.post(body_of(ROW))[1])["version"] == "members@2")


def test_a_port_that_is_taken_is_said_in_one_sentence(gateway: Running, store: Path):
    found = subprocess.run(
        [sys.executable, "-m", "tenfold.cli.main", "serve", "--port", str(gateway.port)],
        cwd=store.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert found.returncode == 2
    assert "choose another" in found.stderr
    assert "Traceback" not in found.stderr


def test_one_line_is_printed_for_people_as_well(store: Path):
    with subprocess.Popen(
        [sys.executable, "-m", "tenfold.cli.main", "serve", "--port", "0"],
        cwd=store.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert re.match(r"serving http://127.0.0.1:\d+  /predict/members \(members@1\)\n", process.stdout.readline())
        process.terminate()
        assert process.stdout.read() == ""
        assert process.wait(timeout=20) == 0
