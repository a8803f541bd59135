"""Build the image of an export without a network, run it, and hold its answers against the model's.

    python benchmarks/container.py BUNDLE.zip

Needs Debian's `buildah`, `crun` and `debootstrap`, and root: apt-get install buildah crun debootstrap. The base image
is made by debootstrap once and kept in the folder that --keep names. The image is built with `--network=none`, run as
its own user with its own entry point, asked until its health check's address answers, and asked the bundle's own probe
rows. Manifests of Kubernetes are checked against all published schemas where `kubernetes-validate` is installed.
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
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson

from tenfold.bundle.model import PREDICTION, PROBABILITY
from tenfold.exports.container import endpoint_of
from tenfold.exports.isolated import predictions_of
from tenfold.exports.kubernetes import KubernetesExport
from tenfold.exports.proof import differences
from tenfold.exports.write import write_export
from tenfold.project.export import subject_of

BASE, IMAGE = "localhost/tenfold-base:bookworm", "localhost/tenfold-export:1"
PACKAGES = "python3,python3-venv,ca-certificates,libgomp1"
SUITE = "bookworm"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("bundle", type=Path)
    arguments.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "tenfold-container")
    given = arguments.parse_args()
    keep = given.keep.absolute()
    keep.mkdir(parents=True, exist_ok=True)
    buildah = [_tool("buildah"), "--root", str(keep / "storage"), "--runroot", str(keep / "run")]
    os.environ |= {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "kubernetes"
        subject = replace(subject_of(str(given.bundle), Path()), options={"base": BASE})
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
        print(f"built without a network in {time.monotonic() - began:.0f} s")
    found = json.loads(subprocess.check_output([*buildah, "inspect", "--type", "image", IMAGE]))["Docker"]["config"]
    assert found["User"] == "10001:10001"
    assert "/readyz" in " ".join(found["Healthcheck"]["Test"])
    name = subprocess.check_output([*buildah, "from", "--pull-never", IMAGE], text=True).strip()
    try:
        worst = _asked(buildah, name, found["Entrypoint"], subject)
    finally:
        subprocess.run([*buildah, "rm", name], check=True, stdout=subprocess.DEVNULL)
    print(f"the image answers its probe rows, off by at most {worst:.2g}")
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


def _asked(buildah: list[str], name: str, entry: list[str], subject) -> float:  # type: ignore[no-untyped-def]  # a script
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    # The last address and port hold: the image's own would be open to whoever reaches this machine.
    address = ["--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen([*buildah, "run", name, "--", *entry, *address])
    try:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while not _ready(url):
            assert process.poll() is None, "the image ended"
            assert time.monotonic() < deadline, "the image does not answer"
            time.sleep(0.2)
        model = subject.model
        instances = json.loads(orjson.dumps(model.probe.rows.to_dicts()))
        answers = predictions_of(url, endpoint_of(subject), instances)
        names = [f"{PROBABILITY}{each}" for each in model.classes]
        scores = [[each[column] for column in names] if names else [_number(each)] for each in answers]
        return float(differences(model.probe.scores, np.array(scores)).max())
    finally:
        process.terminate()
        process.wait()


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
