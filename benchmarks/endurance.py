"""The gateway asked for more than it can do: what it still answers, and how soon it says no.

    python benchmarks/endurance.py [--seconds 60] [--model-ms 5] [--times 2 5] [--rounds 3] [--workers 1]

A model is made whose scoring of one row takes as long as asked (so many trees). First the capacity is measured: eight
clients that ask as fast as they are answered. Then requests come at a fixed rate of so many times the capacity, each
on a connection that is kept, whatever the answers are: printed are the goodput as a share of the capacity, the 50th
and 99th percentile of answered and of refused requests, of `/healthz` asked ten times a second meanwhile, and how
long after the end an answer takes no longer than it did before. In the end answers and the prediction log are held
against each other. Needs a machine with a core for the clients beside those of the workers.

A machine is not the same from minute to minute. So the capacity is measured anew before and after each overload, which
is cut into ``--rounds`` parts, and the goodput of a part is a share of the mean of the two capacities beside it. The
processor time of the workers is told of each phase: by it one sees whether a share that is missing went to refusing, or
to somebody else's work.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.unit.gateway.gateway_scene import (
    ENDPOINT,
    ROW,
    Running,
    body_of,
    boosted,
    release,
    route,
    running,
)

from tenfold.bundle.model import Model
from tenfold.store.predictions.reader import read_predictions

REQUEST = (
    f"POST /predict/{ENDPOINT} HTTP/1.1\r\nhost: gateway\r\n"
    "content-type: application/json\r\ncontent-length: %d\r\n\r\n"
)
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: gateway\r\n\r\n"


@dataclass
class Connection:
    """A connection that is kept."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def to(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> tuple[int, float]:
        """Return the status and how long it took, in seconds."""
        began = time.perf_counter()
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await self.reader.readexactly(int(length.partition(b":")[2]))
        return int(head[9:12]), time.perf_counter() - began


@dataclass
class Found:
    """What clients saw."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    healthy: list[float] = field(default_factory=list)
    odd: list[int] = field(default_factory=list)

    def note(self, status: int, seconds: float) -> None:
        if status == 200:
            self.answered.append(seconds)
        elif status in {429, 503}:
            self.refused.append(seconds)
        else:
            self.odd.append(status)


def made(milliseconds: float) -> Model:
    """The tests' model with so many copies of its parts that the tests' row takes as long as asked."""
    whole = boosted(1)

    def copies(count: int) -> Model:
        parts = tuple(replace(part, weight=part.weight / count) for part in whole.parts for _ in range(count))
        return replace(whole, parts=parts)

    from tenfold.gateway.version import Version

    def taken(count: int) -> float:
        version = Version.of(copies(count), endpoint=ENDPOINT, ref="members@1", bundle="1")
        shortest = float("inf")
        for _ in range(7):
            began = time.thread_time()
            version.score([ROW])
            shortest = min(shortest, time.thread_time() - began)
        return shortest * 1000

    low, high = taken(20), taken(120)
    each = (high - low) / 100
    return copies(max(1, round((milliseconds - low) / each + 20)))


async def capacity(port: int, request: bytes, seconds: float) -> Found:
    """Ask by eight clients as fast as they are answered."""
    found = Found()
    until = time.perf_counter() + seconds

    async def client() -> None:
        connection = await Connection.to(port)
        while time.perf_counter() < until:
            found.note(*await connection.ask(request))
        connection.writer.close()

    await asyncio.gather(*[client() for _ in range(8)])
    return found


async def overload(port: int, request: bytes, rate: float, seconds: float) -> Found:
    """Ask at a fixed rate, whatever the answers are."""
    found = Found()
    free: deque[Connection] = deque([await Connection.to(port) for _ in range(64)])
    under_way: set[asyncio.Task[None]] = set()
    began = time.perf_counter()

    async def one() -> None:
        connection = free.popleft() if free else await Connection.to(port)
        found.note(*await connection.ask(request))
        free.append(connection)

    async def health() -> None:
        connection = await Connection.to(port)
        while time.perf_counter() - began < seconds:
            _, took = await connection.ask(HEALTH)
            found.healthy.append(took)
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(health())
    sent = 0
    while (now := time.perf_counter() - began) < seconds:
        while sent < now * rate:
            task = asyncio.create_task(one())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            sent += 1
        await asyncio.sleep(0.001)
    await asyncio.gather(*under_way, watching)
    return found


async def recovery(port: int, request: bytes, normal: float) -> float:
    """Return the seconds until an answer takes no longer than twice what it did before."""
    began = time.perf_counter()
    connection = await Connection.to(port)
    while True:
        status, took = await connection.ask(request)
        if status == 200 and took <= 2 * normal:
            return time.perf_counter() - began


def at(values: list[float], share: float) -> float:
    return 1e3 * sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One phase: what clients saw, in how long, and the processor time of the workers."""

    found: Found
    seconds: float
    worked: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.found.answered) / self.seconds


def phase(gateway: Running, work: Coroutine[Any, Any, Found]) -> Part:
    worked, began = seconds_worked(gateway), time.perf_counter()
    found = asyncio.run(work)
    return Part(found=found, seconds=time.perf_counter() - began, worked=seconds_worked(gateway) - worked)


def seconds_worked(gateway: Running) -> float:
    """Return the processor time of all workers, to the nanosecond: ticks are too few for a phase."""
    return sum(
        int((thread / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
        for worker in gateway.workers
        for thread in Path(f"/proc/{worker}/task").iterdir()
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0, help="of each overload, in all its rounds")
    parser.add_argument("--model-ms", type=float, default=5.0)
    parser.add_argument("--times", type=float, nargs="+", default=[2.0, 5.0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    body = body_of(ROW)
    request = (REQUEST % len(body)).encode() + body
    each = asked.seconds / asked.rounds
    answered = 0
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / ".tenfold"
        release(store, route(store, made(asked.model_ms), ref="members@1", threshold=0.4), revision=1)
        with running(store, "--workers", str(asked.workers)) as gateway:

            def full() -> Part:
                return phase(gateway, capacity(gateway.port, request, max(3.0, each / 3)))

            full()
            fulls = [full()]
            for times in asked.times:
                parts, again, shares = [], [], []
                for _ in range(asked.rounds):
                    before = fulls[-1]
                    normal = at(before.found.answered, 0.5) / 1e3
                    parts.append(phase(gateway, overload(gateway.port, request, times * before.rate, each)))
                    again.append(asyncio.run(recovery(gateway.port, request, normal)))
                    answered += 1
                    fulls.append(full())
                    shares.append(parts[-1].rate / ((before.rate + fulls[-1].rate) / 2))
                print(told(times, parts, shares, again, fulls))
                answered += sum(len(part.found.answered) for part in parts)
            answered += sum(len(part.found.answered) for part in fulls)
            metrics = gateway.get("/metrics")[1].decode()
        rates = [part.rate for part in fulls]
        print(f"capacity {statistics.mean(rates):.0f}/s with eight clients ({min(rates):.0f} to {max(rates):.0f})")
        waits = [line for line in metrics.splitlines() if line.startswith("tenfold_requests_shed_total")]
        logged = read_predictions(store, ENDPOINT).rows.height
        print(json.dumps({"answered_at_least": answered, "logged": logged, "shed": waits}))


def told(times: float, parts: list[Part], shares: list[float], again: list[float], fulls: list[Part]) -> str:
    """Return one overload's line."""
    answered = [seconds for part in parts for seconds in part.found.answered]
    refused = [seconds for part in parts for seconds in part.found.refused]
    healthy = [seconds for part in parts for seconds in part.found.healthy]
    each = sum(part.worked for part in fulls) / sum(len(part.found.answered) for part in fulls)
    refusing = (sum(part.worked for part in parts) - len(answered) * each) / max(1, len(refused))
    odd = sorted({status for part in parts for status in part.found.odd})
    busy = sum(part.worked for part in parts) / sum(part.seconds for part in parts)
    return (
        f"{times:g}x: goodput {statistics.mean(shares):.1%} of the capacity ({min(shares):.1%} to {max(shares):.1%}); "
        f"answered p50 {at(answered, 0.5):.0f} p99 {at(answered, 0.99):.0f} ms; "
        f"refused {len(refused)} p50 {at(refused, 0.5):.1f} p99 {at(refused, 0.99):.1f} ms; "
        f"healthz p50 {at(healthy, 0.5):.1f} p99 {at(healthy, 0.99):.1f} ms; "
        f"normal again after {max(again):.2f} s; workers busy {busy:.0%}, {1e3 * each:.2f} ms for an answer, "
        f"{1e3 * refusing:.2f} ms for a refusal; other statuses {odd}"
    )


if __name__ == "__main__":
    main()
