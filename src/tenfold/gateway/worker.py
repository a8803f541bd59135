"""One worker of the gateway: a process of its own that answers on a socket which its parent owns."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from granian.constants import Interfaces

from tenfold.foundation.clock import SystemClock
from tenfold.foundation.personal import mask_personal
from tenfold.foundation.serial import from_json
from tenfold.gateway.app import Application, AppOptions
from tenfold.gateway.listener import Listener
from tenfold.gateway.peers import Peers
from tenfold.gateway.watch import Watch
from tenfold.store.predictions.log import PredictionLog

_BACKLOG = 1024
_LIFELINE = 0


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
    listening, report : int
        Descriptors: the socket to answer on, and a pipe to say on that it is ready.
    counts : Path or None
        Where workers leave their counts for each other.
    """

    folder: Path
    endpoints: tuple[str, ...]
    worker: int
    listening: int
    report: int
    counts: Path | None
    durable: bool
    replay: bool


def run(options: WorkerOptions) -> None:
    """Answer until the parent is gone or says that it is enough; requests under way are finished."""
    said = _teller(options.worker)
    clock = SystemClock()
    watch = Watch(folder=options.folder, only=options.endpoints, clock=clock, said=said)
    watch.look()
    log = PredictionLog(options.folder, worker=options.worker, clock=clock, told=said)
    peers = Peers(folder=options.counts, worker=options.worker)
    application = Application(
        watch=watch,
        log=log,
        peers=peers,
        clock=clock,
        options=AppOptions(durable=options.durable, replay=options.replay),
        said=said,
    )
    watch.start(lambda: peers.leave(application.samples()))
    try:
        asyncio.run(_serve(application, options))
    finally:
        watch.stop()
        application.close()
        log.close()


async def _serve(application: Application, options: WorkerOptions) -> None:
    listener: Any = Listener(application, options.listening, interface=Interfaces.RSGI, backlog=_BACKLOG)
    loop = asyncio.get_running_loop()
    # Ctrl-C reaches every process of a terminal; when to end is the parent's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop.add_signal_handler(signal.SIGTERM, listener.stop)

    def on_lifeline() -> None:
        if not os.read(_LIFELINE, 1):
            loop.remove_reader(_LIFELINE)
            listener.stop()

    loop.add_reader(_LIFELINE, on_lifeline)

    def tell_ready() -> None:
        # Who starts a worker in the place of a dead one does not wait to hear this.
        with suppress(BrokenPipeError), os.fdopen(options.report, "wb") as stream:
            stream.write(orjson.dumps(application.readiness()) + b"\n")

    listener.on_startup(tell_ready)
    await listener.serve()


def _teller(worker: int) -> Callable[[str], None]:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format=f"%(asctime)s gateway {worker} %(message)s", datefmt="%H:%M:%S"
    )
    logger = logging.getLogger("tenfold.gateway")
    # An error inside may quote what it choked on.
    return lambda sentence: logger.info("%s", mask_personal(sentence))


if __name__ == "__main__":
    run(from_json(WorkerOptions, sys.argv[1]))
