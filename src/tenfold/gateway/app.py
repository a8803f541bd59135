"""The gateway as an RSGI application: routes, headers, statuses. What a request means is said in `predicting`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
from granian._granian import RSGIProtocolClosed, RSGIProtocolError

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import StoreError, did_you_mean
from tenfold.gateway.codecs.native import Native
from tenfold.gateway.codecs.protocols import JSON, Codec, Written
from tenfold.gateway.endpoint import ServedEndpoint
from tenfold.gateway.limits import Limits
from tenfold.gateway.metrics import Counts, exposition
from tenfold.gateway.peers import Peers
from tenfold.gateway.predicting import Predicting, Reply, log_unavailable
from tenfold.gateway.refused import Code, Refused, shown
from tenfold.gateway.watch import Watch
from tenfold.store.predictions.log import PredictionLog

_PREDICT = "/predict/"
_DIGITS = 18
_NATIVE = Native()
_STATUS: Mapping[Code, int] = {
    "bad_ids": 422,
    "bad_time": 400,
    "incomplete_body": 400,
    "log_unavailable": 503,
    "method_not_allowed": 405,
    "missing_field": 422,
    "model_failed": 500,
    "no_finite_prediction": 422,
    "not_found": 404,
    "not_json": 400,
    "not_live": 503,
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
        # One thread: two large requests at once would only take turns.
        self._aside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="large-request")

    async def __rsgi__(self, scope: Scope, proto: Any) -> None:
        if scope.proto != "http":
            proto.close(403)
            return
        path = scope.path
        if path.startswith(_PREDICT):
            await self._predict(scope, proto, path[len(_PREDICT) :], _NATIVE)
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

    async def _predict(self, scope: Scope, proto: Any, name: str, codec: Codec) -> None:
        began = self._clock.monotonic()
        endpoint = self._watch.endpoints.get(name)
        rows = 0
        try:
            if endpoint is None:
                raise _unknown_endpoint(name, self._watch.endpoints)
            body = await self._body(scope, proto)
            at = self._time(scope.headers)
            began = self._clock.monotonic()
            reply, written = await self._answer(endpoint, codec, body, at)
        except Refused as refused:
            status = _send_refusal(proto, refused)
        except Exception as error:  # noqa: BLE001 - the transport: nothing that happens inside leaves a client waiting
            self._said(f"{name[:80]}: {type(error).__name__}: {error}")
            status = _send_refusal(proto, _INSIDE)
        else:
            status, rows = 200, reply.rows
            proto.response_bytes(200, written.headers, written.body)
        known = "" if endpoint is None else endpoint.name
        self.counts.add("tenfold_requests_total", endpoint=known, status=str(status))
        if rows:
            self.counts.add("tenfold_rows_total", rows, endpoint=known)
            self.counts.observe(known, self._clock.monotonic() - began)

    async def _answer(
        self, endpoint: ServedEndpoint, codec: Codec, body: bytes, at: datetime | None
    ) -> tuple[Reply, Written]:
        if len(body) <= self._options.limits.aside_bytes:
            reply, written = self._worked(endpoint, codec, body, at)
        else:
            loop = asyncio.get_running_loop()
            reply, written = await loop.run_in_executor(self._aside, self._worked, endpoint, codec, body, at)
        if self._options.durable:
            try:
                await asyncio.get_running_loop().run_in_executor(None, self._log.flush, reply.record)
            except StoreError as error:
                self._said(str(error))
                raise log_unavailable() from error
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
        elif path == "/healthz":
            proto.response_bytes(200, JSON, b'{"status":"ok"}')
        elif path == "/metrics":
            text = exposition(self._peers.with_own(self.samples()))
            proto.response_str(200, [("content-type", "text/plain; version=0.0.4; charset=utf-8")], text)
        else:
            document = self.readiness()
            proto.response_bytes(200 if document["ready"] else 503, JSON, orjson.dumps(document))

    def readiness(self) -> dict[str, Any]:
        """Return what is served, and what stands in the way of what should be."""
        entries = [_entry(endpoint) for endpoint in self._watch.endpoints.values()]
        return {"ready": bool(entries) and all(entry["version"] for entry in entries), "endpoints": entries}

    def samples(self) -> dict[Any, float]:
        """Return what this worker has counted, with what is counted elsewhere in it."""
        counts = Counts(samples=dict(self.counts.samples))
        for endpoint in self._watch.endpoints.values():
            name = endpoint.name
            counts.add("tenfold_model_swaps_total", endpoint.swaps, endpoint=name)
            counts.add("tenfold_model_load_failures_total", endpoint.load_failures, endpoint=name)
            counts.add("tenfold_breaker_trips_total", endpoint.trips, endpoint=name)
            live = endpoint.live
            if live is not None:
                labels = {"bundle": live.version.bundle, "revision": str(live.revision)}
                counts.add("tenfold_model_info", 1, endpoint=name, version=live.version.ref, **labels)
        counts.add("tenfold_log_bytes_total", self._log.bytes_written)
        counts.add("tenfold_log_failures_total", self._log.failures)
        counts.add("tenfold_log_lag_seconds", self._log.lag_seconds())
        return counts.samples

    def close(self) -> None:
        """Finish what runs beside the event loop."""
        self._aside.shutdown()


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
    }


def _send_refusal(proto: Any, refused: Refused) -> int:
    status = _STATUS[refused.code]
    error = {
        "code": refused.code,
        "message": refused.message,
        "instance": refused.instance,
        "field": refused.field,
        "fix": refused.fix,
    }
    headers = [*JSON, *_BESIDE.get(status, ())]
    proto.response_bytes(status, headers, orjson.dumps({"error": error}))
    return status


_BESIDE: Mapping[int, Sequence[tuple[str, str]]] = {405: (("allow", "POST"),), 503: (("retry-after", "1"),)}


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
