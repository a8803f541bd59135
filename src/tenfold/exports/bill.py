"""The bill of materials of an export, in CycloneDX 1.6 (ECMA-424): packages, licences, hashes, and the model."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from tenfold.exports.protocols import Subject
from tenfold.exports.wheels import OWN, Wheel
from tenfold.foundation.serial import canonical_json

_EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+(-only|-or-later)?( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")


def bill_of_materials(subject: Subject, wheels: Sequence[Wheel]) -> bytes:
    """Return the document; equal materials give equal bytes."""
    packages = [_package(wheel) for wheel in sorted(wheels, key=lambda each: each.name)]
    name, _, version = subject.ref.partition("@")
    model = {
        "type": "machine-learning-model",
        "bom-ref": f"model:{subject.ref}",
        "name": name,
        **({"version": version} if version else {}),
        "hashes": [{"alg": "SHA-256", "content": subject.bundle}],
        "description": f"a bundle of {subject.model.task}, named by the hash of its manifest",
    }
    body: dict[str, Any] = {
        "metadata": {"component": model},
        "components": packages,
        "dependencies": [
            {"ref": model["bom-ref"], "dependsOn": [each["bom-ref"] for each in packages]},
        ],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_OID, canonical_json(body).decode())
    return canonical_json(
        {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": serial.urn, "version": 1, **body}
    )


def _package(wheel: Wheel) -> dict[str, Any]:
    address = f"pkg:{'generic' if wheel.name == OWN else 'pypi'}/{quote(wheel.name)}@{quote(wheel.version)}"
    return {
        "type": "application" if wheel.name == OWN else "library",
        "bom-ref": address,
        "name": wheel.name,
        "version": wheel.version,
        "purl": address,
        "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
        **({"licenses": [_licence(wheel.licence)]} if wheel.licence else {}),
    }


def _licence(said: str) -> dict[str, Any]:
    """Return a licence as an SPDX expression where it is one, else by the name that the package gives it."""
    return {"expression": said} if _EXPRESSION.fullmatch(said) else {"license": {"name": said}}
