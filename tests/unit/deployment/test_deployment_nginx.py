"""What `traffic --emit nginx` prints is a file that nginx takes, and a real nginx divides by it as was asked."""

from __future__ import annotations

import http.client
import http.server
import math
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.gateway.gateway_scene import wait_until

from tenfold.project.routing_files import ID_HEADER, routing_file
from tenfold.records.release import Endpoint, Route, Strategy

pytestmark = pytest.mark.slow

ASKED = 1500


class Stub(http.server.ThreadingHTTPServer):
    """A version that says its name, and counts who asked."""

    daemon_threads = True

    def __init__(self, name: str):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.name, self.asked = name, 0


class _Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stub

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked += 1
        said = self.server.name.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def stub(name: str) -> Iterator[Stub]:
    server = Stub(name)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def routed(folder: Path, strategy: Strategy, share: float, stubs: tuple[Stub, Stub]) -> Iterator[int]:
    """Run nginx with the emitted file; services and the port stand where the file says that they are the reader's."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    assert nginx is not None, "the tests of routing need nginx: scripts/servers installs it"
    shadow = strategy == "shadow"
    routes = (
        Route(ref="gate@3", bundle="a", path="a", share=1.0 if shadow else 1.0 - share),
        Route(ref="gate@4", bundle="b", path="b", share=share, role="shadow" if shadow else "candidate"),
    )
    at = datetime(2026, 3, 1, tzinfo=UTC)
    endpoint = Endpoint(name="gate.1", revision=2, routes=routes, at=at, strategy=strategy, salt="5a17")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = routing_file(endpoint, "nginx").replace("listen 80;", f"listen 127.0.0.1:{port};")
    for each in stubs:
        text = text.replace(f"server gate-1-{each.name}:8471", f"server 127.0.0.1:{each.server_port}")
    (folder / "tenfold.conf").write_text(text)
    places = "".join(
        f"{each}_temp_path {folder}/{each}; " for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {places}\ninclude {folder}/tenfold.conf; }}\n"
    )
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(port))
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def answers(port: int, headers: list[Mapping[str, str]], path: str = "/predict/gate.1") -> list[str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    found = []
    for each in headers:
        connection.request("POST", path, b"{}", dict(each))
        answer = connection.getresponse()
        said = answer.read().decode()
        found.append(said if answer.status == 200 else str(answer.status))
    connection.close()
    return found


def near(found: int, n: int, share: float) -> bool:
    return abs(found - n * share) < 4.5 * math.sqrt(n * share * (1 - share))


def test_callers_are_divided_as_asked_stay_where_they_are_and_nameless_ones_are_divided_too(tmp_path: Path):
    with stub("v3") as champion, stub("v4") as candidate, routed(tmp_path, "ab", 0.3, (champion, candidate)) as port:
        named = [{ID_HEADER: f"caller {number}"} for number in range(ASKED)]
        first = answers(port, named)
        assert set(first) == {"v3", "v4"}
        assert near(first.count("v4"), ASKED, 0.3)
        assert answers(port, named[:100]) == first[:100]
        assert near(Counter(answers(port, [{}] * 300))["v4"], 300, 0.3)
        assert answers(port, [{}], "/predict/gateX1") == ["404"]


def test_a_shadow_is_asked_for_its_share_and_nobody_gets_what_it_says(tmp_path: Path):
    with stub("v3") as champion, stub("v4") as shadow, routed(tmp_path, "shadow", 0.25, (champion, shadow)) as port:
        named = [{ID_HEADER: f"caller {number}"} for number in range(ASKED)]
        assert set(answers(port, named)) == {"v3"}
        wait_until(lambda: near(shadow.asked, ASKED, 0.25))
        assert champion.asked == ASKED
