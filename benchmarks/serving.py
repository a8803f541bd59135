"""One model behind Tenfold's gateway, beside the least that could serve it and what teams write by hand.

    python benchmarks/serving.py [--rounds 3] [--seconds 3] [--only limit tenfold] [--no-split] [--python mlflow=PATH]

A LightGBM classifier behind scikit-learn's imputing, scaling and one-hot encoding is trained on a seeded table of 16
numbers and 4 words with missing values. Tenfold serves the very same trees behind transforms of its own that hold what
the pipeline learned, with validation, prediction log and metrics on, and divides its requests between two versions.
The limit is granian, orjson, hand-written encoding and LightGBM's C library, without any checks. FastAPI serves the
pipeline with pydantic and pandas, MLflow by ``mlflow models serve``; either runs where it is installed, or by the
interpreter that ``--python fastapi=PATH`` names. The pipeline is trained by the interpreter of one of them, so that it
fits; those that are named need the same scikit-learn, LightGBM and pandas.

Servers take turns in rounds. Printed for one row and for a hundred, asked by 32 callers (wrk's, where it is installed):
the processor time of the server's processes for a request in microseconds, its ratio to the limit's, requests a second;
then start, memory, and how many scores are off by more than 1e-9 and how many requests were refused (the gateway sheds
what would wait too long); last what is promised. Only ratios within one run mean anything on a machine that others use,
and of several rounds the median of the ratios within each.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import importlib.util
import json
import math
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NUMBERS = tuple(f"n{place}" for place in range(16))
WORDS = {"carrier": 14, "origin": 3, "dest": 60, "maker": 20}
COLUMNS = (*NUMBERS, *WORDS)
CALLERS = 32

LIMIT = """
import ctypes, json
from pathlib import Path
import numpy as np, orjson
from lightgbm.basic import _LIB, Booster
PLAN = json.loads(Path("plan.json").read_text())
NUMBERS, WORDS, WIDTH = PLAN["numbers"], PLAN["words"], PLAN["width"]
FILL, CENTER, SPREAD = (np.array(PLAN[key]) for key in ("fill", "center", "spread"))
EACH = list(zip(NUMBERS, PLAN["fill"], PLAN["center"], PLAN["spread"]))
booster = Booster(model_file="booster.txt")
one = ctypes.c_void_p()
_LIB.LGBM_BoosterPredictForMatSingleRowFastInit(
    booster._handle, 0, 0, -1, 1, WIDTH, b"num_threads=1", ctypes.byref(one))
score, count = ctypes.c_double(), ctypes.c_int64()

def scores(rows):
    matrix = np.zeros((len(rows), WIDTH))
    if len(rows) == 1:
        get = rows[0].get
        matrix[0, :16] = [((f if (v := get(n)) is None else v) - c) / s for n, f, c, s in EACH]
    else:
        values = np.array([[row[name] for name in NUMBERS] for row in rows], dtype=np.float64)
        np.copyto(values, FILL, where=np.isnan(values))
        matrix[:, :16] = (values - CENTER) / SPREAD
    for name, places in WORDS.items():
        for place, row in enumerate(rows):
            at = places.get(row[name] or "missing")
            if at is not None:
                matrix[place, at] = 1.0
    address = ctypes.c_void_p(matrix.ctypes.data)
    if len(rows) == 1:
        _LIB.LGBM_BoosterPredictForMatSingleRowFast(one, address, ctypes.byref(count), ctypes.byref(score))
        return [score.value]
    found = np.empty(len(rows))
    _LIB.LGBM_BoosterPredictForMat(booster._handle, address, 1, len(rows), WIDTH, 1, 0, 0, -1, b"num_threads=1",
        ctypes.byref(count), ctypes.c_void_p(found.ctypes.data))
    return found.tolist()

async def app(scope, proto):
    if scope.proto == "http":
        found = scores(orjson.loads(await proto())["instances"])
        proto.response_bytes(200, [("content-type", "application/json")], orjson.dumps({"predictions": found}))
"""

FASTAPI = """
import pickle
from pathlib import Path
import pandas
from fastapi import FastAPI
from pydantic import BaseModel, create_model
pipeline, numbers, words = pickle.loads(Path("pipeline.bin").read_bytes())
kinds = {**dict.fromkeys(numbers, float | None), **dict.fromkeys(words, str | None)}
Instance = create_model("Instance", **{name: (kind, ...) for name, kind in kinds.items()})
class Body(BaseModel):
    instances: list[Instance]
app = FastAPI()
@app.post("/predict")
def predict(body: Body):
    frame = pandas.DataFrame([each.model_dump() for each in body.instances], columns=list(kinds))
    frame[list(numbers)] = frame[list(numbers)].astype(float)
    frame[list(words)] = frame[list(words)].fillna(float("nan"))
    return {"predictions": pipeline.predict_proba(frame)[:, 1].tolist()}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """How one server is started, asked and understood."""

    command: tuple[str, ...]
    path: str
    key: str = "instances"

    def scores(self, answer: Any) -> list[float]:
        """Return the probabilities in an answer."""
        first = answer["predictions"][0]
        if isinstance(first, dict):
            return [each["proba_yes"] for each in answer["predictions"]]
        return [each[1] if isinstance(each, list) else each for each in answer["predictions"]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where servers are started: a folder and a port."""

    folder: Path
    port: int


Requests = dict[int, list[tuple[list[dict[str, Any]], list[float]]]]
"""Instances with the scores that the pipeline gives them, by how many there are in a request."""


@dataclass(slots=True)
class Measured:
    """What was seen of one server over all rounds."""

    micros: dict[int, list[float]] = field(default_factory=dict)
    rates: dict[int, list[float]] = field(default_factory=dict)
    cold: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    off: int = 0
    refused: int = 0


def prepare(folder: Path) -> None:
    """Train the model, and write what each server needs and requests with the scores that the pipeline gives."""
    import pickle

    import numpy as np
    import pandas as pd
    from lightgbm import LGBMClassifier
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rng = np.random.default_rng(7)
    rows = 20_000
    data: dict[str, Any] = {name: rng.normal(100, 30, rows).round(place % 3) for place, name in enumerate(NUMBERS)}
    data |= {name: rng.choice([f"{name}-{level}" for level in range(count)], rows) for name, count in WORDS.items()}
    frame = pd.DataFrame(data)
    effect = sum(np.sin(frame[name] / 20) for name in NUMBERS[:6]) + (frame["origin"] == "origin-1")
    late = (effect + rng.normal(0, 1, rows) > 0.5).astype(int)
    frame = frame.mask(rng.random(frame.shape) < 0.03)
    encoding = ColumnTransformer([
        ("n", Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", StandardScaler())]), list(NUMBERS)),
        ("w", Pipeline([("fill", SimpleImputer(strategy="constant", fill_value="missing")),
                        ("hot", OneHotEncoder(handle_unknown="ignore", sparse_output=False))]), list(WORDS)),
    ])  # fmt: skip
    trees = LGBMClassifier(n_estimators=200, learning_rate=0.05, random_state=1, verbose=-1, n_jobs=1)
    pipeline = Pipeline([("encoding", encoding), ("trees", trees)]).fit(frame[: rows // 2], late[: rows // 2])
    (folder / "pipeline.bin").write_bytes(pickle.dumps((pipeline, NUMBERS, tuple(WORDS))))
    trees.booster_.save_model(folder / "booster.txt")
    numbers = encoding.named_transformers_["n"]
    learned = {
        "fill": numbers["fill"].statistics_.tolist(),
        "center": numbers["scale"].mean_.tolist(),
        "spread": numbers["scale"].scale_.tolist(),
    }
    places, start = {}, len(NUMBERS)
    for name, levels in zip(WORDS, encoding.named_transformers_["w"]["hot"].categories_, strict=True):
        places[name] = {level: start + place for place, level in enumerate(levels)}
        start += len(levels)
    plan = {"numbers": NUMBERS, "words": places, "width": start, **learned}
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    (folder / "limit.py").write_text(LIMIT, encoding="utf-8")
    (folder / "peer.py").write_text(FASTAPI, encoding="utf-8")
    if importlib.util.find_spec("mlflow") is not None:
        import mlflow.sklearn
        from mlflow.models import infer_signature

        sample = frame[:100]
        mlflow.sklearn.save_model(
            pipeline, folder / "mlflow", signature=infer_signature(sample, pipeline.predict_proba(sample)),
            pyfunc_predict_fn="predict_proba", serialization_format="cloudpickle", pip_requirements=["scikit-learn"],
        )  # fmt: skip
    requests: Requests = {}
    for size, count in ((1, 200), (100, 20)):
        requests[size] = []
        for number in range(count):
            part = frame[rows // 2 + number * size : rows // 2 + (number + 1) * size]
            instances = [{name: _sent(value) for name, value in row.items()} for row in part.to_dict("records")]
            requests[size].append((instances, pipeline.predict_proba(part)[:, 1].tolist()))
    (folder / "requests.json").write_text(json.dumps(requests), encoding="utf-8")


def _sent(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else int(value) if value.is_integer() else value
    return value


def publish(folder: Path, plan: dict[str, Any], *, split: bool) -> None:
    """Put the pipeline into a store as a bundle: transforms that hold what it learned, and the very same trees."""
    import numpy as np
    import polars as pl

    from tenfold.bundle.format import pack_bundle
    from tenfold.bundle.model import Model, Part
    from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
    from tenfold.bundle.signature import Signature
    from tenfold.bundle.transforms.protocols import Fitted, State
    from tenfold.bundle.transforms.table import transform_called
    from tenfold.bundle.view import assembled
    from tenfold.records.dataset import Field
    from tenfold.records.evaluation import Threshold
    from tenfold.records.features import Step
    from tenfold.records.release import Endpoint, Route
    from tenfold.store.endpoints import publish as publish_endpoint
    from tenfold.store.files.blobs import FileBlobs
    from tenfold.store.files.disk import Disk

    numbers = {key: np.array(plan[key]) for key in ("fill", "center", "spread")}
    steps = [Step(kind="impute", columns=NUMBERS), Step(kind="scale", columns=NUMBERS)]
    states = [State(arrays={"fills": numbers["fill"]})]
    states.append(State(arrays={"centers": numbers["center"], "spreads": numbers["spread"]}))
    moved, start = list(range(len(NUMBERS))), len(NUMBERS)
    for name, places in plan["words"].items():
        levels = tuple(places)
        steps.append(Step(kind="onehot", columns=(name,), settings={"levels": levels}))
        states.append(State(facts={"fill": "missing"}, arrays={"frequent": np.ones(len(levels), dtype=np.bool_)}))
        moved += range(start, start + len(levels))
        # Ours has two columns more, for words that are unseen and missing, on which these trees never split.
        start += len(levels) + 2
    fitted: list[Fitted] = [
        transform_called(step.kind).restore(step, state) for step, state in zip(steps, states, strict=True)
    ]
    text = (folder / "booster.txt").read_text(encoding="ascii")
    text = re.sub(
        r"(?m)^split_feature=(.*)$",
        lambda line: "split_feature=" + " ".join(str(moved[int(each)]) for each in line[1].split()),
        text,
    )
    text = re.sub(r"(?m)^max_feature_idx=.*$", f"max_feature_idx={start - 1}", text)
    fields = [Field(name=name, kind="numeric") for name in NUMBERS]
    fields += [Field(name=name, kind="categorical") for name in WORDS]
    store = folder / ".tenfold"
    store.mkdir()
    routes = []
    for number in (1, 2) if split else (1,):
        model = Model(
            name=f"late-{number}",
            task="binary",
            target="late",
            classes=("no", "yes"),
            signature=Signature(fields=tuple(fields)),
            views={"v": assembled(steps, fitted)},
            parts=(Part(key="t", view="v", weight=1.0, predictor=LightGBMPredictor(text, link="logistic")),),
            threshold=Threshold(value=0.5, reason="one half"),
        )
        probe = pl.DataFrame({name: [100.0, None] if name in NUMBERS else [None, "x"] for name in COLUMNS})
        packed = pack_bundle(model, probe)
        blobs = FileBlobs(Disk(store))
        path = blobs.path(blobs.put(packed.zipped())).relative_to(store)
        beside: dict[str, Any] = {"share": 0.5, "role": ("champion", "candidate")[number - 1]} if split else {}
        routes.append(Route(ref=f"late@{number}", bundle=packed.name, path=str(path), **beside))
    divided: dict[str, Any] = {"strategy": "ab", "salt": "bench"} if split else {}
    publish_endpoint(store, Endpoint(name="late", revision=1, routes=tuple(routes), at=datetime.now(UTC), **divided))


def contestants(port: int, pythons: dict[str, str]) -> dict[str, Contestant]:
    """Return the servers that can be started here, or by the interpreters that are named."""
    here = (sys.executable, "-m")
    granian = (*here, "granian", "--port", str(port), "--workers", "1", "--no-ws", "--log-level", "warning")
    serve = (*here, "tenfold.cli.main", "serve", "--port", str(port))
    found = {
        "limit": Contestant(command=(*granian, "--interface", "rsgi", "limit:app"), path="/"),
        "tenfold": Contestant(command=serve, path="/predict/late"),
        "tenfold x2": Contestant(command=(*serve, "--workers", "2"), path="/predict/late"),
    }
    if "fastapi" in pythons or None not in map(importlib.util.find_spec, ("fastapi", "uvicorn")):
        server = ("uvicorn", "peer:app", "--port", str(port), "--log-level", "warning", "--no-access-log")
        found["fastapi"] = Contestant(command=(pythons.get("fastapi", sys.executable), "-m", *server), path="/predict")
    if "mlflow" in pythons or importlib.util.find_spec("mlflow") is not None:
        server = ("mlflow", "models", "serve", "-m", "mlflow", "--env-manager", "local", "-p", str(port), "-w", "1")
        command = (pythons.get("mlflow", sys.executable), "-m", *server)
        found["mlflow"] = Contestant(command=command, path="/invocations", key="dataframe_records")
    return found


def measure(contestant: Contestant, place: Place, requests: Requests, seconds: float, measured: Measured) -> None:
    """Start one server, check its answers, ask it for a while, and stop it."""
    folder, port, name = place.folder, place.port, contestant.path.strip("/").replace("/", "-") or "limit"
    bodies = {
        size: [json.dumps({contestant.key: instances}).encode() for instances, _ in asked]
        for size, asked in requests.items()
    }
    began = time.perf_counter()
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            contestant.command, cwd=folder, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PATH": _path(contestant.command[0])},
        )  # fmt: skip
    try:
        while True:
            try:
                ask(port, contestant.path, bodies[1][0])
                break
            except OSError:
                if process.poll() is not None or time.perf_counter() - began > 120:
                    raise SystemExit(f"{name} does not answer: see its log in {folder}") from None
                time.sleep(0.02)
        measured.cold.append(time.perf_counter() - began)
        for size, asked in requests.items():
            for body, (_, expected) in list(zip(bodies[size], asked, strict=True))[: 60 if size == 1 else 12]:
                answered = contestant.scores(json.loads(ask(port, contestant.path, body)))
                measured.off += sum(not abs(one - other) <= 1e-9 for one, other in zip(answered, expected, strict=True))
        for size in requests:
            load(port, contestant.path, bodies[size], 1.0)
            before = usage(process.pid)[0]
            began = time.perf_counter()
            count, refused = load(port, contestant.path, bodies[size], seconds)
            measured.refused += refused
            took = time.perf_counter() - began
            used, megabytes = usage(process.pid)
            measured.micros.setdefault(size, []).append(1e6 * (used - before) / max(count, 1))
            measured.rates.setdefault(size, []).append(count / took)
        measured.megabytes.append(megabytes)
    finally:
        stop(process)


def ask(port: int, path: str, body: bytes) -> bytes:
    """Ask once, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}: {content[:300]!r}")
    return content


def _path(python: str) -> str:
    # Servers start others by their names alone.
    return os.pathsep.join((str(Path(python).parent), os.environ.get("PATH", "")))


WRK = """
local asked, count, at = {}, 0, 0
function init(args)
  wrk.method = "POST"; wrk.headers["Content-Type"] = "application/json"
  for line in io.lines(args[1]) do count = count + 1; asked[count] = wrk.format(nil, nil, nil, line) end
end
function request() at = at % count + 1; return asked[at] end
function done(summary) io.write(string.format("COUNTED %d %d\\n", summary.requests, summary.errors.status)) end
"""


def load(port: int, path: str, bodies: list[bytes], seconds: float) -> tuple[int, int]:
    """Let callers ask one after the other for some seconds; return how many requests were answered, and refused."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return asyncio.run(_load(port, path, bodies, seconds))
    with tempfile.TemporaryDirectory() as name:
        script, lines = Path(name) / "ask.lua", Path(name) / "bodies"
        script.write_text(WRK, encoding="ascii")
        lines.write_bytes(b"\n".join(bodies) + b"\n")
        command = [wrk, "-t1", f"-c{CALLERS}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s", str(script)]
        command += [f"http://127.0.0.1:{port}{path}", "--", str(lines)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    counted = re.search(r"COUNTED (\d+) (\d+)", told)
    assert counted is not None, told
    return int(counted[1]) - int(counted[2]), int(counted[2])


async def _load(port: int, path: str, bodies: list[bytes], seconds: float) -> tuple[int, int]:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    messages = [(head % len(body)).encode() + body for body in bodies]
    end = time.perf_counter() + seconds
    counts = await asyncio.gather(*(_caller(port, messages, number, end) for number in range(CALLERS)))
    return sum(answered for answered, _ in counts), sum(refused for _, refused in counts)


async def _caller(port: int, messages: list[bytes], number: int, end: float) -> tuple[int, int]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    count = refused = 0
    while time.perf_counter() < end:
        writer.write(messages[(number * 7 + count + refused) % len(messages)])
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        good = b" 200 " in head.partition(b"\r\n")[0]
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        await reader.readexactly(int(length[1]))
        count, refused = count + good, refused + (not good)
    writer.close()
    await writer.wait_closed()
    return count, refused


def usage(root: int) -> tuple[float, float]:
    """Return the processor seconds of a process and its descendants, and the greatest memory of one, in megabytes."""
    seconds, most, waiting = 0.0, 0.0, [root]
    while waiting:
        number = waiting.pop()
        place = Path(f"/proc/{number}")
        stat = (place / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        seconds += (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        found = re.search(r"Pss:\s+(\d+)", (place / "smaps_rollup").read_text(encoding="ascii"))
        most = max(most, int(found[1]) / 1024 if found else 0.0)
        for task in (place / "task").iterdir():
            waiting += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
    return seconds, most


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and whatever it started."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    time.sleep(0.2)


def main() -> int:
    """Let all take turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--split", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--python", nargs="+", default=[], metavar="SERVER=PATH")
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prepare is not None:
        prepare(options.prepare)
        return 0
    pythons = dict(each.split("=", 1) for each in options.python)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    servers = {
        name: each for name, each in contestants(port, pythons).items() if not options.only or name in options.only
    }
    found = {name: Measured() for name in servers}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trains = pythons.get("mlflow", pythons.get("fastapi", sys.executable))
        subprocess.run([trains, __file__, "--prepare", str(folder)], check=True, env=_alone(trains))
        publish(folder, json.loads((folder / "plan.json").read_text(encoding="utf-8")), split=options.split)
        written = json.loads((folder / "requests.json").read_text(encoding="utf-8"))
        requests: Requests = {int(size): asked for size, asked in written.items()}
        for _ in range(options.rounds):
            for label, server in servers.items():
                measure(server, Place(folder, port), requests, options.seconds, found[label])
    show(found)
    promised(found)
    return 0


def _alone(python: str) -> dict[str, str]:
    """Return the environment of another interpreter, without this one's modules."""
    kept = {key: value for key, value in os.environ.items() if python == sys.executable or key != "PYTHONPATH"}
    return {**kept, "PYTHONWARNINGS": "ignore"}


def show(found: dict[str, Measured]) -> None:
    """Print the medians over all rounds, and their ratios to the limit's."""
    middle = statistics.median
    for size in (1, 100):
        print(f"\n{size} row{'s' * (size > 1)} in a request, {CALLERS} callers")
        for label, seen in found.items():
            micros = middle(seen.micros[size])
            ratio = f"{micros / middle(found['limit'].micros[size]):6.2f} x" if "limit" in found else ""
            print(f"  {label:12} {micros:9.0f} us of the processor {ratio}   {middle(seen.rates[size]):8.0f} /s")
    print("\nstart, memory of a process, scores off by more than 1e-9, requests refused")
    for label, seen in found.items():
        print(f"  {label:12} {middle(seen.cold):6.2f} s {middle(seen.megabytes):6.0f} MB {seen.off:6} {seen.refused:7}")


def promised(found: dict[str, Measured]) -> None:
    """Print what is promised, beside what was seen: of ratios the median of those within each round."""

    def ratio(one: str, other: str, size: int) -> float | None:
        if one not in found or other not in found:
            return None
        pairs = zip(found[one].micros[size], found[other].micros[size], strict=True)
        return statistics.median(a / b for a, b in pairs)

    own = [seen for label, seen in found.items() if label.startswith("tenfold")]
    promises: list[tuple[str, float | None, str, float]] = [
        ("processor time of one row, to the limit's", ratio("tenfold", "limit", 1), "<=", 2.5),
        ("processor time of a hundred rows, to the limit's", ratio("tenfold", "limit", 100), "<=", 1.5),
        ("MLflow's processor time of one row, to ours", ratio("mlflow", "tenfold", 1), ">=", 60.0),
        ("FastAPI's processor time of one row, to ours", ratio("fastapi", "tenfold", 1), ">=", 1.0),
        ("with two workers, to one, for one row", ratio("tenfold x2", "tenfold", 1), "<=", 1.1),
        ("scores that are off", float(sum(seen.off for seen in own)) if own else None, "<=", 0.0),
        ("seconds from start to the first answer", max((max(seen.cold) for seen in own), default=None), "<=", 3.0),
        ("megabytes of a worker", max((max(seen.megabytes) for seen in own), default=None), "<=", 200.0),
    ]
    print("\nwhat is promised")
    for words, seen, sign, bar in promises:
        if seen is not None:
            kept = seen <= bar if sign == "<=" else seen >= bar
            print(f"  {words:52} {seen:8.2f}  {sign} {bar:g}  {'kept' if kept else 'NOT KEPT'}")


if __name__ == "__main__":
    sys.exit(main())
