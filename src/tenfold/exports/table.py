"""The exports there are, by the name that ``--to`` gives."""

from __future__ import annotations

from collections.abc import Mapping

from tenfold.exports.container import ContainerExport
from tenfold.exports.function.export import FunctionExport
from tenfold.exports.kserve import KServeExport
from tenfold.exports.kubernetes import KubernetesExport
from tenfold.exports.mlflow import MLflowExport
from tenfold.exports.onnx.export import OnnxExport
from tenfold.exports.protocols import Export
from tenfold.exports.sql.export import SqlExport
from tenfold.foundation.errors import InputError, did_you_mean


def export_called(kind: str) -> Export:
    """Return the export of this name.

    Raises
    ------
    InputError
        When there is none.
    """
    if kind not in EXPORTS:
        raise InputError(f"'{kind}' is not an export (there are: {', '.join(EXPORTS)}).{did_you_mean(kind, EXPORTS)}")
    return EXPORTS[kind]


_ALL: tuple[Export, ...] = (
    FunctionExport(),
    OnnxExport(),
    SqlExport(),
    ContainerExport(),
    KServeExport(),
    KubernetesExport(),
    MLflowExport(),
)
EXPORTS: Mapping[str, Export] = {each.kind: each for each in _ALL}
