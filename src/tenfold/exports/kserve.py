"""A version on KServe: an InferenceService that runs its image, whole or as a canary beside the one before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tenfold.exports.in_image import InImage
from tenfold.exports.manifests import Manifest, about, as_yaml, container, image_of, volumes, whole_number
from tenfold.exports.protocols import Subject

_WHOLE, _CANARY = "inferenceservice.yaml", "canary.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class KServeExport(InImage):
    """InferenceServices beside the folder of the image that they run."""

    @property
    def kind(self) -> str:
        return "kserve"

    @property
    def own_options(self) -> Mapping[str, str]:
        return {
            "replicas": "how many pods answer at least; else 1",
            "canary": "the percentage of requests that canary.yaml gives this version; else 10",
        }

    def manifests(self, subject: Subject) -> Mapping[str, bytes]:
        share = whole_number(subject, "canary", usual=10, least=1, most=99)
        image = image_of(subject)
        whole = f"{subject.ref} answers everything. Build and push image/ as {image} first."
        canary = (
            f"{subject.ref} answers {share} % of requests, and the revision rolled out before it the rest: apply it "
            f"over that one; {_WHOLE} ends the canary. For KServe's Knative mode, which alone divides requests."
        )
        return {
            _WHOLE: as_yaml(whole, [_service(subject, None)]),
            _CANARY: as_yaml(canary, [_service(subject, share)]),
        }


def _service(subject: Subject, share: int | None) -> Manifest:
    predictor: dict[str, Any] = {
        **({} if share is None else {"canaryTrafficPercent": share}),
        "minReplicas": whole_number(subject, "replicas", usual=1, least=0, most=1000),
        "automountServiceAccountToken": False,
        # Both names mean something: KServe looks for this container, Knative speaks HTTP/1.1 to this port.
        "containers": [container(subject, name="kserve-container", port_name="http1", startup=False)],
        "volumes": volumes(),
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": about(subject),
        "spec": {"predictor": predictor},
    }
