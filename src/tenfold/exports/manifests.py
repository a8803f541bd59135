"""What manifests of a cluster have in common: names, labels, the pod that runs the image, and how they are written."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML

from tenfold.exports.container import PORT, USER, endpoint_of
from tenfold.exports.protocols import Subject
from tenfold.foundation.errors import InputError

IMAGE = "image/"
"""Where the folder of the image lies beside the manifests."""
_LONGEST_NAME = 50
_ANSWERS, _READY = "/healthz", "/readyz"
_IMAGE_NAME = re.compile(r"[a-z0-9][a-z0-9._:/-]*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?")

Manifest = Mapping[str, Any]


def name_of(subject: Subject) -> str:
    """Return the endpoint as a name of a cluster: a label of DNS (RFC 1035)."""
    name = re.sub(r"[^a-z0-9]+", "-", endpoint_of(subject).lower()).strip("-")
    if not name or not name[0].isalpha():
        name = f"model-{name}".rstrip("-")
    return name[:_LONGEST_NAME].rstrip("-")


def image_of(subject: Subject) -> str:
    """Return the image that the manifests run.

    Raises
    ------
    InputError
        When the option does not name an image.
    """
    _, _, version = subject.ref.partition("@")
    image = subject.options.get("image") or f"{name_of(subject)}:{version or subject.bundle[:12]}"
    if _IMAGE_NAME.fullmatch(image) is None:
        raise InputError(f"'{image}' does not name an image: write it as registry.example/{name_of(subject)}:{version}")
    return image


def whole_number(subject: Subject, option: str, *, usual: int, least: int, most: int) -> int:
    """Return an option that is a number.

    Raises
    ------
    InputError
        When it is none, or too small or too large.
    """
    written = subject.options.get(option, str(usual))
    if not written.isascii() or not written.isdigit() or not least <= int(written) <= most:
        raise InputError(f"{option} is a whole number from {least} to {most}; found '{written}'")
    return int(written)


def about(subject: Subject) -> dict[str, Any]:
    """Return the metadata of an object: what it is called, which version it is, by which bundle."""
    _, _, version = subject.ref.partition("@")
    return {
        "name": name_of(subject),
        "labels": {
            **chosen_by(subject),
            "app.kubernetes.io/version": version or subject.bundle[:12],
            "app.kubernetes.io/managed-by": "tenfold",
        },
        "annotations": {"tenfold/version": subject.ref, "tenfold/bundle": subject.bundle},
    }


def chosen_by(subject: Subject) -> dict[str, str]:
    """Return the labels by which a service finds its pods: the same for each version."""
    return {"app.kubernetes.io/name": name_of(subject), "app.kubernetes.io/component": "model"}


def container(subject: Subject, *, name: str, port_name: str, startup: bool) -> dict[str, Any]:
    """Return the container: without rights, its file system read-only but for the log and what is counted beside it."""
    looked_at = {"httpGet": {"path": _READY, "port": PORT}}
    return {
        "name": name,
        "image": image_of(subject),
        "ports": [{"name": port_name, "containerPort": PORT, "protocol": "TCP"}],
        # A gateway that is loading its model is not dead yet: a slow node is given a minute.
        **({"startupProbe": {**looked_at, "periodSeconds": 2, "failureThreshold": 30}} if startup else {}),
        "readinessProbe": {**looked_at, "periodSeconds": 5, "timeoutSeconds": 2},
        "livenessProbe": {
            "httpGet": {"path": _ANSWERS, "port": PORT},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
            **({} if startup else {"initialDelaySeconds": 30}),
        },
        "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [
            {"name": "log", "mountPath": "/srv/.tenfold/log"},
            {"name": "served", "mountPath": "/srv/.tenfold/served"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
        ],
    }


def volumes() -> list[dict[str, Any]]:
    """Return the places that a pod writes to; they go with it."""
    return [{"name": name, "emptyDir": {"sizeLimit": size}} for name, size in _WRITTEN.items()]


def as_yaml(said: str, manifests: Sequence[Manifest]) -> bytes:
    """Return manifests as one file of YAML 1.2 documents, with a comment above them."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # the order is meant for people
    yaml.width = 120
    yaml.representer.ignore_aliases = _never
    stream = io.StringIO()
    yaml.dump_all(manifests, stream)
    return f"# {said}\n{stream.getvalue()}".encode()


def _never(_: object) -> bool:
    """Say that nothing is written as a reference to what stands above: people edit manifests."""
    return True


_WRITTEN = {"log": "2Gi", "served": "64Mi", "tmp": "256Mi"}
