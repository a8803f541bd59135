"""Calls in parallel processes of this machine, with deadlines that hold."""

from __future__ import annotations

import json
import math
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, Self, TypeVar

from tenfold.engine import nursery
from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import CallLost
from tenfold.foundation.errors import TenfoldError

Item = TypeVar("Item")
Result = TypeVar("Result")

_START = (
    "import json, sys; arguments = json.loads(sys.argv[1]); sys.path[:] = arguments['path']; "
    "from tenfold.engine.nursery import main; "
    "main(arguments['descriptor'], arguments['preload'], once=arguments['once'])"
)
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


class WorkerDied(TenfoldError):
    """A worker process ended in the middle of a call."""


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class CallDied(CallLost, WorkerDied):
    """A worker process ended in the middle of a call, and so did the one that tried again."""


_ATTEMPTS = 2
"""Calls are pure, so one whose worker was killed is made again, once: memory may have run out for a moment."""


_FEW = 2
"""So few workers import what they need each for itself: one more copy, to fork them from, would cost more memory."""


@dataclass(frozen=True, slots=True)
class _Worker:
    pid: int
    connection: Connection


class ProcessMap:
    """A `ParallelMap` over worker processes that are kept from call to call.

    Parameters
    ----------
    workers : int
        How many calls run at once.
    preload : sequence of str
        Modules to import before the first call: the libraries of the calls to come. Many workers are forked from a
        process that has them, so none of them may start threads when it is imported, and polars is not among them.
    threads : int
        Threads that numeric libraries may use in each worker, unless the environment says otherwise.
    """

    def __init__(self, workers: int | None = None, *, preload: Sequence[str] = (), threads: int = 1):
        self._count = workers or usable_cores()
        self._preload = list(preload)
        self._threads = threads
        self._nursery: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ordered: list[Connection] = []
        self._idle: list[_Worker] = []
        self._mapping = False

    @property
    def workers(self) -> int:
        return self._count

    def start(self) -> None:
        """Start to import what is to be preloaded, while the caller does something else."""
        if self._nursery is not None:
            return
        ours, theirs = socket.socketpair()
        few = self._count <= _FEW
        arguments = {"path": sys.path, "descriptor": theirs.fileno(), "preload": self._preload, "once": not few}
        environment = {name: str(self._threads) for name in _THREADS} | dict(os.environ)
        self._nursery = subprocess.Popen(  # noqa: S603 - this interpreter, running our own module
            [sys.executable, "-c", _START, json.dumps(arguments)],
            stdin=subprocess.DEVNULL,
            # What libraries print belongs to the log: stdout is for the command's one document.
            stdout=2,
            pass_fds=[theirs.fileno()],
            env=environment,
            # Ctrl-C is for the parent to answer: it lets go of the socket, and everyone below goes.
            start_new_session=True,
        )
        theirs.close()
        self._control = ours
        for _ in range(self._count if few else 0):
            self._order_worker()

    def __call__(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, deadline: Deadline | None = None
    ) -> Iterator[tuple[int, Result]]:
        if self._mapping:
            raise RuntimeError("these workers are in the middle of another map: finish or close that one first")
        self._mapping = True
        deadline = deadline or Deadline()
        queue = enumerate(items)
        following = next(queue, None)
        busy: dict[Connection, tuple[_Worker, int, bytes]] = {}
        again: list[tuple[int, bytes]] = []
        deaths: Counter[int] = Counter()
        try:
            while not deadline.expired:
                while (again or following is not None) and len(busy) < self._count:
                    if again:
                        index, call = again.pop()
                    else:
                        assert following is not None
                        index, call = following[0], pickle.dumps((function, following[1]))
                        following = next(queue, None)
                    worker = self._enlist(deadline)
                    if worker is None:
                        return
                    try:
                        self._hand_over(worker, index, call)
                    except CallDied as died:
                        self._forgive(died, deaths)
                        again.append((index, call))
                        continue
                    busy[worker.connection] = (worker, index, call)
                if not busy:
                    return
                for connection in wait(list(busy), _seconds(deadline)):
                    assert isinstance(connection, Connection)
                    worker, index, call = busy.pop(connection)
                    try:
                        succeeded, result = self._hear(worker, index)
                    except CallDied as died:
                        self._forgive(died, deaths)
                        again.append((index, call))
                        continue
                    self._idle.append(worker)
                    if not succeeded:
                        raise result
                    yield index, result
        finally:
            # Whoever still works now is late, or works for nobody.
            self._mapping = False
            for worker, _, _ in busy.values():
                self._end(worker)

    def close(self) -> None:
        """End all workers at once: they are idle, and an interpreter's orderly end takes seconds."""
        for worker in self._idle:
            os.kill(worker.pid, signal.SIGKILL)
            worker.connection.close()
        self._idle.clear()
        # Nobody knows their numbers yet; they end when nobody is at the other side.
        for connection in self._ordered:
            connection.close()
        self._ordered.clear()
        # First the process, then the socket: it would complain of answers that nobody reads.
        if self._nursery is not None:
            self._nursery.kill()
            self._nursery.wait()
        if self._control is not None:
            self._control.close()
        self._nursery = self._control = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _enlist(self, deadline: Deadline) -> _Worker | None:
        """Return an idle worker, or a new one; None when the deadline passes while libraries are imported."""
        if self._idle:
            return self._idle.pop()
        self.start()
        if not self._ordered:
            self._order_worker()
        control = self._open_control()
        try:
            control.settimeout(_seconds(deadline))
            self._meet()
        except TimeoutError:
            # The answer would come in the middle of the next exchange: a new nursery is simpler than a resumed one.
            self._drop_nursery()
            return None
        control.settimeout(None)
        return self._idle.pop()

    def _order_worker(self) -> None:
        """Ask for a worker; the answers are the numbers of workers, in the order in which they were asked for."""
        ours, theirs = socket.socketpair()
        with theirs:
            connection = Connection(ours.detach())
            self._ordered.append(connection)
            try:
                socket.send_fds(self._open_control(), [nursery.FORK], [theirs.fileno()])
            except BrokenPipeError as error:
                raise WorkerDied("the process that starts workers is gone; its messages above say why") from error

    def _meet(self) -> None:
        """Hear the numbers of all workers that were asked for."""
        while self._ordered:
            pid = self._read_number(self._open_control())
            self._idle.append(_Worker(pid=pid, connection=self._ordered.pop(0)))

    def _hand_over(self, worker: _Worker, index: int, call: bytes) -> None:
        try:
            worker.connection.send_bytes(call)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._death_of(worker, index) from error

    def _hear(self, worker: _Worker, index: int) -> tuple[bool, Any]:
        try:
            content = worker.connection.recv_bytes()
        except (EOFError, ConnectionResetError) as error:
            raise self._death_of(worker, index) from error
        answer: tuple[bool, Any] = pickle.loads(content)  # noqa: S301 - from our own worker, through a private socket
        return answer

    @staticmethod
    def _forgive(died: CallDied, deaths: Counter[int]) -> None:
        """Count a death, and raise it when its call has had all its attempts."""
        deaths[died.index] += 1
        if deaths[died.index] >= _ATTEMPTS:
            raise died

    def _death_of(self, worker: _Worker, index: int) -> CallDied:
        status = self._end(worker)
        how = f"with status {status}"
        if status < 0:
            how = f"by signal {signal.Signals(-status).name}"
        if status == -signal.SIGKILL:
            how += ", which the system sends when memory runs out"
        return CallDied(
            f"worker process {worker.pid} ended {how}, in the middle of call {index}; what finished before is kept: "
            "run again with fewer workers, or inline to see where it ends",
            index=index,
        )

    def _end(self, worker: _Worker) -> int:
        """Kill a worker, if it still lives, and return the status with which it ended: negative for a signal."""
        worker.connection.close()
        # Until the nursery has waited for it, the number is not given to another process.
        os.kill(worker.pid, signal.SIGKILL)
        self._meet()
        control = self._open_control()
        control.sendall(nursery.WAIT + nursery.NUMBER.pack(worker.pid))
        return self._read_number(control)

    def _read_number(self, control: socket.socket) -> int:
        try:
            content = nursery.receive(control, nursery.NUMBER.size)
        except (EOFError, ConnectionResetError) as error:
            raise WorkerDied("the process that starts workers is gone; its messages above say why") from error
        number: int = nursery.NUMBER.unpack(content)[0]
        return number

    def _open_control(self) -> socket.socket:
        if self._control is None:
            raise WorkerDied("the process that starts workers is gone")
        return self._control

    def _drop_nursery(self) -> None:
        assert self._nursery is not None
        self._nursery.kill()
        self.close()


def _seconds(deadline: Deadline) -> float | None:
    """Return the time left as a timeout: None for no limit."""
    left = deadline.remaining_seconds()
    return None if math.isinf(left) else left
