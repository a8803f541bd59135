"""Who may ask: a browser that was sent to this machine by name, and only to look."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none';"
    " frame-ancestors 'none'"
)
_ALWAYS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
HEADERS = {**_ALWAYS, "content-security-policy": _POLICY}
"""Of every answer: nothing is loaded from elsewhere, nothing runs, nobody frames it, nothing is kept."""
REPORT_HEADERS = {**_ALWAYS, "content-security-policy": _REPORT_POLICY}
"""Of a run's report, which carries its style in itself."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Answers only to the names of this machine, and only to GET.

    A page elsewhere can let its own name point to the loopback address and have a browser ask here (DNS rebinding); the
    Host header then holds that name, and the request is refused.
    """

    app: ASGIApp
    hosts: Collection[str] = LOOPBACK

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        named = [value.decode("latin-1") for key, value in scope["headers"] if key == b"host"]
        if len(named) != 1 or host_of(named[0]) not in self.hosts:
            refused = PlainTextResponse("This page answers to the name of its own machine only.\n", 403, HEADERS)
            await refused(scope, receive, send)
        elif scope["method"] != "GET":
            refused = PlainTextResponse("This page can only be looked at: GET.\n", 405, {**HEADERS, "allow": "GET"})
            await refused(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def host_of(header: str) -> str:
    """Return the name in a Host header, without its port; empty when it is none."""
    name = header.strip().lower()
    if name.startswith("["):
        inside, closed, rest = name[1:].partition("]")
        return inside if closed and (not rest or _is_port(rest)) else ""
    name, colon, port = name.partition(":")
    return name if not colon or port.isdecimal() else ""


def _is_port(rest: str) -> bool:
    return rest.startswith(":") and rest[1:].isdecimal()
