"""Build the image of an export without a network, run it, and hold its answers against the model's.

    python benchmarks/container.py BUNDLE.zip
    python benchmarks/container.py NAME@VERSION --project FOLDER

Needs Debian's `buildah`, `crun` and `debootstrap`, and root: apt-get install buildah crun debootstrap. The base image
is made by debootstrap once and kept in the folder that --keep names. The image is built with `--network=none`, run as
its own user with its own entry point, asked until its health check's address answers, held against the health check's
own command, and asked the bundle's own probe rows. Where the project trusts keys, the bundle's signature is then
taken out of the image's store, and nothing may be served. Manifests of Kubernetes are checked against all published
schemas where `kubernetes-validate` is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from tenfold.bundle.model import PREDICTION, PROBABILITY
from tenfold.bundle.signing import FOLDER
from tenfold.exports.container import PORT, endpoint_of
from tenfold.exports.isolated import predictions_of
from tenfold.exports.kubernetes import KubernetesExport
from tenfold.exports.proof import differences
from tenfold.exports.protocols import Subject
from tenfold.exports.write import write_export
from tenfold.project.export import subject_of

BASE, IMAGE = "localhost/tenfold-base:bookworm", "localhost/tenfold-export:1"
PACKAGES = "python3,python3-venv,ca-certificates,libgomp1"
SUITE = "bookworm"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("model")
    arguments.add_argument("--project", type=Path, default=Path())
    arguments.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "tenfold-container")
    given = arguments.parse_args()
    keep = given.keep.absolute()
    keep.mkdir(parents=True, exist_ok=True)
    buildah = [_tool("buildah"), "--root", str(keep / "storage"), "--runroot", str(keep / "run")]
    os.environ |= {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "kubernetes"
        subject = replace(subject_of(given.model, given.project.absolute()), options={"base": BASE})
        began = time.monotonic()
        written = write_export(KubernetesExport(), subject, out)
        print(f"exported in {time.monotonic() - began:.0f} s, proof: {written.proof.rows} rows, off by at most "
              f"{written.proof.greatest_difference:.2g}")  # fmt: skip
        if validates := shutil.which("kubernetes-validate"):
            subprocess.run([validates, "--strict", str(out / "kubernetes.yaml")], check=True)
        _base(buildah, keep)
        began = time.monotonic()
        build = ["build", "--format", "docker", "--network=none", "--pull-never", "--quiet", "--tag", IMAGE]
        subprocess.run([*buildah, *build, str(out / "image")], check=True)
        seconds = time.monotonic() - began
    inspected = subprocess.check_output([*buildah, "inspect", "--type", "image", IMAGE])
    found = json.loads(inspected)["Docker"]["config"]
    whole, base = _size(buildah, IMAGE), _size(buildah, BASE)
    print(f"built without a network in {seconds:.0f} s: {whole}, of which {base} are the base")
    assert found["User"] == "10001:10001"
    assert "/readyz" in " ".join(found["Healthcheck"]["Test"])
    name = subprocess.check_output([*buildah, "from", "--pull-never", IMAGE], text=True).strip()
    try:
        user = subprocess.check_output([*buildah, "run", name, "--", "id", "-u"], text=True).strip()
        assert user == "10001", f"the image runs as {user}"
        worst = _asked(buildah, name, found, subject)
        if subject.trusted:
            _refused(buildah, name, found)
    finally:
        subprocess.run([*buildah, "rm", name], check=True, stdout=subprocess.DEVNULL)
        # The next image has the same name, and this one would stay without one.
        subprocess.run([*buildah, "rmi", "--force", IMAGE], check=True, stdout=subprocess.DEVNULL)
    print(f"the image, run by user {user}, is healthy and answers its probe rows, off by at most {worst:.2g}")
    return 0 if worst <= 1e-9 else 1


def _base(buildah: list[str], keep: Path) -> None:
    if subprocess.run([*buildah, "inspect", "--type", "image", BASE], capture_output=True, check=False).returncode == 0:
        return
    root, context = keep / "root", keep / "context"
    subprocess.run([_tool("debootstrap"), "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root)], check=True)
    context.mkdir(exist_ok=True)
    subprocess.run([_tool("tar"), "-C", str(root), "-cf", str(context / "base.tar"), "."], check=True)
    (context / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
    subprocess.run([*buildah, "build", "--format", "docker", "--quiet", "--tag", BASE, str(context)], check=True)
    shutil.rmtree(root)
    shutil.rmtree(context)


def _size(buildah: list[str], image: str) -> str:
    said = json.loads(subprocess.check_output([*buildah, "images", "--json", image]))
    return str(said[0]["size"])


def _asked(buildah: list[str], name: str, config: Mapping[str, Any], subject: Subject) -> float:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    # The last address and port hold: the image's own would be open to whoever reaches this machine.
    address = ["--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen([*buildah, "run", name, "--", *config["Entrypoint"], *address])
    try:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while not _ready(url):
            assert process.poll() is None, "the image ended"
            assert time.monotonic() < deadline, "the image does not answer"
            time.sleep(0.2)
        # As an engine of containers runs it, but for the port.
        health = [part.replace(f":{PORT}/", f":{port}/") for part in config["Healthcheck"]["Test"][1:]]
        subprocess.run([*buildah, "run", name, "--", *health], check=True)
        model = subject.model
        instances = json.loads(orjson.dumps(model.probe.rows.to_dicts()))
        answers = predictions_of(url, endpoint_of(subject), instances)
        names = [f"{PROBABILITY}{each}" for each in model.classes]
        scores = [[each[column] for column in names] if names else [_number(each)] for each in answers]
        return float(differences(model.probe.scores, np.array(scores)).max())
    finally:
        process.terminate()
        process.wait()


def _refused(buildah: list[str], name: str, config: Mapping[str, Any]) -> None:
    remove = ["rm", "-r", f"{config['WorkingDir']}/.tenfold/{FOLDER}"]
    subprocess.run([*buildah, "run", "--user", "root", name, "--", *remove], check=True)
    address = ["--host", "127.0.0.1", "--port", "0"]
    command = [*buildah, "run", name, "--", *config["Entrypoint"], *address]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None  # it was opened as a pipe
        said = next((line.strip() for line in process.stdout if "is not signed" in line), "")
        assert said, "the image serves a bundle that is not signed"
        print(f"without its signature: {said}")
    finally:
        process.terminate()
        process.communicate()


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        sys.exit(f"{name} is not installed: apt-get install buildah crun debootstrap")
    return found


def _number(answer: object) -> float:
    return float(answer[PREDICTION] if isinstance(answer, dict) else answer)  # type: ignore[arg-type]  # a number


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310 - the image just started
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
