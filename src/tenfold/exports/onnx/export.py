"""A version as one ONNX graph in double precision, with what a row goes through before the model inside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tenfold.bundle.canonical import Value
from tenfold.bundle.predictors.onnx import open_session
from tenfold.exports.onnx.graph import LABEL, MISSING_MOMENT, PREDICTION, PROBABILITIES, onnx_of
from tenfold.exports.protocols import Answers, Refused, Rows, Subject
from tenfold.exports.translate import translated
from tenfold.records.dataset import Kind

_FILE = "model.onnx"
_ALONE, _TOGETHER = 50, 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_README = """# {ref}

`model.onnx` is the model as one graph: what a row goes through before the model reads it is inside, and all of it is
calculated in double precision. It uses the standard operators alone (opset 21 with ai.onnx.ml 5: onnxruntime 1.20 or
later).

Each column is an input of shape (N, 1):

| column | type | missing is |
|---|---|---|
{inputs}

{outputs}

`proof.json` says on how many hard rows the graph was found to predict what the version predicts, run by onnxruntime,
and how far off it was at most; `evidence.json` holds what was judged of the version.
"""
_WRITTEN: Mapping[Kind, str] = {
    "numeric": "double | NaN",
    "boolean": "double: 1 or 0 | NaN",
    "categorical": "string, without blanks around it | the empty string",
    "text": "string, without blanks around it | the empty string",
    "datetime": "int64: microseconds since 1970, UTC | -9223372036854775808",
}


class OnnxExport:
    """The program as an ONNX graph, proven by onnxruntime."""

    kind: ClassVar[str] = "onnx"
    tolerance: ClassVar[float] = 1e-6
    options: ClassVar[Mapping[str, str]] = {}

    def files(self, subject: Subject) -> Mapping[str, bytes]:
        program = translated(subject.model)
        content = onnx_of(program, {"model": subject.ref, "bundle": subject.bundle})
        inputs = "\n".join(f"| `{field.name}` | {_WRITTEN[field.kind]} |" for field in program.fields)
        outputs = (
            f"`{PREDICTION}` of shape (N, 1) is the predicted number."
            if program.task == "regression"
            else f"`{LABEL}` of shape (N, 1) is the decided class, `{PROBABILITIES}` of shape (N, {program.outputs}) "
            f"are those of {', '.join(f'`{name}`' for name in program.classes)}."
        )
        return {_FILE: content, "README.md": _README.format(ref=subject.ref, inputs=inputs, outputs=outputs).encode()}

    def answers(self, folder: Path, subject: Subject, rows: Rows) -> Answers:
        session = open_session((folder / _FILE).read_bytes())
        fields = subject.model.signature.fields
        scores, decisions = [], []
        # Some rows alone: a runtime may take another path for them than for many.
        starts = [*range(min(_ALONE, len(rows))), *range(_ALONE, len(rows), _TOGETHER)]
        for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
            some = rows[start:end]
            given = {field.name: _column(field.kind, [row[at] for row in some]) for at, field in enumerate(fields)}
            try:
                found = session.run(None, given)
            except (RuntimeError, ValueError) as error:
                raise Refused(f"onnxruntime failed on rows {start} to {end}: {str(error)[:300]}") from error
            scores.append(found[-1])
            decisions += [] if subject.model.task == "regression" else [str(word) for word in found[0][:, 0]]
        return Answers(
            scores=np.concatenate(scores), decisions=tuple(decisions) if subject.model.task != "regression" else None
        )


def _column(kind: Kind, values: list[Value]) -> Any:
    if kind in {"numeric", "boolean"}:
        return np.array([[np.nan if value is None else value] for value in values], dtype=np.float64)
    if kind == "datetime":
        return np.array([[_moment(value)] for value in values], dtype=np.int64)
    return np.array([["" if value is None else value] for value in values], dtype=object)


def _moment(value: Value) -> int:
    return (value - _EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else MISSING_MOMENT
