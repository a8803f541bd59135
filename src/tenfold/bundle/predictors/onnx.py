"""A model in the ONNX format, run by onnxruntime on one thread, one row at a time.

A runtime may add up a batch in another order than a single row. Asked row by row, it gives a row the same prediction
alone and among others, on which every comparison of ours rests.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np

from tenfold.bundle.matrix import Floats
from tenfold.bundle.predictors.onnx_wire import check_onnx
from tenfold.foundation.errors import DataError, StoreError
from tenfold.foundation.optional import require
from tenfold.foundation.serial import canonical_json, from_json

Number = Literal["float", "double", "int64"]
_NUMBERS: Mapping[Number, type[np.generic]] = {"float": np.float32, "double": np.float64, "int64": np.int64}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How numbers go in and come out.

    Attributes
    ----------
    inputs : tuple of (name, number type)
        One input that takes all columns, or one for each column.
    columns : int
    output : str
        The output that is the prediction.
    scores : int
        How many numbers it has for a row.
    order : tuple of int
        For each column of our prediction, which of these numbers it is; empty for the probability of the positive class
        alone, whose complement is then the other one.
    """

    inputs: tuple[tuple[str, Number], ...]
    columns: int
    output: str
    scores: int
    order: tuple[int, ...]


def open_session(content: bytes) -> Any:
    """Return a runtime session for a model that was checked.

    Raises
    ------
    MissingExtra
        When onnxruntime is not installed.
    StoreError
        When the runtime refuses the model.
    """
    check_onnx(content)
    runtime = require("onnxruntime", extra="onnx", purpose="a model in the ONNX format")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except _failures() as error:
        raise StoreError(f"the ONNX model cannot be run: {_first_line(error)}") from error


class OnnxPredictor:
    """A closed ONNX calculation over the matrix of a view.

    Parameters
    ----------
    content : bytes
        The model.
    layout : Layout

    Raises
    ------
    StoreError
        When the bytes are no closed calculation with the standard operators.
    """

    kind: ClassVar[str] = "onnx"
    __slots__ = ("_content", "_lock", "_session", "layout")

    def __init__(self, content: bytes, *, layout: Layout):
        check_onnx(content)
        self._content = content
        self.layout = layout
        self._session: Any = None
        self._lock = threading.Lock()

    def predict(self, values: Floats) -> Floats:
        if values.shape[1] != self.layout.columns:
            raise ValueError(f"the model reads {self.layout.columns} columns, not {values.shape[1]}")
        with self._lock:
            if self._session is None:
                self._session = open_session(self._content)
        raw = np.empty((len(values), self.layout.scores))
        for number in range(len(values)):
            raw[number] = self._row(values[number : number + 1])
        if self.layout.order:
            return np.ascontiguousarray(raw[:, list(self.layout.order)])
        return np.hstack([1.0 - raw, raw])

    def _row(self, row: Floats) -> Floats:
        flat = ask(self._session, self.layout, row)
        if len(flat) != self.layout.scores:
            raise StoreError(f"the ONNX model gave {len(flat)} numbers for a row, not {self.layout.scores}")
        return flat

    def files(self) -> dict[str, bytes]:
        return {"onnx.json": canonical_json(self.layout), "model.onnx": self._content}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> OnnxPredictor:
        """Build it again from its files."""
        from tenfold.bundle.predictors.onnx_trial import try_onnx

        made = cls(files["model.onnx"], layout=from_json(Layout, files["onnx.json"]))
        try_onnx(files["model.onnx"], made.layout)
        return made

    def __reduce__(self) -> tuple[object, tuple[bytes, Layout]]:
        # A session stays in its process; another one opens its own.
        return _rebuilt, (self._content, self.layout)


def ask(session: Any, layout: Layout, row: Floats) -> Floats:
    """Return what the model says of one row, as numbers of shape (n,).

    Raises
    ------
    StoreError
        When the model fails on it.
    """
    inputs = layout.inputs
    if len(inputs) == 1:
        given = {inputs[0][0]: _typed(row, inputs[0][1])}
    else:
        given = {name: _typed(row[:, place : place + 1], kind) for place, (name, kind) in enumerate(inputs)}
    try:
        (found,) = session.run([layout.output], given)
    except _failures() as error:
        raise StoreError(f"the ONNX model failed on a row: {_first_line(error)}") from error
    flat: Floats = np.asarray(found, dtype=np.float64).reshape(-1)
    return flat


def _rebuilt(content: bytes, layout: Layout) -> OnnxPredictor:
    return OnnxPredictor(content, layout=layout)


def _typed(values: Floats, kind: Number) -> Any:
    if kind == "int64" and not np.isfinite(values).all():
        raise DataError("the model reads whole numbers and has no word for missing")
    return values.astype(_NUMBERS[kind])


@cache
def _failures() -> tuple[type[Exception], ...]:
    """Return what the runtime raises: its errors share no parent of their own."""
    runtime = require("onnxruntime", extra="onnx", purpose="a model in the ONNX format")
    known = vars(runtime.capi.onnxruntime_pybind11_state).values()
    own = (kind for kind in known if isinstance(kind, type) and issubclass(kind, Exception))
    return RuntimeError, ValueError, *own


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
