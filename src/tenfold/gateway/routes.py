"""Which path asks which endpoint for what, in which protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from tenfold.foundation.errors import did_you_mean
from tenfold.gateway.codecs.mlflow import MLflow
from tenfold.gateway.codecs.native import Native, NativeExplained
from tenfold.gateway.codecs.protocols import Codec
from tenfold.gateway.codecs.v2 import V2
from tenfold.gateway.endpoint import ServedEndpoint
from tenfold.gateway.refused import Refused, shown

Work = Literal["predict", "explain"]
Protocol = Literal["native", "v2", "mlflow"]
NATIVE = Native()
EXPLAINED = NativeExplained()
_PREDICT = "/predict/"


class Call(NamedTuple):
    """What a path asks for: ``pinned`` is the number of the one version that may answer, None for whichever does."""

    endpoint: str
    work: Work
    protocol: Protocol
    pinned: str | None = None


def call_of(path: str, endpoints: Mapping[str, ServedEndpoint]) -> Call | None:
    """Return what a path asks an endpoint for; None where it is the path of something else, or of nothing."""
    if path.startswith(_PREDICT):
        return Call(path[len(_PREDICT) :], "predict", "native")
    match path.split("/"):
        case ["", "explain", name]:
            return Call(name, "explain", "native")
        case ["", "v2", "models", name, "infer"]:
            return Call(name, "predict", "v2")
        case ["", "v2", "models", name, "versions", version, "infer"]:
            return Call(name, "predict", "v2", version)
        case ["", "invocations"]:
            # MLflow's server has one model; here it is the one endpoint, where there is one.
            return Call(next(iter(endpoints)) if len(endpoints) == 1 else "", "predict", "mlflow")
        case ["", "endpoints", name, "invocations"]:
            return Call(name, "predict", "mlflow")
    return None


def codec_of(call: Call, endpoint: ServedEndpoint | None) -> Codec:
    """Return what reads and writes this one call."""
    if call.protocol == "native":
        return NATIVE if call.work == "predict" else EXPLAINED
    if call.protocol == "mlflow":
        return MLflow()
    live = None if endpoint is None else endpoint.live
    return V2(call.endpoint, None if live is None else live.version)


def endpoint_called(name: str, endpoints: Mapping[str, ServedEndpoint]) -> ServedEndpoint:
    """Return the endpoint of this name.

    Raises
    ------
    Refused
        When there is none.
    """
    found = endpoints.get(name)
    if found is None:
        raise unknown_endpoint(name, endpoints)
    return found


def unknown_endpoint(name: str, endpoints: Mapping[str, object]) -> Refused:
    """Return the refusal of a request to an endpoint that is not served; ``name`` is empty where it names none."""
    message = f"there is no endpoint '{shown(name)}'.{did_you_mean(shown(name), endpoints)}"
    if not name:
        message = f"{len(endpoints)} endpoints are served, and the path names none"
    return Refused("unknown_endpoint", message, field="endpoint", fix="name one that /readyz lists")
