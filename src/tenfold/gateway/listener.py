"""Granian on a socket that is open already, and the door at which its requests arrive."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from contextlib import suppress
from typing import Any, Protocol

from granian import _granian
from granian._granian import RSGIProtocolClosed, RSGIProtocolError
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import AsyncWorker, Server

from tenfold.gateway.admission import Ticket

# Granian's type stubs leave out what it is made of: descriptor, whether of a Unix socket, backlog.
_SocketHolder: Any = _granian.SocketHolder
_Scheduler: Any = _granian.CallbackScheduler
_MOST_CONNECTIONS = 16_384
_OPEN_FILES = "/dev/fd"
_GONE = object()
_LOOK_SECONDS = 1.0
"""How often bodies are looked for that do not come."""


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
            # Whom granian does not accept waits in the kernel and hears nothing: here every connection is taken, and
            # what is too much is refused in words.
            backpressure=_MOST_CONNECTIONS,
            log_enabled=False,
        )
        self._listening = listening
        self._socket: Any = _SocketHolder(listening, False, backlog)

    def _init_shared_socket(self) -> None:
        self._shd = self._socket
        self._sfd = self._socket.get_fd()
        self._ssp = None

    def deafen(self) -> None:
        """Accept no more connections, and go on with those there are: others take what waits at the socket.

        Granian can only stop accepting and close idle connections in one, which fails whoever sends at that moment.
        The descriptor is made one of a socket to which nobody can connect.
        """
        with socket.socket() as deaf:
            os.dup2(deaf.fileno(), self._listening, inheritable=False)

    def connections(self, port: int) -> int:
        """Return how many connections to the port are open in this process."""
        return sum(_is_connection(int(name), port) for name in os.listdir(_OPEN_FILES))  # noqa: PTH208 - numbers


def _is_connection(descriptor: int, port: int) -> bool:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as found:
            if found.family not in (socket.AF_INET, socket.AF_INET6) or found.getsockname()[1] != port:
                return False
            found.getpeername()
    except OSError:
        # No socket, one that listens, or one that is closed already.
        return False
    return True


class Answering(Protocol):
    """What answers requests that come through the door."""

    def at_door(self, scope: Any, proto: Any) -> Ticket | None:
        """Return a ticket, or answer at once, on the server's own thread, what needs no waiting."""
        ...

    async def answer(self, scope: Any, proto: Any, ticket: Ticket, body: Coming | None = None) -> None:
        """Answer a request that was let in; ``body`` is there where it was read already."""
        ...

    def answer_promptly(self, scope: Any, proto: Any, ticket: Ticket, body: Coming) -> bool:
        """Answer a request whose body is there on the server's own thread; False: it has to wait for its turn."""
        ...

    def answer_late(self, scope: Any, proto: Any, ticket: Ticket) -> None:
        """Refuse a request whose body does not come."""
        ...

    @property
    def body_seconds(self) -> float:
        """How long a body may take to arrive."""
        ...


class Coming:
    """A body that is being read, and the request that it belongs to.

    Granian calls it, by the loop's `call_soon_threadsafe`, when the body is there or will not come.
    """

    __slots__ = ("_body", "_door", "_failed", "_future", "ticket", "watcher")

    def __init__(self, door: Door, watcher: Any, ticket: Ticket):
        self._door = door
        self.watcher = watcher
        self.ticket = ticket
        self._body = b""
        self._failed: Exception | None = None
        self._future: Any = watcher.proto()
        self._future.add_done_callback(self)

    def __call__(self, future: Any) -> None:
        if self._future is None:
            return
        # The future holds this object for good, and nothing collects a circle that goes through granian.
        self._future = None
        try:
            self._body = future.result()
        except (RSGIProtocolError, RSGIProtocolClosed) as error:
            self._failed = error.with_traceback(None)
        self._door.arrived(self)

    def read(self) -> bytes:
        """Return the body.

        Raises
        ------
        RSGIProtocolError, RSGIProtocolClosed
            When it ended before it was whole.
        """
        if self._failed is not None:
            raise self._failed
        return self._body

    def drop(self) -> None:
        """Read no more of it."""
        future, self._future = self._future, None
        if future is not None:
            future.cancel()


class DoorLoop(asyncio.SelectorEventLoop):
    """An event loop that is not woken for bodies which the door's own thread can answer."""

    def call_soon_threadsafe(  # type: ignore[override]  # granian asks for no handle
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle | None:
        if type(callback) is Coming:
            callback(*args)
            return None
        return super().call_soon_threadsafe(callback, *args, context=context)


class Door:
    """Takes requests as soon as the server has read their heads.

    Granian parses requests on a thread of its own and hands them over one by one. Here each gets its time of arrival,
    whatever the event loop is busy with; what is too much, and the question whether anybody is alive, are answered on
    that thread. So is, once its body is there, what is scored in next to no time while nobody waits. All else that has
    come since the loop's last turn is taken over by one wake-up.
    """

    def __init__(self, application: Answering, loop: asyncio.AbstractEventLoop):
        self._application = application
        self._loop = loop
        self._prompt = isinstance(loop, DoorLoop)
        self._come: deque[tuple[Any, Ticket, Coming | None]] = deque()
        self._awake = False
        # Bodies that are being read, the oldest first; who takes one out answers its request.
        self._awaited: dict[Coming, object] = {}

    def take(self, watcher: Any) -> None:
        """Take a request over from granian's thread."""
        ticket = self._application.at_door(watcher.scope, watcher.proto)
        if ticket is None:
            watcher.done()
            return
        if ticket.prompt and self._prompt:
            self._awaited[Coming(self, watcher, ticket)] = None
        else:
            self._hand_over(watcher, ticket, None)

    def arrived(self, body: Coming) -> None:
        """Answer a request whose body is there, or hand it over to the event loop."""
        watcher, ticket = body.watcher, body.ticket
        if self._awaited.pop(body, _GONE) is _GONE:
            return
        if self._application.answer_promptly(watcher.scope, watcher.proto, ticket, body):
            watcher.done()
        else:
            self._hand_over(watcher, ticket, body)

    def look(self) -> None:
        """Refuse the requests whose bodies do not come, now and from time to time."""
        seconds = self._application.body_seconds
        late = self._loop.time() - seconds
        for body in list(self._awaited):
            if body.ticket.arrived > late:
                break
            if self._awaited.pop(body, _GONE) is not _GONE:
                self._application.answer_late(body.watcher.scope, body.watcher.proto, body.ticket)
                body.watcher.done()
                body.drop()
        self._loop.call_later(min(_LOOK_SECONDS, seconds / 4), self.look)

    def _hand_over(self, watcher: Any, ticket: Ticket, body: Coming | None) -> None:
        self._come.append((watcher, ticket, body))
        if not self._awake:
            self._awake = True
            # A loop that is closed already has no use for it.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._let_in)

    def _let_in(self) -> None:
        self._awake = False
        while self._come:
            watcher, ticket, body = self._come.popleft()
            watcher.taskref(self._loop.create_task(self._answer(watcher, ticket, body)))

    async def _answer(self, watcher: Any, ticket: Ticket, body: Coming | None) -> None:
        try:
            await self._application.answer(watcher.scope, watcher.proto, ticket, body)
        except BaseException as error:
            watcher.err(error)
            raise
        watcher.done()


async def serve(listener: Listener, application: Answering) -> None:
    """Answer what comes to a listener through a door, until it is stopped."""

    async def spawn(worker: int, ended: Any, *rest: Any) -> None:
        _, sock, loop, *_ = rest
        over = loop.create_future()
        ended.add_cb(lambda: loop.call_soon_threadsafe(over.set_result, None))
        server: Any = _granian.RSGIWorker
        running = server(
            worker,
            sock,
            None,
            listener.runtime_threads,
            listener.runtime_blocking_threads,
            listener.blocking_threads,
            listener.blocking_threads_idle_timeout,
            listener.backpressure,
            listener.http,
            listener.http1_settings,
            listener.http2_settings,
            listener.websockets,
            None,
            *listener.ssl_ctx,
            (None, None),
        )
        door = Door(application, loop)
        door.look()
        scheduler = _DoorScheduler(loop, door, None, None, None)
        running.serve_async(scheduler, loop, ended)
        await over

    serving: Any = listener
    worker_of: Any = AsyncWorker
    await serving.serve(worker_of.wrap_target(spawn))


class _DoorScheduler(_Scheduler):  # type: ignore[misc]  # the stubs do not say what it is
    """Hands what granian has parsed to a door; the arguments are those of granian's own schedulers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, door: Door, *_: None):
        super().__init__()
        self._schedule_fn = door.take
