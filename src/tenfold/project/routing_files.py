"""An endpoint's division as the routers write it that teams have already: Istio, the Gateway API, nginx.

They divide requests, not ids: the shares are the same, but only nginx keeps a caller with one version, by a header.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias, get_args

from tenfold.records.release import Endpoint, Route

Router: TypeAlias = Literal["istio", "gateway-api", "nginx"]
ROUTERS: tuple[Router, ...] = get_args(Router)
PORT = 8471
ID_HEADER = "x-tenfold-id"
_SCALE = 10_000


def routing_file(endpoint: Endpoint, router: Router) -> str:
    """Return a router's configuration with the shares of a manifest.

    Each version is a service of its own, called ``<endpoint>-v<number>``.
    """
    return _WRITERS[router](endpoint)


def weights_of(endpoint: Endpoint) -> tuple[tuple[Route, int], ...]:
    """Return who answers, each with a whole weight; weights add up to 100, or to 10,000 where shares need it."""
    answering = [route for route in endpoint.routes if route.role != "shadow"]
    others = [route for route in answering if route.role == "candidate"]
    scale = 100 if all(abs(100 * route.share - round(100 * route.share)) < 1e-9 for route in others) else _SCALE
    weights = {route.ref: max(1, round(scale * route.share)) for route in others}
    rest = scale - sum(weights.values())
    return tuple((route, weights.get(route.ref, rest)) for route in answering)


def _istio(endpoint: Endpoint) -> str:
    name = _name(endpoint.name)
    lines = [
        *_heading(endpoint, sticky=False),
        "apiVersion: networking.istio.io/v1",
        "kind: VirtualService",
        "metadata:",
        f"  name: {name}",
        "spec:",
        f"  hosts: [{name}]",
        "  http:",
        "    - route:",
    ]
    for route, weight in weights_of(endpoint):
        lines += [
            "        - destination:",
            f"            host: {_service(endpoint, route)}",
            f"            port: {{number: {PORT}}}",
            f"          weight: {weight}",
        ]
    for route in _shadows(endpoint):
        lines += [
            "      mirrors:",
            f"        - destination: {{host: {_service(endpoint, route)}, port: {{number: {PORT}}}}}",
            f"          percentage: {{value: {100 * route.share:g}}}",
        ]
    return "\n".join(lines) + "\n"


def _gateway_api(endpoint: Endpoint) -> str:
    name = _name(endpoint.name)
    lines = [
        *_heading(endpoint, sticky=False),
        "apiVersion: gateway.networking.k8s.io/v1",
        "kind: HTTPRoute",
        "metadata:",
        f"  name: {name}",
        "spec:",
        "  parentRefs:",
        "    - name: gateway  # yours",
        "  rules:",
        "    - matches:",
        f"        - path: {{type: PathPrefix, value: /predict/{endpoint.name}}}",
    ]
    for route in _shadows(endpoint):
        lines += [
            "      filters:",
            "        - type: RequestMirror",
            "          requestMirror:",
            f"            backendRef: {{name: {_service(endpoint, route)}, port: {PORT}}}",
            f"            fraction: {{numerator: {round(_SCALE * route.share)}, denominator: {_SCALE}}}",
        ]
    lines.append("      backendRefs:")
    for route, weight in weights_of(endpoint):
        lines.append(f"        - {{name: {_service(endpoint, route)}, port: {PORT}, weight: {weight}}}")
    return "\n".join(lines) + "\n"


def _nginx(endpoint: Endpoint) -> str:
    """Return a whole file for nginx's ``http`` block, such as one in ``conf.d``."""
    variable = f"tenfold_{re.sub(r'[^a-z0-9]', '_', endpoint.name.lower())}"
    key = f'"{endpoint.salt}${variable}_unit"'
    header = f"http_{ID_HEADER.replace('-', '_')}"
    weights = weights_of(endpoint)
    whole = sum(weight for _, weight in weights)
    lines = [
        *_heading(endpoint, sticky=True),
        "# Requests without the header are divided one by one.",
        f'map ${header} ${variable}_unit {{ "" $request_id; default ${header}; }}',
        f"split_clients {key} ${variable} {{",
        # The champion is the rest: whatever nginx cannot place goes there.
        *(f"    {100 * weight / whole:g}% {_service(endpoint, route)};" for route, weight in weights[1:]),
        f"    * {_service(endpoint, weights[0][0])};",
        "}",
    ]
    shadows = _shadows(endpoint)
    for route in shadows:
        # nginx reads two digits after the point.
        part = (
            []
            if route.share >= 1.0
            else [f"    {max(0.01, round(100 * route.share, 2)):g}% {_service(endpoint, route)};"]
        )
        rest = _service(endpoint, route) if route.share >= 1.0 else '""'
        lines += [f"split_clients {key} ${variable}_shadow {{", *part, f"    * {rest};", "}"]
    lines += [
        f"upstream {_service(endpoint, route)} {{ server {_service(endpoint, route)}:{PORT}; }}"
        for route in endpoint.routes
    ]
    lines += [
        "server {",
        "    listen 80;  # yours",
        f"    location ~ ^/(predict|explain)/{re.escape(endpoint.name)}$ {{",
        *([f"        mirror /shadow/{endpoint.name};"] if shadows else []),
        f"        proxy_pass http://${variable};",
        "    }",
    ]
    if shadows:
        lines += [
            f"    location = /shadow/{endpoint.name} {{",
            "        internal;",
            f'        if (${variable}_shadow = "") {{ return 204; }}',
            f"        proxy_pass http://${variable}_shadow/predict/{endpoint.name};",
            "    }",
        ]
    return "\n".join([*lines, "}"]) + "\n"


_WRITERS: Mapping[Router, Callable[[Endpoint], str]] = {
    "istio": _istio,
    "gateway-api": _gateway_api,
    "nginx": _nginx,
}


def _heading(endpoint: Endpoint, *, sticky: bool) -> list[str]:
    kept = (
        f"Callers that send the header {ID_HEADER} stay with one version."
        if sticky
        else "Requests are divided, not ids: one caller may get both versions. Tenfold's own gateway divides ids."
    )
    return [
        f"# {endpoint.name}, revision {endpoint.revision}: strategy {endpoint.strategy}. Written by `tenfold traffic`.",
        f"# {kept}",
    ]


def _shadows(endpoint: Endpoint) -> list[Route]:
    return [route for route in endpoint.routes if route.role == "shadow"]


def _service(endpoint: Endpoint, route: Route) -> str:
    return f"{_name(endpoint.name)}-v{route.ref.rpartition('@')[2]}"


def _name(text: str) -> str:
    """Return a name as Kubernetes takes it (RFC 1123)."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
