"""Ask a real gateway by the clients that people use, each in an environment of its own, and hold it to its OpenAPI.

    python benchmarks/clients.py [--cases 10000] [--keep FOLDER]

Makes one virtual environment for each client (uv and a package index are needed), trains nothing: a small model's
bundle is released into a new store. Each client must get the scores that the model gives, and its own error for a
request that is wrong. Then schemathesis sends ``--cases`` requests by the document at /openapi.json.

The gateway runs in this interpreter's environment, which must have the extra ``grpc``.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.unit.gateway.gateway_scene import ROW, boosted, running, set_up  # noqa: E402 - as a script

ROWS = [ROW, {**ROW, "age": 44.5, "colour": "blue", "member": False, "town": "", "note": ""}]
PACKAGES = {
    "tritonclient": ("tritonclient[http,grpc]",),
    "kserve": ("kserve",),
    "mlflow": ("mlflow-skinny", "pandas", "scipy"),
    "schemathesis": ("schemathesis",),
}
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
# Of itself schemathesis takes 413 for no refusal; here it is that of too many instances.
CONFIGURED = """[checks.negative_data_rejection]
expected-statuses = ["400", "404", "405", "408", "413", "415", "422", "429", "5xx"]
"""

_COMMON = """
import json, sys
rows, http, grpc = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
KINDS = {"age": "FP64", "income": "FP64", "member": "BOOL"}
def refused(work, *words):
    try:
        work()
    except Exception as error:
        assert all(word in str(error) for word in words), error
    else:
        raise SystemExit("a wrong request was answered")
"""
_TRITON = """
import numpy as np
TYPES = {"FP64": np.float64, "BOOL": np.bool_, "BYTES": np.object_}
def columns(client, without=(), **how):
    found = []
    for name in rows[0]:
        kind = KINDS.get(name, "BYTES")
        values = [row[name] for row in rows]
        if kind == "BYTES":
            values = [value.encode() for value in values]
        tensor = client.InferInput(name, [len(rows)], kind)
        tensor.set_data_from_numpy(np.array(values, dtype=TYPES[kind]), **how)
        if name not in without:
            found.append(tensor)
    return found
def all_of(client, address, hows):
    server = client.InferenceServerClient(address)
    assert server.is_server_live() and server.is_server_ready() and server.is_model_ready("members", "1")
    server.get_server_metadata(), server.get_model_metadata("members")
    for how in hows:
        answer = server.infer("members", columns(client, **how), request_id="r")
        scores = answer.as_numpy("proba_yes").tolist()
        only = [client.InferRequestedOutput("proba_yes")]
        wanted = server.infer("members", columns(client), model_version="1", outputs=only)
        assert wanted.as_numpy("proba_yes").tolist() == scores
    refused(lambda: server.infer("members", columns(client, ["note"])), "note")
    refused(lambda: server.infer("member", columns(client)), "members")
    refused(lambda: server.infer("members", columns(client), model_version="9"), "version")
    return scores
"""
PROGRAMS = {
    ("tritonclient HTTP", "tritonclient"): _COMMON + _TRITON + """
import tritonclient.http as client
print(json.dumps(all_of(client, f"127.0.0.1:{http}", [{}, {"binary_data": False}, {"binary_data": True}])))
""",
    ("tritonclient gRPC", "tritonclient"): _COMMON + _TRITON + """
import tritonclient.grpc as client
print(json.dumps(all_of(client, f"127.0.0.1:{grpc}", [{}])))
""",
    ("kserve REST and gRPC", "kserve"): _COMMON + """
import asyncio
from kserve import InferenceRESTClient, InferenceGRPCClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
def request(without=()):
    inputs = [
        InferInput(name=name, shape=[len(rows)], datatype=KINDS.get(name, "BYTES"), data=[row[name] for row in rows])
        for name in rows[0] if name not in without
    ]
    return InferRequest(model_name="members", infer_inputs=inputs)
def scores(answer):
    return next(output for output in answer.outputs if output.name == "proba_yes").data
async def main():
    rest, base = InferenceRESTClient(RESTConfig(protocol="v2", retries=0)), f"http://127.0.0.1:{http}"
    assert await rest.is_server_live(base) and await rest.is_server_ready(base)
    assert await rest.is_model_ready(base, "members")
    found = scores(await rest.infer(base, request(), model_name="members"))
    try:
        await rest.infer(base, request(["age"]), model_name="members")
    except Exception as error:
        assert "age" in str(error), error
    else:
        raise SystemExit("a wrong request was answered")
    called = InferenceGRPCClient(url=f"127.0.0.1:{grpc}")
    assert await called.is_server_ready() and await called.is_model_ready("members")
    assert list(scores(await called.infer(request()))) == list(found)
    print(json.dumps(list(found)))
asyncio.run(main())
""",
    ("MLflow's scoring client", "mlflow"): _COMMON + """
import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
client = ScoringServerClient("127.0.0.1", http)
client.ping(), client.get_version()
table = pd.DataFrame(rows)
found = client.invoke(table).get_predictions()["proba_yes"].tolist()
assert client.invoke(rows).get_predictions()["proba_yes"].tolist() == found
client.invoke(table.assign(age=[float("nan"), 1.0]))
refused(lambda: client.invoke(table.drop(columns="age")), "age")
print(json.dumps(found))
""",
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every client, print one line for each; 1 where one is not satisfied."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=10_000, help="requests of schemathesis; 0: none")
    parser.add_argument("--keep", type=Path, default=None, help="where the environments are kept, and looked for")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        store = Path(place) / "project" / ".tenfold"
        store.mkdir(parents=True)
        set_up(store)
        expected = boosted().predict(ROWS)["proba_yes"].to_list()
        with running(store, "--grpc-port", "0") as gateway:
            rpc = str(gateway.document["grpc"]).rpartition(":")[2]
            wrong = 0
            for (title, client), program in PROGRAMS.items():
                python = environment(client, asked.keep or Path(place))
                told = run([str(python), "-c", program, json.dumps(ROWS), str(gateway.port), rpc])
                wrong += report(title, told, expected)
            wrong += report("curl", by_curl(gateway.port), expected)
            if asked.cases:
                wrong += fuzz(environment("schemathesis", asked.keep or Path(place)), gateway.port, asked.cases)
    return 1 if wrong else 0


def environment(client: str, folder: Path) -> Path:
    """Return the interpreter of an environment that has a client."""
    place = folder / f"clients-{client}"
    python = place / "bin" / "python"
    if not python.exists():
        run(["uv", "venv", "--quiet", "--python", sys.executable, str(place)], check=True)
        run(["uv", "pip", "install", "--quiet", "--python", str(python), *PACKAGES[client]], check=True)
    return python


def run(command: Sequence[str], *, check: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(command, capture_output=True, text=True, check=check)


def report(title: str, told: subprocess.CompletedProcess[str], expected: Sequence[float]) -> int:
    """Print what a client got; return 1 where these are not the model's scores."""
    lines = told.stdout.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if told.returncode == 0 and lines else None
    except ValueError:
        found = None
    good = found is not None and all(abs(a - b) <= 1e-9 for a, b in zip(found, expected, strict=True))
    print(f"{title:26} {'the scores of the model' if good else 'FAILED'}", flush=True)
    if not good:
        print(told.stdout[-2000:], told.stderr[-4000:], sep="\n")
    return not good


def by_curl(port: int) -> subprocess.CompletedProcess[str]:
    """Ask with curl for the scores, printed as the other clients print them."""
    command = ["curl", "--silent", "--fail", "--json", json.dumps({"instances": ROWS})]
    told = run([*command, f"http://127.0.0.1:{port}/predict/members"])
    if told.returncode == 0:
        told.stdout = json.dumps([row["proba_yes"] for row in json.loads(told.stdout)["predictions"]])
    return told


def fuzz(python: Path, port: int, cases: int) -> int:
    """Let schemathesis send at least so many requests; return 1 where one of its checks fails."""
    sent, seed, began = 0, 1, time.monotonic()
    settings = python.parent / "schemathesis.toml"
    settings.write_text(CONFIGURED, encoding="utf-8")
    while sent < cases:
        told = run(
            [
                str(python.parent / "schemathesis"),
                f"--config-file={settings}",
                "run",
                f"http://127.0.0.1:{port}/openapi.json",
                f"--max-examples={max(10, cases // 20)}",
                f"--seed={seed}",
                "--phases=coverage,fuzzing",
                f"--checks={','.join(CHECKS)}",
                "--generation-database=none",
                "--no-color",
            ]
        )
        count = re.search(r"(\d[\d,]*) generated", told.stdout)
        sent += int(count[1].replace(",", "")) if count else cases
        if told.returncode != 0:
            print(told.stdout[-6000:])
            print(f"schemathesis               FAILED after {sent} requests")
            return 1
        seed += 1
    print(f"schemathesis               {sent} requests, no check failed, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
