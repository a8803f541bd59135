"""What is only read: who is ready, what models there are and what they take, in the words of each protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from tenfold.gateway.codecs.protocols import JSON, SentHeaders
from tenfold.gateway.codecs.v2 import metadata, pinned_version, server_metadata, server_version
from tenfold.gateway.endpoint import ServedEndpoint
from tenfold.gateway.refused import Refused
from tenfold.gateway.routes import endpoint_called

_TEXT: SentHeaders = [("content-type", "text/plain; charset=utf-8")]


class Page(NamedTuple):
    """A page as it is sent."""

    status: int
    headers: SentHeaders
    body: bytes


class Pages:
    """The pages of Open Inference Protocol v2 and of MLflow's server, and the OpenAPI document."""

    def __init__(self) -> None:
        # Written anew when another version answers.
        self._described: tuple[tuple[str, ...], bytes] | None = None

    def find(self, path: str, endpoints: Mapping[str, ServedEndpoint], *, ready: bool) -> Page | None:
        """Return a page; None where there is none at this path.

        Raises
        ------
        Refused
            When the path names an endpoint or a version that is not served.
        """
        match path.split("/"):
            case ["", "openapi.json"]:
                return Page(200, JSON, self._openapi(endpoints))
            case ["", "ping" | "health"]:
                return Page(200 if ready else 503, _TEXT, b"\n")
            case ["", "version"]:
                return Page(200, _TEXT, f"tenfold {server_version()}".encode())
            case ["", "v2"]:
                return _page(server_metadata())
            case ["", "v2", "health", "live"]:
                return _page({"live": True})
            case ["", "v2", "health", "ready"]:
                return _page({"ready": ready}, 200 if ready else 503)
            case ["", "v2", "models"]:
                return _page({"models": [name for name, endpoint in endpoints.items() if endpoint.live is not None]})
            case ["", "v2", "models", name, *rest]:
                return _of_model(name, rest, endpoints)
        return None

    def _openapi(self, endpoints: Mapping[str, ServedEndpoint]) -> bytes:
        from tenfold.gateway.openapi import described

        served = {name: endpoint.live.version for name, endpoint in endpoints.items() if endpoint.live is not None}
        state = tuple(f"{name} {version.bundle} {version.ref}" for name, version in served.items())
        if self._described is None or self._described[0] != state:
            self._described = (state, orjson.dumps(described(served)))
        return self._described[1]


def _of_model(name: str, rest: list[str], endpoints: Mapping[str, ServedEndpoint]) -> Page | None:
    pinned = None
    if len(rest) >= 2 and rest[0] == "versions":
        pinned, rest = rest[1], rest[2:]
    if rest not in ([], ["ready"]):
        return None
    endpoint = endpoint_called(name, endpoints)
    if not rest:
        return _page(metadata(name, pinned_version(endpoint, pinned)))
    try:
        pinned_version(endpoint, pinned)
    except Refused as refused:
        if refused.code != "not_live":
            raise
        return _page({"name": name, "ready": False}, 503)
    return _page({"name": name, "ready": True})


def _page(document: Mapping[str, Any], status: int = 200) -> Page:
    return Page(status, JSON, orjson.dumps(document))
