"""The gateway beside what teams write by hand: FastAPI, pandas and a LightGBM classifier, on the same server.

    python benchmarks/gateway.py [--requests 2000] [--rows 1 100]

Both models are trained on the Wisconsin breast cancer table that scikit-learn ships, and both servers run on granian
with one worker. One caller asks each in turn over one kept connection. Printed for each size of request: the median
and the 99th percentile of both in milliseconds, their ratio, the processor time of both for a request; and for the
start: wall and processor seconds until the first answer. The peer validates types with pydantic, and writes no log.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

PEER = """
import pickle
from pathlib import Path

import pandas
from fastapi import FastAPI
from pydantic import BaseModel, create_model

model, columns = pickle.loads(Path("peer.bin").read_bytes())
Instance = create_model("Instance", **{name: (float | None, ...) for name in columns})


class Body(BaseModel):
    instances: list[Instance]


app = FastAPI()


@app.post("/predict")
def predict(body: Body):
    frame = pandas.DataFrame([each.model_dump() for each in body.instances], columns=columns, dtype=float)
    return {"predictions": [{"proba": row.tolist()} for row in model.predict_proba(frame)]}
"""


@dataclass(slots=True)
class Server:
    """A server in processes of its own."""

    process: subprocess.Popen[bytes]
    port: int
    path: str
    began: float
    ready: float = 0.0
    connection: http.client.HTTPConnection | None = None
    seconds: list[float] = field(default_factory=list)

    def ask(self, body: bytes) -> None:
        """Ask once, and note how long it took."""
        assert self.connection is not None
        began = time.perf_counter()
        self.connection.request("POST", self.path, body, {"content-type": "application/json"})
        answer = self.connection.getresponse()
        read = answer.read()
        self.seconds.append(time.perf_counter() - began)
        if answer.status != 200:
            raise SystemExit(f"{self.path} answered {answer.status}: {read[:300]!r}")

    def wait(self, body: bytes) -> None:
        """Return when it has answered."""
        while True:
            try:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                self.ask(body)
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit("a server ended before it answered") from None
                time.sleep(0.01)
            else:
                self.ready = time.perf_counter() - self.began
                return

    def processor_seconds(self) -> float:
        """Return what its processes have used."""
        found, waiting = 0.0, [self.process.pid]
        while waiting:
            number = waiting.pop()
            stat = Path(f"/proc/{number}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            found += (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
            for task in Path(f"/proc/{number}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
        return found

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)


def prepare(folder: Path) -> tuple[tuple[str, ...], list[dict[str, float]]]:
    """Train both models in ``folder``; return the columns and instances to ask for."""
    import pickle

    import lightgbm
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer(as_frame=True)
    frame = data.data.rename(columns=lambda name: re.sub(r"\W+", "_", name))
    labelled = frame.assign(diagnosis=["benign" if target else "malignant" for target in data.target])
    labelled.to_csv(folder / "tumours.csv", index=False)
    command = [sys.executable, "-m", "tenfold.cli.main"]
    for arguments in (
        ["init", "tumours.csv", "--target", "diagnosis"],
        ["run", "--budget", "20s"],
        ["model", "promote", "tumours@1"],
    ):
        done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{arguments}: {done.stdout}{done.stderr}")
    model = lightgbm.LGBMClassifier(verbose=-1, n_jobs=1).fit(frame, labelled["diagnosis"])
    (folder / "peer.bin").write_bytes(pickle.dumps((model, tuple(frame.columns))))
    (folder / "peer.py").write_text(PEER, encoding="utf-8")
    return tuple(frame.columns), frame.to_dict(orient="records")


def main() -> int:
    """Ask both and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 100])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, instances = prepare(folder)
        servers = {"tenfold": serve(folder), "peer": peer(folder)}
        try:
            first = json.dumps({"instances": instances[:1]}).encode()
            for label, server in servers.items():
                server.wait(first)
                print(
                    f"{label:8} ready after {server.ready:.2f} s, {server.processor_seconds():.2f} s of the processor"
                )
            for size in options.rows:
                compare(servers, instances, size, max(50, options.requests // max(1, size // 10)))
        finally:
            for server in servers.values():
                server.stop()
    return 0


def serve(folder: Path) -> Server:
    """Start the gateway."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tenfold.cli.main", "serve", "--json", "--port", "0"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    document = json.loads(process.stdout.readline())
    port = int(document["url"].rpartition(":")[2])
    return Server(process=process, port=port, path="/predict/tumours", began=began)


def peer(folder: Path) -> Server:
    """Start the peer."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), "--workers", "1", "peer:app"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return Server(process=process, port=port, path="/predict", began=began)


def compare(servers: dict[str, Server], instances: list[dict[str, float]], size: int, requests: int) -> None:
    """Ask all in turn, so that whatever else the machine does meets all alike."""
    for server in servers.values():
        server.seconds.clear()
    before = {label: server.processor_seconds() for label, server in servers.items()}
    for number in range(requests):
        begin = number * 7 % (len(instances) - size)
        body = json.dumps({"instances": instances[begin : begin + size]}).encode()
        for server in servers.values():
            server.ask(body)
    print(f"\n{size} rows in a request, {requests} requests")
    medians = {}
    for label, server in servers.items():
        took = sorted(server.seconds)
        medians[label] = statistics.median(took)
        used = (server.processor_seconds() - before[label]) / requests
        late = took[int(0.99 * len(took))]
        print(
            f"  {label:8} median {1e3 * medians[label]:7.3f} ms   99 % {1e3 * late:7.3f} ms   cpu {1e3 * used:7.3f} ms"
        )
    print(f"  the peer takes {medians['peer'] / medians['tenfold']:.1f} times as long")


if __name__ == "__main__":
    sys.exit(main())
