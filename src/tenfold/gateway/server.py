"""The gateway's parent process: owns the socket, starts workers, replaces those that die, ends them gently.

It loads no model, so it starts at once and a fault in a model cannot reach it.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenfold.foundation.clock import Clock, Deadline, SystemClock
from tenfold.foundation.errors import InputError, StoreError

_CHECK_SECONDS = 0.1
_START_SECONDS = 60.0
_GRACE_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_HEALTHY_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What is served, and where.

    Attributes
    ----------
    folder : Path
        The store's.
    port : int
        0: any that is free.
    endpoints : tuple of str
        Empty: all that are published, now and later.
    durable : bool
        Whether an answer waits until the disk has it.
    replay : bool
        Whether callers may set the project's time.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = 8471
    workers: int = 1
    endpoints: tuple[str, ...] = ()
    durable: bool = False
    replay: bool = False


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    born: float
    pause: float = 0.0


@dataclass(slots=True)
class Gateway:
    """A running gateway; `start` it, then `check` it now and then and `stop` it, or `run` it until a signal comes."""

    options: ServeOptions
    said: Callable[[str], None]
    clock: Clock = field(default_factory=SystemClock)
    _socket: socket.socket | None = None
    _counts: Path | None = None
    _workers: dict[int, _Worker] = field(default_factory=dict)
    _due: dict[int, tuple[float, float]] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> Mapping[str, Any]:
        """Open the socket, start the workers, and return the document of what is served once all are ready.

        Raises
        ------
        InputError
            When the address cannot be used.
        StoreError
            When a worker does not come up.
        """
        self._socket = _listen(self.options.host, self.options.port)
        if self.options.workers > 1:
            self._counts = Path(tempfile.mkdtemp(prefix="tenfold-gateway-"))
        try:
            reports = [self._spawn(number) for number in range(self.options.workers)]
            ready = [_ready(report, self._workers[number].process) for number, report in enumerate(reports)]
        except BaseException:
            self.stop()
            raise
        return self._document(ready[0])

    def check(self) -> None:
        """Replace workers that have died; one that dies again and again is given longer and longer pauses."""
        now = self.clock.monotonic()
        for number, worker in list(self._workers.items()):
            status = worker.process.poll()
            if status is None:
                continue
            del self._workers[number]
            early = now - worker.born < _HEALTHY_SECONDS
            pause = min(2 * worker.pause, _LONGEST_PAUSE_SECONDS) if early and worker.pause else _FIRST_PAUSE_SECONDS
            self._due[number] = (now + pause, pause)
            self.said(f"worker {number} ended with status {status}; another takes its place")
        for number, (at, pause) in list(self._due.items()):
            if now >= at:
                del self._due[number]
                os.close(self._spawn(number))
                self._workers[number].pause = pause

    def obey_signals(self) -> None:
        """Let SIGTERM and SIGINT end `run`, from now on: before anybody is told that the gateway is ready."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())

    def run(self) -> int:
        """Keep the workers running until a signal comes, then end them gently; return the exit code."""
        while not self._stopping.wait(_CHECK_SECONDS):
            self.check()
        self.stop()
        return 0

    def stop(self) -> None:
        """Take no more connections, let requests under way be finished, and end the workers."""
        for worker in self._workers.values():
            worker.process.terminate()
        if self._socket is not None:
            self._socket.close()
        deadline = Deadline.after(_GRACE_SECONDS, self.clock)
        for worker in self._workers.values():
            try:
                worker.process.wait(timeout=deadline.remaining_seconds())
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            _let_go(worker.process)
        self._workers.clear()
        if self._counts is not None:
            shutil.rmtree(self._counts, ignore_errors=True)

    def _spawn(self, number: int) -> int:
        """Start a worker and return the pipe on which it says that it is ready."""
        assert self._socket is not None  # start opens it first
        reading, writing = os.pipe()
        told = {
            "folder": str(self.options.folder),
            "endpoints": self.options.endpoints,
            "worker": number,
            "listening": self._socket.fileno(),
            "report": writing,
            "counts": None if self._counts is None else str(self._counts),
            "durable": self.options.durable,
            "replay": self.options.replay,
        }
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", "tenfold.gateway.worker", json.dumps(told)],
            # Its lifeline: when this process is gone, however it went, the worker reads the end of it.
            stdin=subprocess.PIPE,
            stdout=sys.__stderr__,
            pass_fds=(self._socket.fileno(), writing),
            env={**_threads(self.options.workers), **os.environ},
        )
        os.close(writing)
        self._workers[number] = _Worker(process=process, born=self.clock.monotonic())
        return reading

    def _document(self, ready: Mapping[str, Any]) -> Mapping[str, Any]:
        assert self._socket is not None  # it is open while workers are
        host, port = self._socket.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        return {
            "schema": "tenfold.serve/1",
            "url": url,
            "pid": os.getpid(),
            "workers": self.options.workers,
            "replay": self.options.replay,
            "durable": self.options.durable,
            "endpoints": [{**entry, "url": f"{url}/predict/{entry['endpoint']}"} for entry in ready["endpoints"]],
        }


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number and number > 0 else str(error)
        raise InputError(
            f"{host}:{port} cannot be listened on: {reason}; choose another with --host and --port"
        ) from error
    listening.setblocking(False)
    return listening


def _threads(workers: int) -> dict[str, str]:
    """Return how many threads libraries may start in each worker, unless the environment says so already."""
    each = str(max(1, (os.cpu_count() or 1) // workers))
    return {"OMP_NUM_THREADS": each, "POLARS_MAX_THREADS": each}


def _ready(report: int, process: subprocess.Popen[bytes]) -> Mapping[str, Any]:
    with os.fdopen(report, "rb") as stream:
        waiting, _, _ = select.select([stream], [], [], _START_SECONDS)
        line = stream.readline() if waiting else b""
    if not line:
        status = process.poll()
        how = f"ended with status {status}" if status is not None else f"was not ready after {_START_SECONDS:.0f} s"
        raise StoreError(f"a worker of the gateway {how}; what it said stands above")
    found: Mapping[str, Any] = json.loads(line)
    return found


def _let_go(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
