"""A version as a container: a folder from which an image is built without a network, and what it is made of.

The folder holds the store that the gateway serves, wheels of every package that it needs, locked by hash, and a bill
of materials. Its proof is made by an interpreter that sees these wheels and nothing else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files as resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import orjson

from tenfold.bundle.container import read_files, sealed, zipped
from tenfold.bundle.model import PREDICTION, PROBABILITY
from tenfold.bundle.signing import FOLDER, SUFFIX, TRUSTED_VARIABLE
from tenfold.exports.asked import written_rows
from tenfold.exports.bill import bill_of_materials
from tenfold.exports.isolated import Isolated, isolated, predictions_of
from tenfold.exports.proof import differences
from tenfold.exports.protocols import Answers, Refused, Rows, Subject
from tenfold.exports.trusted import PACKAGE, environment_of, key_files, signature_file, variable_of
from tenfold.exports.wheels import Wheel, closure, given, own_wheel, packed
from tenfold.foundation.errors import InputError
from tenfold.foundation.fingerprint import hash_bytes
from tenfold.records.release import Endpoint, Route
from tenfold.store import endpoints

PORT = 8471
USER = 10001
"""A user of no name: an image may be run by any."""
_NEEDED = ("granian", "numpy", "orjson", "polars", "pydantic", "rich", "typer", "tzdata")
"""What ``tenfold serve`` imports; what only the lab needs stays out of the image."""
_TOLERANCE = 1e-9
_OPENMP = """\
# The trees' library needs OpenMP. An image that has it, as one without a network must, is left as it is.
RUN python3 -c "import ctypes; ctypes.CDLL('libgomp.so.1')" 2>/dev/null \\
 || (apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*)"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROBED = 20
_TRUSTED, _TRUSTED_IN_IMAGE = "trusted", "/etc/tenfold/trusted"
"""Not in the store: whose signature counts is never read from what is loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerExport:
    """The folder of an image that answers as ``tenfold serve`` does."""

    @property
    def kind(self) -> str:
        return "container"

    @property
    def tolerance(self) -> float:
        return _TOLERANCE

    @property
    def options(self) -> Mapping[str, str]:
        return {
            "base": f"the image to build on, with Python {_python()} and its venv; else {_base()}",
            "wheels": "a folder of wheels to take; else they are made of what is installed here",
            "endpoint": "the name that it answers under; else the endpoint of the project's file",
        }

    def files(self, subject: Subject) -> Mapping[str, bytes]:
        if sys.platform != "linux":
            raise Refused(
                f"an image holds Linux packages, and here is {sys.platform}, where they cannot be proven; export it on "
                "Linux"
            )
        dockerfile = _dockerfile(subject)
        wheels = _wheels(subject)
        return {
            "Dockerfile": dockerfile.encode(),
            ".dockerignore": b"*\n!requirements.txt\n!wheels\n!store\n!trusted\n",
            "README.md": _readme(subject).encode(),
            "requirements.txt": _locked(wheels).encode(),
            "sbom.cdx.json": bill_of_materials(subject, wheels),
            **_store(subject),
            **key_files(subject, _TRUSTED),
            **{f"wheels/{wheel.file}": wheel.content for wheel in wheels},
        }

    def answers(self, folder: Path, subject: Subject, rows: Rows) -> Answers:
        name = endpoint_of(subject)
        route = json.loads((folder / "store" / "endpoints" / f"{name}.json").read_bytes())["routes"][0]
        question = {
            "bundle": str((folder / "store" / route["path"]).absolute()),
            "name": route["bundle"],
            "rows": written_rows(rows),
        }
        wheels = (path.read_bytes() for path in sorted((folder / "wheels").iterdir()))
        with isolated(wheels, environment_of(subject, folder / _TRUSTED)) as alone:
            found = alone.ask(["-m", "tenfold.exports.asked"], question)
            _check_served(alone, folder / "store", subject)
        decisions = None if found["decisions"] is None else tuple(found["decisions"])
        scores = np.array(found["scores"], dtype=np.float64).reshape(len(rows), subject.model.outputs)
        return Answers(scores=scores, decisions=decisions)


def endpoint_of(subject: Subject) -> str:
    """Return the name that the image answers under.

    Raises
    ------
    InputError
        When no endpoint can be called so.
    """
    name = subject.options.get("endpoint") or subject.endpoint or subject.model.name
    endpoints.manifest_path(Path(), name)
    return name


def as_one_file(bundle: Path) -> bytes:
    """Return a bundle, be it a folder or a zip, as one zip."""
    if bundle.is_file():
        return bundle.read_bytes()
    _, content = read_files(bundle)
    return zipped(sealed(content))


def _check_served(alone: Isolated, store: Path, subject: Subject) -> None:
    """Ask the gateway of the image over HTTP what the bundle's own rows get.

    Raises
    ------
    Refused
        When it does not come up, refuses a row or answers otherwise.
    """
    model = subject.model
    if model.probe is None:
        return
    needed = [name for name, policy in subject.fields.items() if policy.missing == "reject"]
    places = [
        place for place, row in enumerate(model.probe.rows.iter_rows(named=True)) if None not in map(row.get, needed)
    ][:_PROBED]
    if not places:
        return
    rows = model.probe.rows[places]
    # As a caller writes them; moments with their offset are read in every format of a column.
    instances = json.loads(orjson.dumps(rows.to_dicts()))
    with alone.serving(store) as url:
        found = predictions_of(url, endpoint_of(subject), instances)
    names = [f"{PROBABILITY}{name}" for name in model.classes]
    scores = [[each[name] for name in names] if names else [_number(each)] for each in found]
    apart = differences(model.probe.scores[places], np.array(scores, dtype=np.float64))
    if not apart.max(initial=0.0) <= _TOLERANCE:
        raise Refused(f"served, it gives row {int(np.argmax(apart))} of its probe rows another score than was stored")


def _number(answer: Any) -> float:
    return float(answer[PREDICTION] if isinstance(answer, dict) else answer)


def _wheels(subject: Subject) -> tuple[Wheel, ...]:
    alone = []
    needed = list(_NEEDED)
    kinds = {part.predictor.kind for part in subject.model.parts}
    if "lightgbm" in kinds:
        # Its C library alone is used: what its Python package requires is not.
        alone.append("lightgbm")
    if "onnx" in kinds:
        needed.append("onnxruntime")
    if subject.trusted:
        needed.append(PACKAGE)
    names = closure(needed, alone=alone)
    folder = subject.options.get("wheels")
    if folder is None:
        return (*(packed(name) for name in names), own_wheel())
    if not Path(folder).is_dir():
        raise InputError(f"there is no folder '{folder}' to take wheels from")
    return (*given(Path(folder), names), own_wheel())


def _store(subject: Subject) -> dict[str, bytes]:
    """Return a store that holds this one version, as a release would publish it."""
    content = as_one_file(subject.place)
    blob = hash_bytes(content)
    route = Route(
        ref=subject.ref,
        bundle=subject.bundle,
        path=f"blobs/{blob[:2]}/{blob}",
        threshold=None if subject.model.threshold is None else subject.model.threshold.value,
    )
    # Equal versions make equal images: the moment is that of no clock.
    served = Endpoint(name=endpoint_of(subject), revision=1, routes=(route,), at=_EPOCH, fields=subject.fields)
    return {
        f"store/{route.path}": content,
        f"store/endpoints/{served.name}.json": endpoints.written(served),
        **signature_file(subject, f"store/{FOLDER}/{subject.bundle}{SUFFIX}"),
    }


def _locked(wheels: tuple[Wheel, ...]) -> str:
    lines = [
        f"{wheel.name}=={wheel.version} \\\n    --hash=sha256:{wheel.sha256}"
        for wheel in sorted(wheels, key=lambda each: each.name)
    ]
    return "# Every package of the image, by the hash of its wheel in wheels/.\n" + "\n".join(lines) + "\n"


def _dockerfile(subject: Subject) -> str:
    base = subject.options.get("base") or _base()
    if not base.isprintable() or any(letter.isspace() for letter in base):
        raise InputError(f"'{base}' does not name an image")
    name, _, version = subject.ref.partition("@")
    written = Template((resources("tenfold.exports") / "templates" / "Dockerfile").read_text(encoding="utf-8"))
    needs_openmp = any(part.predictor.kind == "lightgbm" for part in subject.model.parts)
    return written.substitute(
        base=base,
        python=_python(),
        libraries=_OPENMP if needs_openmp else "",
        trusted=_trust(subject),
        user=USER,
        port=PORT,
        title=json.dumps(name),
        version=json.dumps(version),
        bundle=json.dumps(subject.bundle),
    )


def _trust(subject: Subject) -> str:
    """Return the lines by which the image loads only what one of the keys signed; none where any bundle counts."""
    if not subject.trusted:
        return ""
    return (
        "# A bundle that none of these keys signed is not served, whoever lays it into the store.\n"
        f"COPY {_TRUSTED} {_TRUSTED_IN_IMAGE}\n"
        f"ENV {TRUSTED_VARIABLE}={variable_of(subject, _TRUSTED_IN_IMAGE)}"
    )


def _base() -> str:
    return f"docker.io/library/python:{_python()}-slim-bookworm"


def _python() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _trust_said(subject: Subject) -> str:
    if not subject.trusted:
        return ""
    keys = ", ".join(key.fingerprint for key in subject.trusted)
    return (
        f"- `{_TRUSTED}/` holds the public keys that the project trusts ({keys}): the image serves only what one of\n"
        "  them signed, and refuses a bundle that was exchanged in its store.\n"
    )


def _readme(subject: Subject) -> str:
    name = endpoint_of(subject)
    tag = subject.ref.replace("@", ":")
    return f"""\
# {subject.ref} as a container

    docker build --tag {tag} .
    docker run --read-only --tmpfs /tmp --tmpfs /srv/.tenfold/served:uid={USER} --volume {name}-log:/srv/.tenfold/log \\
        --publish 127.0.0.1:{PORT}:{PORT} {tag}
    curl http://127.0.0.1:{PORT}/predict/{name} --json '{{"instances": [...]}}'

`buildah build --format docker --tag {tag} .` builds the same; the format keeps the health check. Nothing is fetched
but the base image (`--build-arg BASE=...` takes another one with Python {_python()} and its venv).

- `store/` is what is served: the bundle, and the manifest that names it by its hash. The image does not follow the
  registry: another version is another image.
- `wheels/` and `requirements.txt` hold every package, locked by hash. The wheels were made of what was installed where
  the proof was made; their hashes are therefore not those of an index, unless the option `wheels` named a folder.
{_trust_said(subject)}\
- `sbom.cdx.json` is the bill of materials (CycloneDX): packages with licences and hashes, and the model.
- `proof.json` says on how many hard rows these very packages gave the model's scores; `evidence.json` how the version
  was judged.

It runs as user {USER}, who may write the log of predictions and nothing else. Keep `/srv/.tenfold/log` on a volume, one
for each replica, if predictions are to be judged later. It asks nobody who they are: let only those reach it who may
ask.
"""
