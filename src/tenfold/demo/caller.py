"""Whoever asks for predictions over HTTP, and counts what came back."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import polars as pl

from tenfold.demo.flights import ID, TIME, in_pieces, instances
from tenfold.foundation.clock import Clock

ROWS = 1000
"""Flights in one request while the replay goes fast."""
PAUSE_SECONDS = 0.1
"""While a pass is at work flights are asked for one by one, this often, so that a swap happens under traffic."""
_TIMEOUT_SECONDS = 60.0
_SWAP_SECONDS = 15.0


@dataclass(slots=True)
class Counted:
    """Requests sent and failed: in all, and while a version was being replaced."""

    sent: int = 0
    failed: int = 0
    rows: int = 0
    sent_meanwhile: int = 0
    failed_meanwhile: int = 0
    failures: list[str] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Stream:
    """Flights that are being sent: how many were, which version answered last, and whether none are left."""

    rows: int = 0
    version: str = ""
    ended: bool = False
    stop: threading.Event = field(default_factory=threading.Event)

    def wait_for(self, ref: str, clock: Clock) -> float | None:
        """Wait until this version answers; return the seconds that took, None when it did not come."""
        began = clock.monotonic()
        while (waited := clock.monotonic() - began) < _SWAP_SECONDS and not self.ended:
            if self.version == ref:
                return waited
            self.stop.wait(PAUSE_SECONDS / 2)
        return None


class Caller:
    """Sends flights to the gateway.

    Parameters
    ----------
    url : str
        Of the endpoint.
    columns : tuple of str
        What the model reads.
    """

    def __init__(self, url: str, columns: tuple[str, ...]):
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname or "127.0.0.1", parts.port, parts.path
        self._columns = columns
        self._connection: http.client.HTTPConnection | None = None
        self.counted = Counted()

    def send(self, flights: pl.DataFrame, *, rows: int = ROWS) -> None:
        """Ask for all these flights, in requests of so many, over a connection of their own."""
        for piece in in_pieces(flights, rows):
            self._ask(piece, meanwhile=False)
        self.close()

    @contextmanager
    def sending(self, flights: pl.DataFrame) -> Iterator[Stream]:
        """Send these flights one by one while the block runs, over a connection of their own."""
        stream = Stream()

        def work() -> None:
            for piece in in_pieces(flights, 1):
                if stream.stop.is_set():
                    return
                stream.version = self._ask(piece, meanwhile=True)
                stream.rows += piece.height
                stream.stop.wait(PAUSE_SECONDS)
            stream.ended = True

        thread = threading.Thread(target=work, name="caller")
        thread.start()
        try:
            yield stream
        finally:
            stream.stop.set()
            thread.join()
            self.close()

    def close(self) -> None:
        """End the connection: the gateway need not keep one that is not used."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, flights: pl.DataFrame, *, meanwhile: bool) -> str:
        """Send one request, and return the version that answered; empty when it failed."""
        body = orjson.dumps({"instances": instances(flights, self._columns), "ids": flights[ID].to_list()})
        moment = flights[TIME][0]
        assert isinstance(moment, datetime)
        status, reply = self._post(body, moment)
        good = status == http.client.OK and len(reply.get("predictions", ())) == flights.height
        counted = self.counted
        counted.sent += 1
        counted.rows += flights.height if good else 0
        counted.sent_meanwhile += meanwhile
        if not good:
            counted.failed += 1
            counted.failed_meanwhile += meanwhile
            counted.failures.append(f"{status}: {reply.get('error', '')}")
            return ""
        version = str(reply["version"])
        counted.versions[version] = counted.versions.get(version, 0) + flights.height
        return version

    def _post(self, body: bytes, moment: datetime) -> tuple[int, Mapping[str, Any]]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS)
        headers = {"content-type": "application/json", "x-tenfold-at": moment.isoformat()}
        try:
            self._connection.request("POST", self._path, body, headers)
            answer = self._connection.getresponse()
            reply: Mapping[str, Any] = orjson.loads(answer.read())
        except (OSError, http.client.HTTPException, orjson.JSONDecodeError) as error:
            self._connection = None
            return 0, {"error": f"{type(error).__name__}: {error}"}
        return answer.status, reply
