"""The pages on a port of this machine."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from granian.constants import Interfaces

from tenfold.foundation.errors import InputError
from tenfold.gateway.listener import Listener
from tenfold.project.open import Project
from tenfold.web.app import app_of
from tenfold.web.guard import LOOPBACK

DEFAULT_PORT = 8470
_BACKLOG = 128
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0


@dataclass(slots=True)
class Pages:
    """The pages of a project, served by a thread of this process; `start`, and `stop` when it is enough.

    Parameters
    ----------
    host : str
        Loopback unless somebody says otherwise: nobody is asked who they are.
    port : int
        0: any that is free.
    hosts : collection of str
        Further names under which browsers may ask, besides ``host`` and those of loopback.
    option : str
        How to choose another port, where this one is taken: the end of the sentence that says so.
    """

    project: Project
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    hosts: Collection[str] = ()
    option: str = ""
    url: str = ""
    _socket: socket.socket | None = None
    _thread: threading.Thread | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _listener: Any = None
    _ready: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        """Take the port, so that nobody else has it when the pages are served.

        Raises
        ------
        InputError
            When the address cannot be used.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            listening = socket.create_server((self.host, self.port), family=family, backlog=_BACKLOG)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            where = f"{self.host}:{self.port}"
            raise InputError(f"{where} cannot be listened on: {reason}; choose another port{self.option}") from error
        listening.setblocking(False)
        self._socket = listening

    def start(self) -> str:
        """Serve, and return the address.

        Raises
        ------
        InputError
            When the address cannot be used.
        """
        if self._socket is None:
            self.listen()
        assert self._socket is not None
        listening, self._socket = self._socket, None
        host, port = listening.getsockname()[:2]
        self.url = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
        app = app_of(self.project, hosts={*LOOPBACK, self.host, *self.hosts})
        self._thread = threading.Thread(
            target=self._run, args=(app, listening.detach()), name="tenfold-pages", daemon=True
        )
        self._thread.start()
        self._ready.wait(_START_SECONDS)
        return self.url

    def stop(self) -> None:
        """Answer nothing more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._loop is not None and self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._listener.stop)
            self._thread.join(_STOP_SECONDS)

    def _run(self, app: Any, listening: int) -> None:
        asyncio.run(self._serve(app, listening))

    async def _serve(self, app: Any, listening: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = Listener(app, listening, interface=Interfaces.ASGI, backlog=_BACKLOG)
        self._listener.on_startup(self._ready.set)
        await self._listener.serve()
