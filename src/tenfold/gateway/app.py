"""The gateway as an RSGI application: routes, headers, statuses. What a request means is said in `predicting`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import StoreError
from tenfold.gateway.admission import (
    TIMEOUT,
    Admission,
    AdmissionLimits,
    ClientLeftError,
    Lane,
    Ticket,
    Turn,
    deadline_of,
)
from tenfold.gateway.codecs.protocols import JSON, Codec, Written
from tenfold.gateway.codecs.v2 import V2, pinned_version
from tenfold.gateway.endpoint import ServedEndpoint
from tenfold.gateway.explaining import check_explained
from tenfold.gateway.limits import Limits
from tenfold.gateway.metrics import Counts, exposition, of_this_process
from tenfold.gateway.pages import Page, Pages
from tenfold.gateway.peers import Peers
from tenfold.gateway.predicting import Predicting, Reply, log_unavailable
from tenfold.gateway.refused import STATUS, Refused, unknown_version, version_number
from tenfold.gateway.request_id import request_id
from tenfold.gateway.routes import NATIVE, Call, call_of, codec_of, unknown_endpoint
from tenfold.gateway.transport import (
    Body,
    Scope,
    arrived_body,
    asked_time,
    declared_bytes,
    no_body,
    send_refusal,
    whole_body,
)
from tenfold.gateway.visits import Visit, Visited
from tenfold.gateway.watch import Watch
from tenfold.store.predictions.log import PredictionLog

_MOST_PATHS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class AppOptions:
    """How requests are answered.

    ``durable``: an answer waits until the disk has it. ``replay``: the header X-Tenfold-At is read.
    """

    durable: bool = False
    replay: bool = False
    limits: Limits = field(default_factory=Limits)
    admission: AdmissionLimits = field(default_factory=AdmissionLimits)
    visited: Visited | None = None


class _Work(NamedTuple):
    """What one request asks for."""

    call: Call
    codec: Codec
    body: bytes
    at: datetime | None


@dataclass(slots=True)
class _Answer:
    """What became of one request; ``began`` is when its body was there, on the monotonic clock."""

    status: int = 200
    rows: int = 0
    version: str | None = None
    began: float = 0.0
    turn: Turn | None = None

    @property
    def scoring_began(self) -> float | None:
        """When its scoring began; None where it did not."""
        if self.turn is not None:
            return self.turn.began or None
        return self.began if self.version is not None else None


class _Target(NamedTuple):
    """What a path leads to."""

    call: Call
    endpoint: ServedEndpoint
    lane: Lane


class Application:
    """Answers HTTP requests.

    Parameters
    ----------
    watch : Watch
        Knows what is served.
    peers : Peers
        What the other workers of this gateway have counted.
    said : callable
        Hears of what went wrong inside.
    """

    def __init__(
        self,
        *,
        watch: Watch,
        log: PredictionLog,
        peers: Peers,
        clock: Clock,
        options: AppOptions,
        said: Callable[[str], None],
    ):
        self._watch = watch
        self._log = log
        self._peers = peers
        self._clock = clock
        self._options = options
        self._said = said
        self.counts = Counts()
        self._predicting = Predicting(log=log, clock=clock, counts=self.counts, said=said)
        self._admission = Admission(clock=clock, limits=options.admission, shed=self._shed)
        self._pages = Pages()
        # What paths lead to, found once: an endpoint that is served stays.
        self._targets: dict[str, _Target] = {}
        self._draining = False
        self._under_way = 0
        self._beat = clock.monotonic()

    def at_door(self, scope: Scope, proto: Any) -> Ticket | None:
        """Answer what needs no waiting, on the server's own thread: who is alive, and what is too much."""
        arrived = self._clock.monotonic()
        path = scope.path
        target = self._target(path)
        if target is None:
            if path == "/healthz":
                self._health(scope, proto, arrived)
                return None
            return Ticket(arrived, None)
        call, endpoint, lane = target
        refused = self._admission.knock(lane)
        if refused is None:
            return Ticket(arrived, lane, self._may_be_prompt(scope, call, lane))
        beside = self._beside(request_id(scope.headers.get("x-request-id")))
        status = send_refusal(proto, refused, codec_of(call, endpoint), beside)
        self.counts.add("tenfold_requests_total", endpoint=endpoint.name, status=str(status))
        if self._options.visited is not None:
            self._visit(scope, beside, endpoint.name, arrived, _Answer(status=status))
        return None

    async def __rsgi__(self, scope: Scope, proto: Any) -> None:
        ticket = self.at_door(scope, proto)
        if ticket is not None:
            await self.answer(scope, proto, ticket)

    async def answer(self, scope: Scope, proto: Any, ticket: Ticket, body: Body | None = None) -> None:
        """Answer a request that was let in; ``body`` is there where it was read already."""
        if ticket.lane is not None:
            ticket.lane.begun += 1
        self._under_way += 1
        try:
            await self._route(scope, proto, ticket, body)
        finally:
            self._under_way -= 1

    def answer_promptly(self, scope: Scope, proto: Any, ticket: Ticket, body: Body) -> bool:
        """Answer a request whose body is there on the server's own thread; False: it has to wait for its turn.

        The same as `answer`, without what waiting takes: a task, a turn, a thread.
        """
        target = self._target(scope.path)
        assert target is not None  # as `at_door` has found
        call, endpoint, lane = target
        if not self._admission.is_prompt(lane):
            return False
        headers = scope.headers
        beside = self._beside(request_id(headers.get("x-request-id")))
        codec = codec_of(call, endpoint)
        began = self._clock.monotonic()
        answer = _Answer(began=began)
        try:
            whole = arrived_body(headers, codec, body)
            reply, written = self._worked(
                endpoint, _Work(call, codec, whole, asked_time(headers, replay=self._options.replay))
            )
            ended = self._admission.scored_promptly(lane, began)
        except Refused as refused:
            answer.status = send_refusal(proto, refused, codec, beside)
            self._count(endpoint.name, answer, began)
        except Exception as error:  # noqa: BLE001 - the transport: nothing that happens inside leaves a client waiting
            self._said(f"{call.endpoint[:80]}: {type(error).__name__}: {error}")
            answer.status = send_refusal(proto, _INSIDE, codec, beside)
            self._count(endpoint.name, answer, began)
        else:
            answer.rows, answer.version = reply.rows, reply.version.ref
            proto.response_bytes(200, [*written.headers, *beside], written.body)
            self.counts.answered(endpoint.name, answer.rows, waited=began - ticket.arrived, took=ended - began)
        finally:
            lane.prompt += 1
        if self._options.visited is not None:
            self._visit(scope, beside, endpoint.name, ticket.arrived, answer)
        return True

    def answer_late(self, scope: Scope, proto: Any, ticket: Ticket) -> None:
        """Refuse a request whose body does not come."""
        call = call_of(scope.path, self._watch.endpoints)
        assert call is not None and ticket.lane is not None  # noqa: PT018 - as `at_door` has found
        ticket.lane.begun += 1
        endpoint = self._watch.endpoints.get(call.endpoint)
        beside = self._beside(request_id(scope.headers.get("x-request-id")))
        status = send_refusal(proto, no_body(self._options.limits), codec_of(call, endpoint), beside)
        self._count(call.endpoint, _Answer(status=status), self._clock.monotonic())
        if self._options.visited is not None:
            self._visit(scope, beside, call.endpoint, ticket.arrived, _Answer(status=status))

    @property
    def body_seconds(self) -> float:
        """How long a body may take to arrive."""
        return self._options.limits.body_seconds

    def _target(self, path: str) -> _Target | None:
        """Return what a path asks an endpoint for; None where it is the path of something else, or of nothing."""
        found = self._targets.get(path)
        if found is not None:
            return found
        endpoints = self._watch.endpoints
        call = call_of(path, endpoints)
        endpoint = None if call is None else endpoints.get(call.endpoint)
        if call is None or endpoint is None:
            return None
        found = _Target(call, endpoint, self._lane(call))
        # A path that names no endpoint leads elsewhere once there are more.
        if call.protocol == "native" and len(self._targets) < _MOST_PATHS:
            self._targets[path] = found
        return found

    def _may_be_prompt(self, scope: Scope, call: Call, lane: Lane) -> bool:
        """Whether a request asks for nothing that takes waiting: its headers tell."""
        headers = scope.headers
        declared = declared_bytes(headers)
        return (
            declared is not None
            and declared <= self._options.limits.aside_bytes
            and call.work == "predict"
            and scope.method == "POST"
            and not self._options.durable
            and self._admission.is_prompt(lane)
            and headers.get(TIMEOUT) is None
        )

    async def _route(self, scope: Scope, proto: Any, ticket: Ticket, body: Body | None) -> None:
        if scope.proto != "http":
            proto.close(403)
            return
        call = call_of(scope.path, self._watch.endpoints)
        if call is None:
            self._page(scope, proto, scope.path)
        else:
            await self._predict(scope, proto, call, ticket.arrived, body)

    @property
    def endpoints(self) -> Mapping[str, ServedEndpoint]:
        """What is served now, by name."""
        return self._watch.endpoints

    def drain(self) -> None:
        """From now on let every answer be the last of its connection, so that clients go elsewhere by themselves."""
        self._draining = True

    def busy(self) -> bool:
        """Whether requests are under way."""
        return self._under_way > 0 or self._admission.waiting() > 0

    def beat(self) -> None:
        """Note that the event loop goes round; whoever asks whether this worker is alive hears of it."""
        self._beat = self._clock.monotonic()

    async def _predict(self, scope: Scope, proto: Any, call: Call, arrived: float, come: Body | None) -> None:
        answer = _Answer(began=self._clock.monotonic())
        headers = scope.headers
        beside = self._beside(request_id(headers.get("x-request-id")))
        endpoint = self._watch.endpoints.get(call.endpoint)
        codec = codec_of(call, endpoint)
        try:
            if endpoint is None:
                raise unknown_endpoint(call.endpoint, self._watch.endpoints)
            deadline = deadline_of(headers.get(TIMEOUT), arrived)
            body = (
                await whole_body(scope, proto, codec, self._options.limits)
                if come is None
                else arrived_body(headers, codec, come)
            )
            at = asked_time(headers, replay=self._options.replay)
            answer.began = self._clock.monotonic()
            turn = self._admission.enter(
                self._lane(call),
                deadline,
                aside=call.work == "explain" or len(body) > self._options.limits.aside_bytes,
                gone=proto.client_disconnect,
            )
            answer.turn = turn
            reply, written = await self._answer(endpoint, _Work(call, codec, body, at), turn)
            self.counts.waited(endpoint.name, turn.began - arrived)
        except Refused as refused:
            answer.status = send_refusal(proto, refused, codec, beside)
        except ClientLeftError:
            # Nobody reads it; 499 is what others count such requests by.
            answer.status = 499
            proto.response_empty(499, [])
        except Exception as error:  # noqa: BLE001 - the transport: nothing that happens inside leaves a client waiting
            self._said(f"{call.endpoint[:80]}: {type(error).__name__}: {error}")
            answer.status = send_refusal(proto, _INSIDE, codec, beside)
        else:
            answer.rows, answer.version = reply.rows, reply.version.ref
            proto.response_bytes(200, [*written.headers, *beside], written.body)
        known = "" if endpoint is None else endpoint.name
        self._count(known, answer, self._clock.monotonic())
        if self._options.visited is not None:
            self._visit(scope, beside, known, arrived, answer)

    def _count(self, endpoint: str, answer: _Answer, ended: float) -> None:
        self.counts.add("tenfold_requests_total", endpoint=endpoint, status=str(answer.status))
        if answer.rows:
            self.counts.add("tenfold_rows_total", answer.rows, endpoint=endpoint)
            self.counts.observe(endpoint, ended - answer.began)

    def _visit(
        self, scope: Scope, beside: Sequence[tuple[str, str]], endpoint: str, arrived: float, answer: _Answer
    ) -> None:
        assert self._options.visited is not None  # the caller has looked
        visit = Visit(
            request=beside[0][1],
            endpoint=endpoint,
            version=answer.version,
            status=answer.status,
            rows=answer.rows,
            arrived=arrived,
            began=answer.scoring_began,
            ended=self._clock.monotonic(),
            trace=scope.headers.get("traceparent"),
        )
        self._options.visited(visit)

    async def infer(self, endpoint: ServedEndpoint, codec: Codec, pinned: str | None, seconds: float | None) -> bytes:
        """Answer a call that came by another door than HTTP, as the codec writes it.

        Parameters
        ----------
        pinned : str or None
            The number of the one version that may answer.
        seconds : float or None
            How long the caller waits.

        Raises
        ------
        Refused
            When there is no answer.
        """
        arrived = self._clock.monotonic()
        call = Call(endpoint.name, "predict", "v2", pinned)
        lane = self._lane(call)
        refused = self._admission.knock(lane)
        status = "200"
        try:
            if refused is not None:
                raise Refused(refused.code, refused.message, field=refused.field, fix=refused.fix)
            lane.begun += 1
            turn = self._admission.enter(lane, None if seconds is None else arrived + seconds)
            reply, written = await self._answer(endpoint, _Work(call, codec, b"", None), turn)
            self.counts.waited(endpoint.name, turn.began - arrived)
            self.counts.add("tenfold_rows_total", reply.rows, endpoint=endpoint.name)
            self.counts.observe(endpoint.name, self._clock.monotonic() - arrived)
        except Refused as error:
            status = str(STATUS[error.code])
            raise
        except Exception as error:
            self._said(f"{endpoint.name}: {type(error).__name__}: {error}")
            status = "500"
            raise Refused(_INSIDE.code, _INSIDE.message, field=_INSIDE.field, fix=_INSIDE.fix) from error
        finally:
            self.counts.add("tenfold_requests_total", endpoint=endpoint.name, status=status)
        return written.body

    def _lane(self, call: Call) -> Lane:
        # What is explained takes as long as some thousands of predictions, and must not be what they are judged by.
        return self._admission.lane(call.endpoint if call.work == "predict" else f"{call.endpoint} (explain)")

    async def _answer(self, endpoint: ServedEndpoint, work: _Work, turn: Turn) -> tuple[Reply, Written]:
        loop = asyncio.get_running_loop()
        async with turn:
            if turn.aside:
                reply, written = await loop.run_in_executor(turn.thread, self._worked, endpoint, work)
            else:
                reply, written = self._worked(endpoint, work)
        if self._options.durable:
            try:
                await self._flushed(reply.record)
            except StoreError as error:
                self._said(str(error))
                raise log_unavailable() from error
        if turn.deadline is not None and self._clock.monotonic() > turn.deadline:
            raise self._admission.late(turn.lane)
        return reply, written

    async def _flushed(self, record: int) -> None:
        """Return when a record is on the disk, together with all that were written meanwhile.

        Raises
        ------
        StoreError
            When the disk refuses.
        """
        loop = asyncio.get_running_loop()
        told: asyncio.Future[StoreError | None] = loop.create_future()

        def flushed(error: StoreError | None) -> None:
            loop.call_soon_threadsafe(_tell, told, error)

        self._log.when_flushed(record, flushed)
        error = await told
        if error is not None:
            raise error

    def _worked(self, endpoint: ServedEndpoint, work: _Work) -> tuple[Reply, Written]:
        call, codec = work.call, work.codec
        asked = codec.read(work.body, self._options.limits)
        if call.pinned is not None:
            pinned_version(endpoint, call.pinned)
        explained = call.work == "explain"
        if explained:
            check_explained(len(asked.instances))
        reply = self._predicting.answer(endpoint, asked, work.at, explained=explained)
        if call.pinned is not None and version_number(reply.version.ref) != call.pinned:
            # Another came meanwhile, or had to answer instead.
            raise unknown_version(endpoint.name, call.pinned, reply.version.ref)
        return reply, codec.write(reply)

    def _page(self, scope: Scope, proto: Any, path: str) -> None:
        codec = V2("", None) if path.startswith("/v2") else NATIVE
        try:
            page = self._found(path)
            if page is None:
                raise Refused(
                    "not_found",
                    "there is nothing at this path",
                    field="path",
                    fix="POST /predict/{endpoint}, or GET /openapi.json, which describes all that there is",
                )
            if scope.method not in {"GET", "HEAD"}:
                raise Refused("method_not_allowed", "this page is only read", field="method", fix="use GET")
        except Refused as refused:
            send_refusal(proto, refused, codec, self._last(), allowed="GET, HEAD")
        else:
            proto.response_bytes(page.status, [*page.headers, *self._last()], page.body)

    def _found(self, path: str) -> Page | None:
        if path == "/metrics":
            kind = ("content-type", "text/plain; version=0.0.4; charset=utf-8")
            return Page(200, [kind], exposition(self._peers.with_own(self.samples())).encode())
        document = self.readiness()
        ready = document["ready"] and not self._draining
        if path == "/readyz":
            return Page(200 if ready else 503, JSON, orjson.dumps(document))
        return self._pages.find(path, self._watch.endpoints, ready=ready)

    def _health(self, scope: Scope, proto: Any, now: float) -> None:
        if scope.method not in {"GET", "HEAD"}:
            refused = Refused("method_not_allowed", "this page is only read", field="method", fix="use GET")
            send_refusal(proto, refused, NATIVE, self._last(), allowed="GET, HEAD")
        elif now - self._beat > _STUCK_SECONDS:
            proto.response_bytes(503, JSON, b'{"status":"stuck"}')
        else:
            proto.response_bytes(200, [*JSON, *self._last()], b'{"status":"ok"}')

    def _beside(self, request: str) -> list[tuple[str, str]]:
        """Return the headers of every answer."""
        named = ("x-request-id", request)
        return [named, _CLOSE] if self._draining else [named]

    def _last(self) -> list[tuple[str, str]]:
        return [_CLOSE] if self._draining else []

    def _shed(self, endpoint: str, reason: str) -> None:
        self.counts.add("tenfold_requests_shed_total", endpoint=endpoint, reason=reason)

    def readiness(self) -> dict[str, Any]:
        """Return what is served, and what stands in the way of what should be."""
        entries = [_standing(endpoint) for endpoint in self._watch.endpoints.values()]
        return {"ready": bool(entries) and all(entry["version"] for entry in entries), "endpoints": entries}

    def samples(self) -> dict[Any, float]:
        """Return what this worker has counted, with what is counted elsewhere in it."""
        counts = Counts(samples=self.counts.all() | of_this_process())
        for endpoint in self._watch.endpoints.values():
            name = endpoint.name
            counts.add("tenfold_model_swaps_total", endpoint.swaps, endpoint=name)
            counts.add("tenfold_model_load_failures_total", endpoint.load_failures, endpoint=name)
            counts.add("tenfold_breaker_trips_total", endpoint.trips, endpoint=name)
            live = endpoint.live
            if live is not None:
                labels = {"bundle": live.version.bundle, "revision": str(live.revision)}
                counts.add("tenfold_model_info", 1, endpoint=name, version=live.version.ref, **labels)
                for arm in () if live.traffic is None else live.traffic.candidates:
                    labels = {"bundle": arm.version.bundle, "revision": str(live.revision)}
                    counts.add("tenfold_model_info", 1, endpoint=name, version=arm.version.ref, **labels)
        counts.add("tenfold_requests_under_way", self._under_way)
        counts.add("tenfold_requests_waiting", self._admission.waiting())
        counts.add("tenfold_log_bytes_total", self._log.bytes_written)
        counts.add("tenfold_log_records_total", self._log.records)
        counts.add("tenfold_log_rows_total", self._log.rows_written)
        counts.add("tenfold_log_flushes_total", self._log.flushes)
        for reason, rows in dict(self._log.lost).items():
            counts.add("tenfold_log_lost_rows_total", rows, reason=reason)
        counts.add("tenfold_log_failures_total", self._log.failures)
        counts.add("tenfold_log_lag_seconds", self._log.lag_seconds())
        return counts.samples

    def close(self) -> None:
        """Finish what runs beside the event loop."""
        self._admission.close()
        self._predicting.close()


_CLOSE = ("connection", "close")
_STUCK_SECONDS = 30.0
_INSIDE = Refused("model_failed", "something failed inside", field="endpoint", fix="the server's log says what")


def _standing(endpoint: ServedEndpoint) -> dict[str, Any]:
    live = endpoint.live
    return {
        "endpoint": endpoint.name,
        "version": None if live is None else live.version.ref,
        "bundle": None if live is None else live.version.bundle,
        "revision": None if live is None else live.revision,
        "state": endpoint.state,
        "problem": endpoint.problem,
        "traffic": endpoint.division(),
    }


def _tell(told: asyncio.Future[StoreError | None], error: StoreError | None) -> None:
    # Who waited may have been cancelled.
    if not told.done():
        told.set_result(error)
