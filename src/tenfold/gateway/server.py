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
from tenfold.foundation.optional import require

_CHECK_SECONDS = 0.1
_START_SECONDS = 60.0
_KILL_SECONDS = 1.0
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
    grpc_port : int or None
        Where the Open Inference Protocol is also spoken over gRPC; 0: any port that is free; None: nowhere.
    wait_ms : int
        How long a request may be expected to wait for its scoring; what would wait longer is refused.
    grace_seconds : float
        How long requests under way may take once the gateway, or a worker that is replaced, is told to end.
    linger_seconds : float
        How long clients of a worker that is replaced are given to hear of it with the answer to their next request.
    may_lose : bool
        Whether predictions that cannot be logged are given all the same, and counted as lost.
    log_json : bool
        Whether workers write lines of JSON, one for each request as well.
    telemetry : bool
        Whether traces are sent.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = 8471
    workers: int = 1
    endpoints: tuple[str, ...] = ()
    durable: bool = False
    replay: bool = False
    grpc_port: int | None = None
    wait_ms: int = 500
    grace_seconds: float = 30.0
    linger_seconds: float = 10.0
    may_lose: bool = False
    log_json: bool = False
    telemetry: bool = False


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    report: int
    born: float
    pause: float = 0.0
    leaves: float = 0.0


@dataclass(slots=True)
class _Restart:
    """A rolling restart: the numbers that are still to be replaced, and who comes in the place of which."""

    left: list[int]
    number: int = -1
    coming: _Worker | None = None


@dataclass(slots=True)
class Gateway:
    """A running gateway; `start` it, then `check` it now and then and `stop` it, or `run` it until a signal comes."""

    options: ServeOptions
    said: Callable[[str], None]
    clock: Clock = field(default_factory=SystemClock)
    _socket: socket.socket | None = None
    _grpc: socket.socket | None = None
    _counts: Path | None = None
    _workers: dict[int, _Worker] = field(default_factory=dict)
    _due: dict[int, tuple[float, float]] = field(default_factory=dict)
    _leaving: list[_Worker] = field(default_factory=list)
    _restart: _Restart | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _restarting: threading.Event = field(default_factory=threading.Event)

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
        if self.options.grpc_port is not None:
            self._grpc = _reserve(self.options.host, self.options.grpc_port)
        self._counts = Path(tempfile.mkdtemp(prefix="tenfold-gateway-"))
        try:
            self._workers = {number: self._spawn(number) for number in range(self.options.workers)}
            ready = [_ready(worker) for worker in self._workers.values()]
        except BaseException:
            self.stop()
            raise
        return self._document(ready[0])

    def check(self) -> None:
        """Replace workers that have died, or are to be; one that dies again and again is given longer pauses."""
        now = self.clock.monotonic()
        for number, worker in list(self._workers.items()):
            status = worker.process.poll()
            if status is None:
                continue
            del self._workers[number]
            _let_go(worker)
            early = now - worker.born < _HEALTHY_SECONDS
            pause = min(2 * worker.pause, _LONGEST_PAUSE_SECONDS) if early and worker.pause else _FIRST_PAUSE_SECONDS
            self._due[number] = (now + pause, pause)
            self.said(f"worker {number} ended with status {status}; another takes its place")
        for number, (at, pause) in list(self._due.items()):
            if now >= at:
                del self._due[number]
                self._workers[number] = worker = self._spawn(number)
                worker.pause = pause
        for worker in list(self._leaving):
            if worker.process.poll() is not None:
                self._leaving.remove(worker)
                _let_go(worker)
            elif now > worker.leaves:
                self.said("a worker that was replaced does not end by itself: it is killed")
                worker.process.kill()
        if self._restarting.is_set() and self._restart is None:
            self._restarting.clear()
            self._restart = _Restart(left=sorted(self._workers))
            self.said(f"{len(self._restart.left)} workers are replaced, one after the other")
        if self._restart is not None:
            self._go_on(self._restart, now)

    def restart(self) -> None:
        """Have every worker replaced, one after the other, by `check`; no request fails by it."""
        self._restarting.set()

    @property
    def restarting(self) -> bool:
        """Whether workers are being replaced."""
        return self._restarting.is_set() or self._restart is not None or bool(self._leaving)

    def obey_signals(self) -> None:
        """Let SIGTERM and SIGINT end `run`, from now on: before anybody is told that the gateway is ready.

        SIGUSR1 replaces the workers; so does SIGHUP, but where there is a terminal, whose end it tells.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        signal.signal(signal.SIGUSR1, lambda *_: self._restarting.set())
        ends = sys.stdin is not None and sys.stdin.isatty()
        signal.signal(signal.SIGHUP, lambda *_: (self._stopping if ends else self._restarting).set())

    def run(self) -> int:
        """Keep the workers running until a signal comes, then end them gently; return the exit code."""
        while not self._stopping.wait(_CHECK_SECONDS):
            self.check()
        self.stop()
        return 0

    def stop(self) -> None:
        """Let requests under way be finished, and end the workers."""
        everyone = [*self._workers.values(), *self._leaving]
        if self._restart is not None and self._restart.coming is not None:
            everyone.append(self._restart.coming)
        for worker in everyone:
            worker.process.terminate()
        for held in (self._socket, self._grpc):
            if held is not None:
                held.close()
        deadline = Deadline.after(self.options.grace_seconds + _KILL_SECONDS, self.clock)
        for worker in everyone:
            try:
                worker.process.wait(timeout=deadline.remaining_seconds())
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            _let_go(worker)
        self._workers.clear()
        self._leaving.clear()
        self._restart = None
        if self._counts is not None:
            shutil.rmtree(self._counts, ignore_errors=True)

    def _go_on(self, restart: _Restart, now: float) -> None:
        """Take the next step of a rolling restart, if it is time: nobody leaves before another answers."""
        coming = restart.coming
        if coming is None:
            if self._leaving:
                return
            if not restart.left:
                self._restart = None
                self.said("every worker was replaced")
                return
            restart.number = restart.left.pop(0)
            restart.coming = self._spawn(restart.number)
            return
        readable, _, _ = select.select([coming.report], [], [], 0)
        if not readable and now - coming.born <= _START_SECONDS:
            return
        if not readable or not os.read(coming.report, 1):
            coming.process.kill()
            coming.process.wait()
            _let_go(coming)
            self._restart = None
            self.said("a new worker did not come up; those that answer go on, and none is replaced any more")
            return
        old = self._workers.get(restart.number)
        self._workers[restart.number] = coming
        self._due.pop(restart.number, None)
        restart.coming = None
        if old is not None:
            old.leaves = now + self.options.grace_seconds + _KILL_SECONDS
            old.process.send_signal(signal.SIGUSR1)
            self._leaving.append(old)

    def _spawn(self, number: int) -> _Worker:
        """Start a worker; it says on its pipe that it is ready."""
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
            "wait_ms": self.options.wait_ms,
            "grace_seconds": self.options.grace_seconds,
            "linger_seconds": self.options.linger_seconds,
            "may_lose": self.options.may_lose,
            "log_json": self.options.log_json,
            "telemetry": self.options.telemetry,
            "grpc": None if self._grpc is None else _address(self._grpc),
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
        return _Worker(process=process, report=reading, born=self.clock.monotonic())

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
            "grpc": None if self._grpc is None else _address(self._grpc),
            "endpoints": [{**entry, "url": f"{url}/predict/{entry['endpoint']}"} for entry in ready["endpoints"]],
        }


def _reserve(host: str, port: int) -> socket.socket:
    """Hold a port on which each worker listens for itself: gRPC takes no socket that is open already.

    Raises
    ------
    InputError
        When the port cannot be used.
    MissingExtra
        When gRPC is not installed.
    """
    for module in ("google.protobuf", "grpc"):
        require(module, extra="grpc", purpose="serving over gRPC")
    held = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        held.bind((host, port))
    except (OSError, OverflowError) as error:
        held.close()
        raise InputError(f"{host}:{port} cannot be listened on: {error}; choose another with --grpc-port") from error
    return held


def _address(held: socket.socket) -> str:
    host, port = held.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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


def _ready(worker: _Worker) -> Mapping[str, Any]:
    with os.fdopen(worker.report, "rb", closefd=False) as stream:
        waiting, _, _ = select.select([stream], [], [], _START_SECONDS)
        line = stream.readline() if waiting else b""
    if not line:
        status = worker.process.poll()
        how = f"ended with status {status}" if status is not None else f"was not ready after {_START_SECONDS:.0f} s"
        raise StoreError(f"a worker of the gateway {how}; what it said stands above")
    found: Mapping[str, Any] = json.loads(line)
    return found


def _let_go(worker: _Worker) -> None:
    os.close(worker.report)
    if worker.process.stdin is not None:
        worker.process.stdin.close()
