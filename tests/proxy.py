"""A connection that breaks when a test says so: TCP in front of a real server, which listens on a socket of its own."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

Break = Literal["before", "after", "unnoticed"]
"""How a connection breaks at a COMMIT.

``before``: the server never gets it. ``after``: the server has done it, and its answer does not arrive. ``unnoticed``:
the server never gets it, nor that the client is gone: the session stays there with what it holds.
"""

_MYSQL_QUERY = 3


class Proxy:
    """Hands on what client and server say, and breaks the connections that a test wants broken.

    Parameters
    ----------
    server : str
        The socket in the file system on which the server listens.
    breaks : callable
        Says of the n-th COMMIT of all connections, counted from 1, how the connection breaks there; None: not at all.

    Attributes
    ----------
    port : int
        Where it listens on this machine.
    commits, broken : int
        How many it has seen, and how many of their connections broke.
    """

    def __init__(self, server: str, breaks: Callable[[int], Break | None]):
        self._server = server
        self._breaks = breaks
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.port = int(self._listener.getsockname()[1])
        self.commits = 0
        self.broken = 0

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            _end(each)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

    def _begin(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._sockets += [client, server]
            try:
                server.connect(self._server)
            except OSError:
                # A server that is not there: the client is told so as a gateway in front of it would.
                _end(client)
                continue
            self._begin(lambda client=client, server=server: self._hand_on(client, server))  # type: ignore[misc]

    def _hand_on(self, client: socket.socket, server: socket.socket) -> None:
        how: Break | None = None
        with suppress(OSError):
            while how is None:
                readable, _, _ = select.select([client, server], [], [])
                if server in readable:
                    said = server.recv(1 << 16)
                    if not said:
                        break
                    client.sendall(said)
                if client in readable:
                    said = client.recv(1 << 16)
                    if not said:
                        break
                    how = self._at(said)
                    if how in {None, "after"}:
                        server.sendall(said)
            if how == "after":
                # What the server answers is read to know that it is done, and kept.
                server.recv(1 << 16)
        _end(client)
        if how != "unnoticed":
            _end(server)

    def _at(self, said: bytes) -> Break | None:
        if not _is_commit(said):
            return None
        with self._lock:
            self.commits += 1
            how = self._breaks(self.commits)
            self.broken += how is not None
        return how


def _is_commit(said: bytes) -> bool:
    """Whether what a client says begins with the query COMMIT, in the protocol of PostgreSQL or of MySQL."""
    postgresql = said[:1] == b"Q" and said[5:11] == b"COMMIT"
    return postgresql or (said[4:5] == bytes([_MYSQL_QUERY]) and said[5:11] == b"COMMIT")


def _end(each: socket.socket) -> None:
    """End a conversation; the socket itself stays until nobody looks at it any more."""
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
