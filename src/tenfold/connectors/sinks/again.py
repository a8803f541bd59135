"""A broken connection is opened again, with pauses that grow: a server that restarts needs its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tenfold.connectors.sinks.protocols import ConnectionLost

Opened = TypeVar("Opened")

_PAUSES_SECONDS = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


def opened_again(close: Callable[[], None], connect: Callable[[], Opened]) -> Opened:
    """Close what is left of a connection and return a new one.

    Raises
    ------
    ConnectionLost
        When the last attempt fails as well.
    """
    for pause in _PAUSES_SECONDS[:-1]:
        time.sleep(pause)
        close()
        try:
            return connect()
        except ConnectionLost:
            continue
    time.sleep(_PAUSES_SECONDS[-1])
    close()
    return connect()
