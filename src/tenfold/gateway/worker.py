"""One worker of the gateway: a process of its own that answers on a socket which its parent owns."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from granian.constants import Interfaces

from tenfold.foundation.clock import Clock, Deadline, SystemClock
from tenfold.foundation.personal import mask_personal
from tenfold.foundation.serial import from_json
from tenfold.gateway.admission import AdmissionLimits
from tenfold.gateway.app import Application, AppOptions
from tenfold.gateway.limits import Limits
from tenfold.gateway.listener import DoorLoop, Listener, serve
from tenfold.gateway.peers import Peers
from tenfold.gateway.visits import Visited, lines, to_all
from tenfold.gateway.watch import Watch
from tenfold.store.predictions.log import PredictionLog

_BACKLOG = 1024
_LIFELINE = 0
_BEAT_SECONDS = 1.0
_LOOK_SECONDS = 0.02
_LAST_LINGER_SECONDS = 1.0
"""Where nobody takes over, clients that say nothing are not waited for as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What a worker is told at its start.

    Attributes
    ----------
    folder : Path
        The store's.
    endpoints : tuple of str
        What to serve; empty: all that is published.
    worker : int
        Its number among the workers.
    grpc : str or None
        The address of the other door, which the workers share; None where there is none.
    listening, report : int
        Descriptors: the socket to answer on, and a pipe to say on that it is ready.
    counts : Path or None
        Where workers leave their counts for each other.
    wait_ms : int
        How long a request may be expected to wait for its scoring.
    grace_seconds : float
        How long requests under way may take once the worker is told to end.
    linger_seconds : float
        How long clients that keep their connections are given to hear that this worker ends.
    """

    folder: Path
    endpoints: tuple[str, ...]
    worker: int
    listening: int
    report: int
    counts: Path | None
    durable: bool
    replay: bool
    wait_ms: int
    grace_seconds: float
    linger_seconds: float
    may_lose: bool = False
    log_json: bool = False
    telemetry: bool = False
    grpc: str | None = None


def run(options: WorkerOptions) -> None:
    """Answer until the parent is gone or says that it is enough; requests under way are finished."""
    said = _teller(options.worker, as_json=options.log_json)
    _allow_connections()
    clock = SystemClock()
    watch = Watch(folder=options.folder, only=options.endpoints, clock=clock, said=said)
    watch.look()
    log = PredictionLog(options.folder, worker=options.worker, clock=clock, told=said, may_lose=options.may_lose)
    told: list[Visited] = [lines(options.worker, clock)] if options.log_json else []
    end_traces = _untraced
    if options.telemetry:
        from tenfold.gateway.telemetry import traces

        traced, end_traces = traces(options.worker, clock)
        told.append(traced)
    peers = Peers(folder=options.counts, worker=options.worker, process=os.getpid())
    application = Application(
        watch=watch,
        log=log,
        peers=peers,
        clock=clock,
        options=AppOptions(
            durable=options.durable,
            replay=options.replay,
            admission=AdmissionLimits(wait_seconds=options.wait_ms / 1000),
            visited=to_all(told),
        ),
        said=said,
    )
    # What is loaded stays: a collection need not look at it again and again.
    gc.collect()
    gc.freeze()
    watch.start(lambda: peers.leave(application.samples()))
    try:
        with asyncio.Runner(loop_factory=DoorLoop) as runner:
            runner.run(_serve(application, options, clock))
    finally:
        watch.stop()
        application.close()
        log.close()
        end_traces()
        peers.end(application.samples())


async def _serve(application: Application, options: WorkerOptions, clock: Clock) -> None:
    listener: Any = Listener(application, options.listening, interface=Interfaces.RSGI, backlog=_BACKLOG)
    loop = asyncio.get_running_loop()
    drained: list[asyncio.Task[None]] = []
    door: Any = None
    if options.grpc is not None:
        from tenfold.gateway.rpc.server import Service, start

        door, _ = await start(Service(application), options.grpc, Limits())

    def end(*, others: bool) -> None:
        if not drained:
            drained.append(loop.create_task(_drain(application, listener, options, clock, others=others)))
            if door is not None:
                drained.append(loop.create_task(door.stop(options.grace_seconds)))

    # Ctrl-C reaches every process of a terminal; when to end is the parent's to say. So does the end of a terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    loop.add_signal_handler(signal.SIGTERM, lambda: end(others=False))
    loop.add_signal_handler(signal.SIGUSR1, lambda: end(others=True))

    def on_lifeline() -> None:
        if not os.read(_LIFELINE, 1):
            loop.remove_reader(_LIFELINE)
            end(others=False)

    loop.add_reader(_LIFELINE, on_lifeline)

    def beat() -> None:
        application.beat()
        loop.call_later(_BEAT_SECONDS, beat)

    beat()

    def tell_ready() -> None:
        # Who starts a worker in the place of a dead one does not wait to hear this.
        with suppress(BrokenPipeError), os.fdopen(options.report, "wb") as stream:
            stream.write(orjson.dumps(application.readiness()) + b"\n")

    listener.on_startup(tell_ready)
    await serve(listener, application)
    if door is not None:
        # Calls under way are finished; who keeps a connection hears that it ends.
        await door.stop(options.grace_seconds)


async def _drain(
    application: Application, listener: Listener, options: WorkerOptions, clock: Clock, *, others: bool
) -> None:
    """End without failing anybody: every answer is now the last of its connection, until no connection is left.

    ``others``: there are workers that take what waits at the socket, so this one accepts nothing more.
    """
    with socket.socket(fileno=os.dup(options.listening)) as listening:
        port = listening.getsockname()[1]
    application.drain()
    if others:
        listener.deafen()
    linger = Deadline.after(options.linger_seconds if others else _LAST_LINGER_SECONDS, clock)
    grace = Deadline.after(options.grace_seconds, clock)
    while listener.connections(port) and not grace.expired:
        if linger.expired and not application.busy():
            break
        await asyncio.sleep(_LOOK_SECONDS)
    stopped: Any = listener
    stopped.stop()


def _allow_connections() -> None:
    """Let this process have as many open files as the system allows it: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _untraced() -> None:
    """End nothing: there are no traces."""


def _teller(worker: int, *, as_json: bool) -> Callable[[str], None]:
    handler = logging.StreamHandler(sys.stderr)
    if as_json:
        handler.setFormatter(_Lines(worker))
    else:
        handler.setFormatter(logging.Formatter(f"%(asctime)s gateway {worker} %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logger = logging.getLogger("tenfold.gateway")
    # An error inside may quote what it choked on.
    return lambda sentence: logger.info("%s", mask_personal(sentence))


class _Lines(logging.Formatter):
    """Sentences as lines of JSON."""

    def __init__(self, worker: int):
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        facts = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "worker": self._worker,
            "event": "message",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        return orjson.dumps(facts).decode()


if __name__ == "__main__":
    run(from_json(WorkerOptions, sys.argv[1]))
