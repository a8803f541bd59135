"""GRPCInferenceService on the gateway's event loop: the same data plane as HTTP, by another door."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import grpc
import orjson

from tenfold.gateway.codecs.protocols import Codec, facts_of, in_words
from tenfold.gateway.codecs.v2 import metadata, pinned_version, server_metadata
from tenfold.gateway.codecs.v2_message import V2Message
from tenfold.gateway.endpoint import ServedEndpoint
from tenfold.gateway.limits import Limits
from tenfold.gateway.refused import Code, Refused
from tenfold.gateway.routes import endpoint_called
from tenfold.gateway.rpc.messages import METHODS, SERVICE, message_class

REFUSAL = "tenfold-refusal"
"""The trailing metadata in which a refusal is given whole, as JSON."""

_CODES: Mapping[Code, grpc.StatusCode] = {
    "unknown_endpoint": grpc.StatusCode.NOT_FOUND,
    "unknown_version": grpc.StatusCode.NOT_FOUND,
    "not_live": grpc.StatusCode.UNAVAILABLE,
    "log_unavailable": grpc.StatusCode.UNAVAILABLE,
    "too_many_instances": grpc.StatusCode.OUT_OF_RANGE,
    "model_failed": grpc.StatusCode.INTERNAL,
    "overloaded": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "busy": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "deadline_exceeded": grpc.StatusCode.DEADLINE_EXCEEDED,
}


class DataPlane(Protocol):
    """The part of the application that is called here."""

    @property
    def endpoints(self) -> Mapping[str, ServedEndpoint]:
        """What is served now, by name."""
        ...

    def readiness(self) -> dict[str, Any]:
        """Return what is served."""
        ...

    async def infer(self, endpoint: ServedEndpoint, codec: Codec, pinned: str | None, seconds: float | None) -> bytes:
        """Return an answer as the codec writes it; ``seconds`` are left for it."""
        ...


class Service:
    """Answers the calls of one worker."""

    def __init__(self, plane: DataPlane):
        self._plane = plane

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what a server is given."""
        calls: Mapping[str, Callable[[Any], Any]] = {
            "ServerLive": lambda _: {"live": True},
            "ServerReady": lambda _: {"ready": self._plane.readiness()["ready"]},
            "ModelReady": self._model_ready,
            "ServerMetadata": lambda _: server_metadata(),
            "ModelMetadata": self._model_metadata,
        }
        handlers = {name: _unary(name, _telling(name, work)) for name, work in calls.items()}
        handlers["ModelInfer"] = _unary("ModelInfer", self._infer)
        assert set(handlers) == set(METHODS)
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    async def _infer(self, request: Any, context: grpc.aio.ServicerContext) -> bytes:
        try:
            endpoint = endpoint_called(request.model_name, self._plane.endpoints)
            live = endpoint.live
            codec = V2Message(request, None if live is None else live.version)
            return await self._plane.infer(endpoint, codec, request.model_version or None, context.time_remaining())
        except Refused as refused:
            return await _abort(context, refused)

    def _model_ready(self, request: Any) -> dict[str, Any]:
        endpoint = endpoint_called(request.name, self._plane.endpoints)
        if endpoint.live is None:
            return {"ready": False}
        pinned_version(endpoint, request.version or None)
        return {"ready": True}

    def _model_metadata(self, request: Any) -> dict[str, Any]:
        endpoint = endpoint_called(request.name, self._plane.endpoints)
        return metadata(endpoint.name, pinned_version(endpoint, request.version or None))


def _telling(name: str, work: Callable[[Any], Any]) -> Callable[[Any, Any], Awaitable[bytes]]:
    async def answer(request: Any, context: grpc.aio.ServicerContext) -> bytes:
        try:
            found: bytes = message_class(f"{name}Response")(**work(request)).SerializeToString()
        except Refused as refused:
            return await _abort(context, refused)
        return found

    return answer


def _unary(name: str, behaviour: Callable[[Any, Any], Awaitable[bytes]]) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        behaviour, request_deserializer=message_class(f"{name}Request").FromString, response_serializer=None
    )


async def _abort(context: grpc.aio.ServicerContext, refused: Refused) -> bytes:
    details = orjson.dumps(facts_of(refused, refused.pointer)).decode().encode("unicode_escape").decode("ascii")
    context.set_trailing_metadata(((REFUSAL, details),))
    await context.abort(_CODES.get(refused.code, grpc.StatusCode.INVALID_ARGUMENT), in_words(refused))
    raise AssertionError("abort raises")


async def start(service: Service, address: str, limits: Limits) -> tuple[grpc.aio.Server, int]:
    """Return a server that answers on an address which several workers share, and its port.

    Raises
    ------
    RuntimeError
        When the address cannot be used.
    """
    server = grpc.aio.server(
        options=(
            # Each worker listens for itself; the kernel spreads connections over them.
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", limits.body_bytes),
        )
    )
    server.add_generic_rpc_handlers((service.handler(),))
    port = server.add_insecure_port(address)
    await server.start()
    return server, port
