"""What may be told of each request: as a line of JSON, or to traces. Told of nothing by default."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO

import orjson

from tenfold.foundation.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request for predictions, once it is over; nothing of what was asked or answered is in it.

    Attributes
    ----------
    request : str
        Its id.
    version : str or None
        What answered; None where it was refused.
    arrived, began, ended : float
        Seconds on the monotonic clock. ``began`` is when its scoring did, None where it was never begun.
    trace : str or None
        The header ``traceparent`` of W3C's Trace Context.
    """

    request: str
    endpoint: str
    version: str | None
    status: int
    rows: int
    arrived: float
    began: float | None
    ended: float
    trace: str | None = None


Visited = Callable[[Visit], None]


def to_all(told: Sequence[Visited]) -> Visited | None:
    """Return one that tells all of them; None where there is nobody."""
    if not told:
        return None

    def visited(visit: Visit) -> None:
        for each in told:
            each(visit)

    return visited


def lines(worker: int, clock: Clock, stream: TextIO | None = None) -> Visited:
    """Return one that writes each request as a line of JSON: to the standard error output, where nobody says where."""

    def visited(visit: Visit) -> None:
        facts = {
            "time": clock.now(),
            "worker": worker,
            "event": "request",
            "request_id": visit.request,
            "endpoint": visit.endpoint,
            "version": visit.version,
            "status": visit.status,
            "rows": visit.rows,
            "queue_ms": None if visit.began is None else round(1e3 * (visit.began - visit.arrived), 3),
            "ms": round(1e3 * (visit.ended - visit.arrived), 3),
            "traceparent": visit.trace,
        }
        # One write, so that the lines of several workers do not mix.
        (stream or sys.stderr).write(orjson.dumps(facts).decode() + "\n")

    return visited
