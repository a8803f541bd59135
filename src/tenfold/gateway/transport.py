"""What stands between RSGI and the application: bodies as they come in, refusals as they go out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from granian._granian import RSGIProtocolClosed, RSGIProtocolError

from tenfold.gateway.codecs.protocols import JSON, Codec, Headers
from tenfold.gateway.limits import Limits
from tenfold.gateway.refused import STATUS, Refused

_DIGITS = 18
_RETRY = (("retry-after", "1"),)
_BESIDE: Mapping[int, Sequence[tuple[str, str]]] = {429: _RETRY, 503: _RETRY}


class Scope(Protocol):
    """The part of RSGI's scope that is read here."""

    proto: str
    method: str
    path: str

    @property
    def headers(self) -> Headers:
        """The request's headers."""
        ...


class Body(Protocol):
    """A body that has arrived."""

    def read(self) -> bytes:
        """Return it; raise granian's error where it ended before it was whole."""
        ...


def declared_bytes(headers: Headers) -> int | None:
    """Return how long a body says it is; None where it does not say so in digits, or in too many."""
    declared = headers.get("content-length", "")
    return int(declared) if len(declared) < _DIGITS and declared.isdigit() else None


async def whole_body(scope: Scope, proto: Any, codec: Codec, limits: Limits) -> bytes:
    """Return the body of a prediction request, waiting for it as long as the limits allow.

    Raises
    ------
    Refused
        When it is too large, is not whole or does not come in time, or the request is not one with a body.
    """
    if scope.method != "POST":
        raise Refused("method_not_allowed", "predictions are asked for by POST", field="method", fix="use POST")
    headers = scope.headers
    codec.expect(headers)
    declared = declared_bytes(headers)
    try:
        async with asyncio.timeout(limits.body_seconds):
            if declared is not None and declared <= limits.body_bytes:
                whole: bytes = await proto()
                return whole
            return await _in_pieces(proto, limits)
    except TimeoutError as error:
        raise no_body(limits) from error
    except (RSGIProtocolError, RSGIProtocolClosed) as error:
        raise _incomplete() from error


def arrived_body(headers: Headers, codec: Codec, body: Body) -> bytes:
    """Return a body that has arrived; Refused as `whole_body` does."""
    codec.expect(headers)
    try:
        return body.read()
    except (RSGIProtocolError, RSGIProtocolClosed) as error:
        raise _incomplete() from error


def asked_time(headers: Headers, *, replay: bool) -> datetime | None:
    """Return the time that a request says it belongs to; Refused where it may not say so, or says no time."""
    text = headers.get("x-tenfold-at")
    if text is None:
        return None
    if not replay:
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


def send_refusal(
    proto: Any, refused: Refused, codec: Codec, beside: Sequence[tuple[str, str]], *, allowed: str = "POST"
) -> int:
    """Send why there is no answer, in the codec's form and with the headers ``beside``; return its status."""
    status = STATUS[refused.code]
    headers = [*JSON, *_BESIDE.get(status, ()), *beside]
    if status == 405:
        headers.append(("allow", allowed))
    proto.response_bytes(status, headers, codec.refusal(refused))
    return status


def no_body(limits: Limits) -> Refused:
    """Return what is said where a body does not come."""
    words = f"the body did not arrive within {limits.body_seconds:g} seconds"
    return Refused("timeout", words, field="body", fix="send it at once")


def _incomplete() -> Refused:
    return Refused("incomplete_body", "the body ended before it was whole", field="body", fix="send all of it")


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
