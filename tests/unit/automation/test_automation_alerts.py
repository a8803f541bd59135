from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.unit.store.monitoring_scene import DAY, START, incident, window

from tenfold.automation.alerts import deliver, need_known
from tenfold.foundation.errors import SpecError
from tenfold.records.health import Health, IncidentChange
from tenfold.spec.load import parse_spec
from tenfold.spec.secret import Location, Secret
from tenfold.store.open import Store, open_store


class Receiver:
    """A real HTTP server that keeps what it is sent; ``status`` is what it answers."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, object]] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return None

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def place(self) -> Location:
        url = f"json://user:geheim@127.0.0.1:{self.server.server_port}/hook"
        return Location(shown="${env:ALERTS_URL}", secret=Secret(url))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / ".tenfold") as opened:
        for day, change in enumerate(("opened", "updated", "closed")):
            after = replace(incident(day), closed=START + 2 * DAY if change == "closed" else None)
            changes = [IncidentChange(change=change, incident=after)]  # type: ignore[arg-type]
            opened.windows.keep_look(Health(window=window(day)), parts=0, labels=0, memory=None, changes=changes)
        yield opened


def test_one_problem_is_told_when_it_begins_and_when_it_is_over(store: Store, receiver: Receiver):
    lines: list[str] = []
    done = deliver(store, (receiver.place,), tell=lines.append)
    assert (done.delivered, done.failed) == (4, 0)
    assert [body["title"] for body in receiver.bodies] == [
        "[critical] late: data incident i1 opened",
        "[closed] late: data incident i1",
    ]
    assert "'fare' is missing in every row" in str(receiver.bodies[0]["message"])
    assert len(lines) == 2
    assert deliver(store, (receiver.place,), tell=lines.append).delivered == 0
    assert len(receiver.bodies) == 2


def test_a_delivery_that_fails_is_written_down_and_tried_three_times(store: Store, receiver: Receiver):
    receiver.status = 500
    for _ in range(5):
        deliver(store, (receiver.place,))
    attempts = store.deliveries.of(change=1)
    assert [each.status for each in attempts] == ["failed"] * 3
    assert "geheim" not in str(attempts)
    assert attempts[0].channel == "${env:ALERTS_URL}"


def test_a_place_that_cannot_be_reached_stops_nothing(store: Store, receiver: Receiver):
    gone = Location(shown="gone", secret=Secret("json://127.0.0.1:9/"))
    odd = Location(shown="odd", secret=Secret("nonsense://x"))
    assert deliver(store, (gone, odd, receiver.place)).delivered == 2
    receiver.status = 500
    assert {each.channel for each in store.deliveries.of() if each.status == "failed"} == {"gone", "odd"}
    assert store.verify().problems == ()


def test_a_url_that_no_alert_can_reach_is_refused_with_its_line_and_without_its_address(tmp_path: Path):
    written = b"""problem: {target: y}
data: {path: x.csv}
monitoring:
  alerts:
    - "json://127.0.0.1/hook"
    - "${env:PLACE}"
"""
    spec = parse_spec(written, path="tenfold.yaml", folder=tmp_path, environ={"PLACE": "zzz://geheim"})
    with pytest.raises(SpecError, match=r"tenfold.yaml:6: monitoring.alerts\[2\] begins with 'zzz://'") as refused:
        need_known(spec)
    assert "geheim" not in str(refused.value)
