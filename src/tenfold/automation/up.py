"""Gateway, pages and passes under one parent: what dies is started again, and all end together."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tenfold.foundation.clock import Clock, SystemClock
from tenfold.gateway.server import Gateway

_CHECK_SECONDS = 0.1
_GRACE_SECONDS = 10.0


class Pages(Protocol):
    """What a browser looks at."""

    def listen(self) -> None:
        """Take the port."""
        ...

    def start(self) -> str:
        """Serve, and return the address."""
        ...

    def stop(self) -> None:
        """Answer nothing more."""
        ...


@dataclass(slots=True, kw_only=True)
class Household:
    """Gateway and pages, and one pass of ``tenfold tick`` after the other, each in a process of its own.

    A pass that fails is told of and tried again when the next one is due; the gateway goes on meanwhile.

    Attributes
    ----------
    project : Path
        The project's file or folder.
    every_seconds : float
        From the beginning of a pass to that of the next; a pass that takes longer delays it.
    said : callable
        Hears of what went wrong.
    """

    project: Path
    gateway: Gateway
    pages: Pages
    every_seconds: float
    said: Callable[[str], None]
    clock: Clock = field(default_factory=SystemClock)
    _pass: subprocess.Popen[bytes] | None = None
    _due: float = 0.0
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> Mapping[str, Any]:
        """Start gateway and pages and return what is served; the first pass begins at once."""
        # A port that is taken is told before any worker has begun.
        self.pages.listen()
        served: Mapping[str, Any] = {}
        try:
            served = self.gateway.start()
            page = self.pages.start()
        except BaseException:
            self.pages.stop()
            if served:
                self.gateway.stop()
            raise
        self._due = self.clock.monotonic()
        return {**served, "schema": "tenfold.up/1", "page": page, "tick_every_seconds": self.every_seconds}

    def run(self) -> int:
        """Go on until SIGTERM or SIGINT, then end all parts gently; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        try:
            while not self._stopping.wait(_CHECK_SECONDS):
                self.check()
        finally:
            self.stop()
        return 0

    def check(self) -> None:
        """Replace workers that have died, take note of a pass that has ended, and begin the next when it is due."""
        self.gateway.check()
        if self._pass is not None:
            status = self._pass.poll()
            if status is None:
                return
            self._pass = None
            if status != 0:
                self.said(f"a pass of `tenfold tick` ended with status {status}; the next one takes up its work")
        now = self.clock.monotonic()
        if now >= self._due:
            self._due = now + self.every_seconds
            self._pass = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", "tenfold.cli.main", "tick", "--project", str(self.project)],
                stdin=subprocess.DEVNULL,
                stdout=sys.__stderr__,
            )

    def stop(self) -> None:
        """End the pass, the pages and the gateway; what the pass had begun is taken up by the next."""
        if self._pass is not None and self._pass.poll() is None:
            self._pass.terminate()
            try:
                self._pass.wait(timeout=_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._pass.kill()
                self._pass.wait()
        self.pages.stop()
        self.gateway.stop()
