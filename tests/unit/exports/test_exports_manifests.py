"""Manifests against the published schemas of Kubernetes 1.37 (Apache-2.0), cut to what is written here.

`kubernetes_schemas.json` names every field that a manifest may have: one that is new, misspelt or of another type
fails.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deployed_scene import subject
from ruamel.yaml import YAML

from tenfold.exports.container import PORT, USER, ContainerExport
from tenfold.exports.kserve import KServeExport
from tenfold.exports.kubernetes import KubernetesExport
from tenfold.exports.protocols import Subject
from tenfold.foundation.errors import InputError

SCHEMAS = json.loads((Path(__file__).parent / "kubernetes_schemas.json").read_bytes())
POD = SCHEMAS["Deployment"]["properties"]["spec"]["properties"]["template"]["properties"]["spec"]
# What KServe adds to a pod (ComponentExtensionSpec).
PREDICTOR = {
    **POD,
    "properties": {
        **POD["properties"],
        "canaryTrafficPercent": {"type": "integer"},
        "minReplicas": {"type": "integer"},
    },
}
INFERENCE_SERVICE = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"type": "string", "enum": ["serving.kserve.io/v1beta1"]},
        "kind": {"type": "string", "enum": ["InferenceService"]},
        "metadata": SCHEMAS["Service"]["properties"]["metadata"],
        "spec": {"type": "object", "required": ["predictor"], "properties": {"predictor": PREDICTOR}},
    },
}
TYPES: dict[str, type] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "number": float,
}


def faults(schema: dict[str, Any], value: Any, place: str = "") -> list[str]:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if type(value) not in {TYPES[kind] for kind in kinds}:
        return [f"{place}: {value!r} is no {' or '.join(kinds)}"]
    found = [f"{place}: {value!r}"] if "enum" in schema and value not in schema["enum"] else []
    if isinstance(value, dict):
        found += [f"{place}.{name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, each in value.items():
            known = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            found += [f"{place}.{name} is unknown"] if known is None else faults(known, each, f"{place}.{name}")
    if isinstance(value, list):
        found += [fault for each in value for fault in faults(schema["items"], each, f"{place}[]")]
    return found


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return subject(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def asked(bundled: Subject, monkeypatch: pytest.MonkeyPatch) -> Subject:
    # The image beside the manifests has tests of its own.
    monkeypatch.setattr(ContainerExport, "files", lambda *_: {"Dockerfile": b"FROM scratch\n"})
    return bundled


def documents(content: bytes) -> list[Any]:
    assert b"&id" not in content
    return list(YAML(typ="safe").load_all(content))


def test_every_manifest_has_only_fields_and_types_that_kubernetes_publishes(asked: Subject) -> None:
    written = documents(KubernetesExport().files(asked)["kubernetes.yaml"])
    assert [each["kind"] for each in written] == ["Deployment", "Service", "PodDisruptionBudget"]
    for each in written:
        assert not faults(SCHEMAS[each["kind"]], each)


def test_the_check_of_fields_finds_a_misspelt_one_and_a_wrong_type(asked: Subject) -> None:
    deployment = documents(KubernetesExport().files(asked)["kubernetes.yaml"])[0]
    deployment["spec"]["replicas"] = "2"
    deployment["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    found = faults(SCHEMAS["Deployment"], deployment)
    assert [fault.split(":")[0].split(" ")[0] for fault in found] == [
        ".spec.replicas",
        ".spec.template.spec.containers[].readinesProbe",
    ]


def test_the_service_and_the_budget_find_the_pods_of_the_deployment(asked: Subject) -> None:
    deployment, service, budget = documents(KubernetesExport().files(asked)["kubernetes.yaml"])
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    for chosen in (
        deployment["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        budget["spec"]["selector"]["matchLabels"],
    ):
        assert chosen.items() <= labels
        # A selector can never change: it must not name the version.
        assert "app.kubernetes.io/version" not in chosen
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["ports"][0]["name"] == service["spec"]["ports"][0]["targetPort"]


@pytest.mark.parametrize("export", [KubernetesExport(), KServeExport()])
def test_pods_have_no_rights_and_write_only_to_volumes_of_their_own(
    export: KubernetesExport | KServeExport, asked: Subject
) -> None:
    for content in (text for name, text in export.files(asked).items() if name.endswith(".yaml")):
        whole = documents(content)[0]["spec"]
        pod = whole["template"]["spec"] if "template" in whole else whole["predictor"]
        (container,) = pod["containers"]
        rights = container["securityContext"]
        assert (rights["runAsNonRoot"], rights["runAsUser"], rights["readOnlyRootFilesystem"]) == (True, USER, True)
        assert (rights["allowPrivilegeEscalation"], rights["capabilities"]) == (False, {"drop": ["ALL"]})
        assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
        assert "/srv/.tenfold/log" in {each["mountPath"] for each in container["volumeMounts"]}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": PORT}


def test_an_inference_service_is_a_pod_with_kserves_own_fields_and_the_canary_differs_by_its_share_alone(
    asked: Subject,
) -> None:
    files = KServeExport().files(replace(asked, options={"canary": "25", "image": "registry.example/team/stays:3"}))
    (whole,), (canary,) = documents(files["inferenceservice.yaml"]), documents(files["canary.yaml"])
    for each in (whole, canary):
        assert not faults(INFERENCE_SERVICE, each)
    (container,) = whole["spec"]["predictor"]["containers"]
    # The names by which KServe finds the container and Knative its port.
    assert (container["name"], container["ports"][0]["name"]) == ("kserve-container", "http1")
    assert container["image"] == "registry.example/team/stays:3"
    assert canary["spec"]["predictor"].pop("canaryTrafficPercent") == 25
    assert canary == whole


def test_an_endpoints_name_becomes_a_name_of_dns(asked: Subject) -> None:
    for endpoint, name in (("Stays_1", "stays-1"), ("7days", "model-7days"), ("x" * 90, "x" * 50)):
        (service,) = documents(KServeExport().files(replace(asked, endpoint=endpoint))["inferenceservice.yaml"])
        assert service["metadata"]["name"] == name


@pytest.mark.parametrize(
    ("export", "options", "said"),
    [
        (KServeExport(), {"canary": "100"}, "canary is a whole number from 1 to 99; found '100'"),
        (KubernetesExport(), {"replicas": "two"}, "replicas is a whole number from 1 to 1000; found 'two'"),
        (KubernetesExport(), {"image": "Not An Image"}, "does not name an image"),
    ],
)
def test_a_wrong_option_is_refused_with_what_it_should_be(
    export: KubernetesExport | KServeExport, options: dict[str, str], said: str, asked: Subject
) -> None:
    with pytest.raises(InputError, match=said):
        export.files(replace(asked, options=options))
