"""``tenfold up``: one parent, its gateway, its pages, its passes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.e2e.renewal_scene import World, visits


def asked(url: str, body: object | None = None) -> tuple[int, str]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, answer.read().decode()


def test_gateway_pages_and_passes_live_and_end_together(tmp_path: Path) -> None:
    world = World.begin(tmp_path, seed=7)
    world.project.store.close()
    process = subprocess.Popen(
        [sys.executable, "-m", "tenfold.cli.main", "up", "--port", "0", "--page-port", "0", "--every", "1s", "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "140"},
    )
    try:
        assert process.stdout is not None
        document = json.loads(process.stdout.readline())
        assert document["schema"] == "tenfold.up/1"
        status, page = asked(document["page"])
        assert status == 200
        assert "visits" in page
        row = visits(0, 1, sign=1.0, rng=world.rng).drop("bought").head(1).to_dicts()[0]
        given = {name: value if isinstance(value, float) else value.isoformat() for name, value in row.items()}
        served = {each["name"] for each in world.project.show_model("visits@1").inputs}
        given = {name: value for name, value in given.items() if name in served}
        status, reply = asked(document["endpoints"][0]["url"], {"instances": [given]})
        assert status == 200
        assert json.loads(reply)["version"] == "visits@1"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
        assert "Traceback" not in err
    finally:
        process.kill()
        process.wait()
