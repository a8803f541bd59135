"""Traces of requests for OpenTelemetry, sent as its own environment variables say (OTEL_EXPORTER_OTLP_ENDPOINT, ...).

Spans are made when a request is over, with the times that it had: nothing is done for them while it is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import InputError
from tenfold.gateway.visits import Visit, Visited


def traces(worker: int, clock: Clock, exporter: Any = None) -> tuple[Visited, Callable[[], None]]:
    """Return one that makes two spans of each request, the whole and its scoring, and what ends the sending.

    Parameters
    ----------
    exporter : SpanExporter, optional
        Where spans go; OTLP over HTTP otherwise.

    Raises
    ------
    InputError
        When the extra is not installed.
    """
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            exporter = OTLPSpanExporter()
    except ImportError as error:
        raise InputError("traces need OpenTelemetry: pip install 'tenfold[telemetry]'") from error
    provider = TracerProvider(resource=Resource.create({"service.name": "tenfold", "service.instance.id": str(worker)}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("tenfold.gateway")
    propagator = TraceContextTextMapPropagator()
    # Spans have times of day: what lies between the two clocks is taken once.
    beginning = round(clock.now().timestamp() * 1e9) - round(clock.monotonic() * 1e9)

    def at(seconds: float) -> int:
        return beginning + round(seconds * 1e9)

    def visited(visit: Visit) -> None:
        parent = propagator.extract({"traceparent": visit.trace} if visit.trace else {})
        facts: dict[str, Any] = {
            "http.request.method": "POST",
            "http.response.status_code": visit.status,
            "tenfold.endpoint": visit.endpoint,
            "tenfold.request_id": visit.request,
            "tenfold.rows": visit.rows,
        }
        if visit.version is not None:
            facts["tenfold.version"] = visit.version
        name = f"predict {visit.endpoint}"
        whole = tracer.start_span(name, parent, SpanKind.SERVER, facts, start_time=at(visit.arrived))
        if visit.began is not None:
            inside = set_span_in_context(whole, parent)
            tracer.start_span("score", inside, start_time=at(visit.began)).end(at(visit.ended))
        whole.end(at(visit.ended))

    return visited, provider.shutdown
