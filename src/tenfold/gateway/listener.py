"""Granian on a socket that is open already."""

from __future__ import annotations

from typing import Any

from granian import _granian
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

# Granian's type stubs leave out what it is made of: descriptor, whether of a Unix socket, backlog.
_SocketHolder: Any = _granian.SocketHolder


class Listener(Server):
    """A server on a socket that somebody opened before.

    Whoever owns the socket keeps what waits there while a worker is replaced, and tells that a port is taken before
    anything starts. The descriptor is closed when the server ends.
    """

    def __init__(self, target: Any, listening: int, *, interface: Interfaces, backlog: int):
        super().__init__(
            target,
            interface=interface,
            http=HTTPModes.http1,
            websockets=False,
            backlog=backlog,
            log_enabled=False,
        )
        self._socket: Any = _SocketHolder(listening, False, backlog)

    def _init_shared_socket(self) -> None:
        self._shd = self._socket
        self._sfd = self._socket.get_fd()
        self._ssp = None
