"""A version as an MLflow model: a folder that ``mlflow.pyfunc.load_model`` opens."""

from __future__ import annotations

import io
import json
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from tenfold.bundle.model import PREDICTION, PROBABILITY, Model
from tenfold.bundle.signing import SUFFIX
from tenfold.exports.asked import written_rows
from tenfold.exports.container import as_one_file
from tenfold.exports.isolated import isolated
from tenfold.exports.protocols import Answers, Refused, Rows, Subject
from tenfold.exports.trusted import PACKAGE, key_files, signature_file
from tenfold.exports.wheels import own_wheel
from tenfold.foundation.serial import canonical_json, plain

_NEEDED = ("numpy", "orjson", "polars", "pydantic")
_LIBRARIES = {"lightgbm": "lightgbm", "onnx": "onnxruntime"}
_LOADER = "tenfold_pyfunc"
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class MLflowExport:
    """The folder of a pyfunc model: the bundle, a loader, and Tenfold's wheel for where it is not installed."""

    @property
    def kind(self) -> str:
        return "mlflow"

    @property
    def tolerance(self) -> float:
        return _TOLERANCE

    @property
    def options(self) -> Mapping[str, str]:
        return {}

    def files(self, subject: Subject) -> Mapping[str, bytes]:
        if subject.model.history is not None:
            raise Refused(
                f"{subject.ref} reads what was known of earlier rows, and a call of pyfunc has no place for them; "
                "export it to container, whose callers send it"
            )
        wheel = own_wheel()
        needed = _requirements(subject)
        return {
            "MLmodel": _yaml(_description(subject)),
            "requirements.txt": "".join(f"{line}\n" for line in needed).encode(),
            "python_env.yaml": _yaml({"python": _python(), "dependencies": ["-r requirements.txt"]}),
            "conda.yaml": _yaml(
                {
                    "name": "mlflow-env",
                    "channels": ["conda-forge"],
                    "dependencies": [f"python={_python()}", "pip", {"pip": ["mlflow", *needed]}],
                }
            ),
            f"code/{_LOADER}.py": (resources("tenfold.exports") / "mlflow_loader.py").read_bytes(),
            "data/bundle.zip": as_one_file(subject.place),
            "data/named.json": canonical_json({"version": subject.ref, "bundle": subject.bundle}),
            f"data/{wheel.file}": wheel.content,
            **key_files(subject, "code/trusted"),
            **signature_file(subject, f"data/bundle.zip{SUFFIX}"),
        }

    def answers(self, folder: Path, subject: Subject, rows: Rows) -> Answers:
        question = {"folder": str(folder.absolute()), "rows": written_rows(rows)}
        with isolated() as alone:
            # The packages of the requirements are those of here; Tenfold itself comes from the folder.
            alone.see(Path(np.__file__).parents[1])
            found = alone.ask([str(resources("tenfold.exports") / "asked_pyfunc.py")], question)
        decisions = None if found["decisions"] is None else tuple(found["decisions"])
        scores = np.array(found["scores"], dtype=np.float64).reshape(len(rows), subject.model.outputs)
        return Answers(scores=scores, decisions=decisions)


def _description(subject: Subject) -> dict[str, Any]:
    return {
        "flavors": {
            "python_function": {
                "loader_module": _LOADER,
                "code": "code",
                "data": "data",
                "python_version": _python(),
                "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
            }
        },
        "signature": {
            "inputs": json.dumps(
                # Tenfold reads each column as the model's signature says and refuses what does not fit. MLflow's own
                # types would refuse whole numbers for floats, and truth values of which some are missing.
                [{"type": "any", "name": field.name, "required": False} for field in subject.model.signature.fields]
            ),
            "outputs": json.dumps(_outputs(subject.model)),
            "params": None,
        },
        "metadata": {
            "tenfold": {
                "version": subject.ref,
                "bundle": subject.bundle,
                "inputs": [{"name": field.name, "kind": field.kind} for field in subject.model.signature.fields],
                "threshold": None if subject.model.threshold is None else plain(subject.model.threshold)["value"],
            }
        },
        # Equal versions make equal folders: the id is the bundle's, and there is no time in it.
        "model_uuid": uuid.uuid5(uuid.NAMESPACE_OID, subject.bundle).hex,
    }


def _outputs(model: Model) -> list[dict[str, str]]:
    if model.task == "regression":
        return [{"type": "double", "name": PREDICTION}]
    probabilities = [{"type": "double", "name": f"{PROBABILITY}{name}"} for name in model.classes]
    return [{"type": "string", "name": PREDICTION}, *probabilities]


def _requirements(subject: Subject) -> list[str]:
    kinds = {part.predictor.kind for part in subject.model.parts}
    names = [*_NEEDED, *(library for kind, library in _LIBRARIES.items() if kind in kinds)]
    if subject.trusted:
        names.append(PACKAGE)
    return [f"{name}=={version(name)}" for name in names]


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _yaml(document: Mapping[str, Any]) -> bytes:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    stream = io.BytesIO()
    yaml.dump(document, stream)
    return stream.getvalue()
