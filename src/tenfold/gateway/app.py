"""The gateway as an RSGI application: routes, headers, statuses. What a request means is said in `predicting`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
from granian._granian import RSGIProtocolClosed, RSGIProtocolError

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import StoreError, did_you_mean
from tenfold.gateway.admission import TIMEOUT, Admission, AdmissionLimits, ClientLeftError, Ticket, Turn, deadline_of
from tenfold.gateway.codecs.native import Native
from tenfold.gateway.codecs.protocols import JSON, Codec, Written
from tenfold.gateway.endpoint import ServedEndpoint
from tenfold.gateway.limits import Limits
from tenfold.gateway.metrics import Counts, exposition, of_this_process
from tenfold.gateway.peers import Peers
from tenfold.gateway.predicting import Predicting, Reply, log_unavailable
from tenfold.gateway.refused import Code, Refused, shown
from tenfold.gateway.request_id import request_id
from tenfold.gateway.watch import Watch
from tenfold.store.predictions.log import PredictionLog

_PREDICT = "/predict/"
_DIGITS = 18
_NATIVE = Native()
_STATUS: Mapping[Code, int] = {
    "bad_ids": 422,
    "bad_time": 400,
    "bad_timeout": 400,
    "busy": 503,
    "deadline_exceeded": 504,
    "incomplete_body": 400,
    "log_unavailable": 503,
    "method_not_allowed": 405,
    "missing_field": 422,
    "model_failed": 500,
    "no_finite_prediction": 422,
    "not_found": 404,
    "not_json": 400,
    "not_live": 503,
    "overloaded": 429,
    "replay_off": 400,
    "timeout": 408,
    "too_large": 413,
    "too_many_instances": 413,
    "unknown_endpoint": 404,
    "unknown_field": 422,
    "unknown_key": 422,
    "unsupported_media_type": 415,
    "wrong_shape": 422,
    "wrong_type": 422,
}


class Headers(Protocol):
    """A request's headers."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return a header's value."""
        ...


class Scope(Protocol):
    """The part of RSGI's scope that is read here."""

    proto: str
    method: str
    path: str

    @property
    def headers(self) -> Headers:
        """The request's headers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AppOptions:
    """How requests are answered.

    ``durable``: an answer waits until the disk has it. ``replay``: the header X-Tenfold-At is read.
    """

    durable: bool = False
    replay: bool = False
    limits: Limits = field(default_factory=Limits)
    admission: AdmissionLimits = field(default_factory=AdmissionLimits)


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
        self._draining = False
        self._under_way = 0
        self._beat = clock.monotonic()

    def at_door(self, scope: Scope, proto: Any) -> Ticket | None:
        """Answer what needs no waiting, on the server's own thread: who is alive, and what is too much."""
        arrived = self._clock.monotonic()
        path = scope.path
        if path == "/healthz":
            self._health(scope, proto, arrived)
            return None
        endpoint = self._watch.endpoints.get(_endpoint_of(path))
        if endpoint is None:
            return Ticket(arrived, None)
        lane = self._admission.lane(endpoint.name)
        refused = self._admission.knock(lane)
        if refused is None:
            return Ticket(arrived, lane)
        status = _send_refusal(proto, refused, self._beside(request_id(scope.headers.get("x-request-id"))))
        self.counts.add("tenfold_requests_total", endpoint=endpoint.name, status=str(status))
        return None

    async def __rsgi__(self, scope: Scope, proto: Any) -> None:
        ticket = self.at_door(scope, proto)
        if ticket is not None:
            await self.answer(scope, proto, ticket)

    async def answer(self, scope: Scope, proto: Any, ticket: Ticket) -> None:
        """Answer a request that was let in."""
        if ticket.lane is not None:
            ticket.lane.begun += 1
        self._under_way += 1
        try:
            await self._route(scope, proto, ticket)
        finally:
            self._under_way -= 1

    async def _route(self, scope: Scope, proto: Any, ticket: Ticket) -> None:
        if scope.proto != "http":
            proto.close(403)
            return
        path = scope.path
        if path.startswith(_PREDICT):
            await self._predict(scope, proto, path[len(_PREDICT) :], _NATIVE, ticket.arrived)
        elif path in _PAGES:
            self._page(scope, proto, path)
        else:
            _send_refusal(
                proto,
                Refused(
                    "not_found",
                    "there is nothing at this path",
                    field="path",
                    fix="POST /predict/{endpoint}, or GET /healthz, /readyz, /metrics",
                ),
            )

    def drain(self) -> None:
        """From now on let every answer be the last of its connection, so that clients go elsewhere by themselves."""
        self._draining = True

    def busy(self) -> bool:
        """Whether requests are under way."""
        return self._under_way > 0

    def beat(self) -> None:
        """Note that the event loop goes round; whoever asks whether this worker is alive hears of it."""
        self._beat = self._clock.monotonic()

    async def _predict(self, scope: Scope, proto: Any, name: str, codec: Codec, arrived: float) -> None:
        began = self._clock.monotonic()
        headers = scope.headers
        beside = self._beside(request_id(headers.get("x-request-id")))
        endpoint = self._watch.endpoints.get(name)
        rows = 0
        try:
            if endpoint is None:
                raise _unknown_endpoint(name, self._watch.endpoints)
            deadline = deadline_of(headers.get(TIMEOUT), arrived)
            body = await self._body(scope, proto)
            at = self._time(headers)
            began = self._clock.monotonic()
            turn = self._admission.enter(
                self._admission.lane(endpoint.name),
                deadline,
                aside=len(body) > self._options.limits.aside_bytes,
                gone=proto.client_disconnect,
            )
            reply, written = await self._answer(endpoint, codec, body, at, turn)
            self.counts.waited(endpoint.name, turn.began - arrived)
        except Refused as refused:
            status = _send_refusal(proto, refused, beside)
        except ClientLeftError:
            # Nobody reads it; 499 is what others count such requests by.
            status = 499
            proto.response_empty(status, [])
        except Exception as error:  # noqa: BLE001 - the transport: nothing that happens inside leaves a client waiting
            self._said(f"{name[:80]}: {type(error).__name__}: {error}")
            status = _send_refusal(proto, _INSIDE, beside)
        else:
            status, rows = 200, reply.rows
            proto.response_bytes(200, [*written.headers, *beside], written.body)
        known = "" if endpoint is None else endpoint.name
        self.counts.add("tenfold_requests_total", endpoint=known, status=str(status))
        if rows:
            self.counts.add("tenfold_rows_total", rows, endpoint=known)
            self.counts.observe(known, self._clock.monotonic() - began)

    async def _answer(
        self, endpoint: ServedEndpoint, codec: Codec, body: bytes, at: datetime | None, turn: Turn
    ) -> tuple[Reply, Written]:
        loop = asyncio.get_running_loop()
        async with turn:
            if turn.aside:
                reply, written = await loop.run_in_executor(turn.thread, self._worked, endpoint, codec, body, at)
            else:
                reply, written = self._worked(endpoint, codec, body, at)
        if self._options.durable:
            try:
                await loop.run_in_executor(None, self._log.flush, reply.record)
            except StoreError as error:
                self._said(str(error))
                raise log_unavailable() from error
        if turn.deadline is not None and self._clock.monotonic() > turn.deadline:
            raise self._admission.late(turn.lane)
        return reply, written

    def _worked(
        self, endpoint: ServedEndpoint, codec: Codec, body: bytes, at: datetime | None
    ) -> tuple[Reply, Written]:
        reply = self._predicting.answer(endpoint, codec.read(body, self._options.limits), at)
        return reply, codec.write(reply)

    async def _body(self, scope: Scope, proto: Any) -> bytes:
        if scope.method != "POST":
            raise Refused("method_not_allowed", "predictions are asked for by POST", field="method", fix="use POST")
        headers = scope.headers
        media = headers.get("content-type", "")
        if media != "application/json" and not _is_json(media):
            raise Refused(
                "unsupported_media_type",
                "the body is not declared to be JSON in UTF-8",
                field="content-type",
                fix="send the header 'content-type: application/json'",
            )
        if headers.get("content-encoding") not in (None, "identity"):
            raise Refused(
                "unsupported_media_type",
                "compressed bodies are not read",
                field="content-encoding",
                fix="send the body as it is, without the header 'content-encoding'",
            )
        limits = self._options.limits
        declared = headers.get("content-length", "")
        try:
            async with asyncio.timeout(limits.body_seconds):
                if declared.isdigit() and len(declared) < _DIGITS and int(declared) <= limits.body_bytes:
                    whole: bytes = await proto()
                    return whole
                return await _in_pieces(proto, limits)
        except TimeoutError as error:
            raise Refused(
                "timeout",
                f"the body did not arrive within {limits.body_seconds:g} seconds",
                field="body",
                fix="send it at once",
            ) from error
        except (RSGIProtocolError, RSGIProtocolClosed) as error:
            raise Refused(
                "incomplete_body", "the body ended before it was whole", field="body", fix="send all of it"
            ) from error

    def _time(self, headers: Headers) -> datetime | None:
        text = headers.get("x-tenfold-at")
        if text is None:
            return None
        if not self._options.replay:
            raise Refused(
                "replay_off",
                "this gateway serves the present: it takes no other time",
                field="x-tenfold-at",
                fix="leave the header out; `tenfold serve --replay` reads it",
            )
        try:
            at = datetime.fromisoformat(text)
            if at.tzinfo is not None:
                return at.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise Refused(
            "bad_time",
            "the header is not a time with its offset from UTC",
            field="x-tenfold-at",
            fix="write it as 2026-01-31T18:00:00+00:00",
        )

    def _page(self, scope: Scope, proto: Any, path: str) -> None:
        if scope.method not in {"GET", "HEAD"}:
            _send_refusal(proto, Refused("method_not_allowed", "this page is only read", field="method", fix="use GET"))
        elif path == "/metrics":
            text = exposition(self._peers.with_own(self.samples()))
            kind = ("content-type", "text/plain; version=0.0.4; charset=utf-8")
            proto.response_str(200, [kind, *self._last()], text)
        else:
            document = self.readiness()
            status = 200 if document["ready"] and not self._draining else 503
            proto.response_bytes(status, [*JSON, *self._last()], orjson.dumps(document))

    def _health(self, scope: Scope, proto: Any, now: float) -> None:
        if scope.method not in {"GET", "HEAD"}:
            self._page(scope, proto, scope.path)
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
        entries = [_entry(endpoint) for endpoint in self._watch.endpoints.values()]
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
        counts.add("tenfold_requests_waiting", self._admission.waiting())
        counts.add("tenfold_log_bytes_total", self._log.bytes_written)
        counts.add("tenfold_log_failures_total", self._log.failures)
        counts.add("tenfold_log_lag_seconds", self._log.lag_seconds())
        return counts.samples

    def close(self) -> None:
        """Finish what runs beside the event loop."""
        self._admission.close()
        self._predicting.close()


_CLOSE = ("connection", "close")
_STUCK_SECONDS = 30.0
_PAGES = ("/healthz", "/readyz", "/metrics")
_INSIDE = Refused("model_failed", "something failed inside", field="endpoint", fix="the server's log says what")


def _entry(endpoint: ServedEndpoint) -> dict[str, Any]:
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


def _endpoint_of(path: str) -> str:
    """Return the name of the endpoint that a path asks for predictions, empty where it asks for something else."""
    return path[len(_PREDICT) :] if path.startswith(_PREDICT) else ""


def _send_refusal(proto: Any, refused: Refused, beside: Sequence[tuple[str, str]] = ()) -> int:
    status = _STATUS[refused.code]
    error = {
        "code": refused.code,
        "message": refused.message,
        "instance": refused.instance,
        "field": refused.field,
        "fix": refused.fix,
    }
    headers = [*JSON, *_BESIDE.get(status, ()), *beside]
    proto.response_bytes(status, headers, orjson.dumps({"error": error}))
    return status


_RETRY = (("retry-after", "1"),)
_BESIDE: Mapping[int, Sequence[tuple[str, str]]] = {405: (("allow", "POST"),), 429: _RETRY, 503: _RETRY}


def _is_json(media: str) -> bool:
    kind, _, rest = media.partition(";")
    charset = rest.strip().lower().removeprefix("charset=").strip('"')
    return kind.strip().lower() == "application/json" and charset in ("", "utf-8", "utf8")


async def _in_pieces(proto: Any, limits: Limits) -> bytes:
    """Return a body that may be too large, holding no more of it than the limit.

    What is too much is taken and dropped for a while: most clients read no answer before they have sent everything.
    """
    parts: list[bytes] = []
    size = 0
    async for part in proto:
        size += len(part)
        if size <= limits.body_bytes:
            parts.append(part)
        else:
            parts.clear()
        if size > limits.dropped_bytes:
            break
    if size > limits.body_bytes:
        raise Refused(
            "too_large",
            f"the body is larger than {limits.body_bytes} bytes",
            field="body",
            fix="send fewer instances in one request, or score a file with `tenfold predict`",
        )
    return b"".join(parts)


def _unknown_endpoint(name: str, endpoints: Mapping[str, object]) -> Refused:
    return Refused(
        "unknown_endpoint",
        f"there is no endpoint '{shown(name)}'.{did_you_mean(shown(name), endpoints)}",
        field="endpoint",
        fix="POST to /predict/{endpoint} of one that /readyz lists",
    )
