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
    variable = re.sub(r"[^a-z0-9]", "_", endpoint.name.lower())
    weights = weights_of(endpoint)
    whole = sum(weight for _, weight in weights)
    key = f'"{endpoint.salt}${{http_{ID_HEADER.replace("-", "_")}}}"'
    lines = [*_heading(endpoint, sticky=True), f"split_clients {key} $tenfold_{variable} {{"]
    # The champion is the rest: whatever nginx cannot place goes there.
    lines += [f"    {100 * weight / whole:g}% {_service(endpoint, route)};" for route, weight in weights[1:]]
    lines += [f"    * {_service(endpoint, weights[0][0])};", "}"]
    shadows, nobody = _shadows(endpoint), '""'
    for route in shadows:
        lines += [
            f"split_clients {key} $tenfold_{variable}_shadow {{",
            f"    {100 * route.share:g}% {_service(endpoint, route)};" if route.share < 1 else "",
            f"    * {_service(endpoint, route) if route.share >= 1 else nobody};",
            "}",
        ]
    lines += [
        f"upstream {_service(endpoint, route)} {{ server {_service(endpoint, route)}:{PORT}; }}"
        for route in endpoint.routes
    ]
    lines += [f"location /predict/{endpoint.name} {{"]
    if shadows:
        lines.append(f"    mirror /shadow/{endpoint.name};")
    lines += [f"    proxy_pass http://$tenfold_{variable};", "}"]
    if shadows:
        lines += [
            f"location = /shadow/{endpoint.name} {{",
            "    internal;",
            f'    if ($tenfold_{variable}_shadow = "") {{ return 204; }}',
            f"    proxy_pass http://$tenfold_{variable}_shadow/predict/{endpoint.name};",
            "}",
        ]
    return "\n".join(line for line in lines if line) + "\n"


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
