"""Asking what was exported, by an interpreter of its own that sees nothing but the exported wheels."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import venv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenfold.exports.protocols import Refused
from tenfold.exports.wheels import unpack

_SECONDS = 300.0
_SERVE = ("serve", "--host", "127.0.0.1", "--port", "0", "--json")
_START_SECONDS = 60.0
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "OMP_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_CORETYPE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolated:
    """An interpreter with the exported packages alone; ``folder`` is its own, and goes with it.

    ``environment`` is what the exported thing sets for itself.
    """

    python: Path
    site: Path
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def see(self, place: Path) -> None:
        """Let it import what lies in a folder as well, after its own."""
        (self.site / "seen.pth").write_text(f"{place}\n", encoding="utf-8")

    def ask(self, program: Sequence[str], question: Mapping[str, Any]) -> Any:
        """Run a program, as the arguments of an interpreter, that reads one JSON document and writes another.

        Raises
        ------
        Refused
            When it fails; the message is the last that it said.
        """
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter and module
                [self.python, "-P", *program],
                input=json.dumps(question).encode(),
                capture_output=True,
                cwd=self.folder,
                env={**_environment(), **self.environment},
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Refused(f"what was exported did not answer within {_SECONDS:.0f} s") from error
        if done.returncode:
            raise Refused(f"what was exported fails by itself: {_last(done.stderr)}")
        return json.loads(done.stdout)

    @contextmanager
    def serving(self, store: Path) -> Iterator[str]:
        """Serve a copy of a store and give the address, then end the gateway gently.

        Raises
        ------
        Refused
            When it does not come up.
        """
        # What is served is logged: not into what is exported.
        shutil.copytree(store, self.folder / ".tenfold")
        command = f"from tenfold.cli.main import main; main({_SERVE})"
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and command line
            [self.python, "-P", "-c", command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={**_environment(), **self.environment},
        )
        try:
            yield str(json.loads(_document(process))["url"])
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


@contextmanager
def isolated(wheels: Iterable[bytes] = (), environment: Mapping[str, str] | None = None) -> Iterator[Isolated]:
    """Give an interpreter that sees the standard library and these wheels."""
    with tempfile.TemporaryDirectory(prefix="tenfold-export-") as name:
        folder = Path(name)
        venv.create(folder / "venv", with_pip=False, symlinks=True)
        site = folder / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        unpack(wheels, site)
        python = folder / "venv" / "bin" / "python"
        yield Isolated(python=python, site=site, folder=folder, environment=environment or {})


def predictions_of(url: str, endpoint: str, instances: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return what a gateway on this machine predicts for instances.

    Raises
    ------
    Refused
        When it does not answer with predictions.
    """
    request = urllib.request.Request(  # noqa: S310 - the address of our own gateway
        f"{url}/predict/{endpoint}",
        data=json.dumps({"instances": list(instances)}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_START_SECONDS) as answer:  # noqa: S310 - likewise
            found: list[Any] = json.load(answer)["predictions"]
    except urllib.error.HTTPError as error:
        raise Refused(f"served, it refuses its own probe rows: {error.read().decode()[:300]}") from error
    except OSError as error:
        raise Refused(f"served, it does not answer: {error}") from error
    return found


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _document(process: subprocess.Popen[bytes]) -> str:
    """Return the document that a gateway prints when it is ready; the end of its output ends it."""
    assert process.stdout is not None  # it was opened as a pipe
    lines: list[str] = []
    while True:
        ready, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
        line = process.stdout.readline().decode() if ready else ""
        if not line:
            process.kill()
            assert process.stderr is not None  # it was opened as a pipe
            raise Refused(f"what was exported does not serve: {_last(process.stderr.read())}")
        lines.append(line)
        text = "".join(lines)
        try:
            json.loads(text)
        except json.JSONDecodeError:
            continue
        return text


def _last(said: bytes) -> str:
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:400] if lines else "it said nothing"
