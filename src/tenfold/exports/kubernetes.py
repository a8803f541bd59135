"""A version on plain Kubernetes: a deployment of its image, a service, and a promise about disruptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tenfold.exports.container import USER
from tenfold.exports.in_image import InImage
from tenfold.exports.manifests import (
    Manifest,
    about,
    as_yaml,
    chosen_by,
    container,
    image_of,
    volumes,
    whole_number,
)
from tenfold.exports.protocols import Subject

_GRACE_SECONDS = 45
"""The gateway's own grace of thirty seconds, and what routes need until they know that a pod ends."""
_FORGET_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesExport(InImage):
    """A deployment and a service beside the folder of the image that they run."""

    @property
    def kind(self) -> str:
        return "kubernetes"

    @property
    def own_options(self) -> Mapping[str, str]:
        return {
            "replicas": "how many pods answer; else 2",
        }

    def manifests(self, subject: Subject) -> Mapping[str, bytes]:
        said = f"{subject.ref}. Build and push image/ as {image_of(subject)}, then: kubectl apply -f kubernetes.yaml"
        return {
            "kubernetes.yaml": as_yaml(said, [_deployment(subject), _service(subject), _disruption(subject)]),
        }


def _deployment(subject: Subject) -> Manifest:
    facts = about(subject)
    serving = container(subject, name="gateway", port_name="http", startup=True)
    # Routes learn late that a pod ends: it goes on answering until they know.
    serving["lifecycle"] = {
        "preStop": {
            "exec": {"command": ["/opt/tenfold/bin/python", "-c", f"import time; time.sleep({_FORGET_SECONDS})"]}
        }
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": facts,
        "spec": {
            "replicas": _replicas(subject),
            "selector": {"matchLabels": chosen_by(subject)},
            # A new version answers before an old one leaves.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": facts["labels"], "annotations": facts["annotations"]},
                "spec": {
                    "automountServiceAccountToken": False,
                    "securityContext": {"fsGroup": USER},
                    "terminationGracePeriodSeconds": _GRACE_SECONDS,
                    "containers": [serving],
                    "volumes": volumes(),
                },
            },
        },
    }


def _service(subject: Subject) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": about(subject),
        "spec": {
            "selector": chosen_by(subject),
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP", "appProtocol": "http"}],
        },
    }


def _disruption(subject: Subject) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": about(subject),
        # Of one pod none may be kept, or its node could never be emptied.
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": chosen_by(subject)}},
    }


def _replicas(subject: Subject) -> int:
    return whole_number(subject, "replicas", usual=2, least=1, most=1000)
