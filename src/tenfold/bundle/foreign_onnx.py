"""A model in the ONNX format, as other houses write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tenfold.bundle.foreign import Inputs, Original
from tenfold.bundle.predictors.onnx import Layout, Number, OnnxPredictor, ask, open_session
from tenfold.foundation.errors import InputError, StoreError
from tenfold.records.problem import Task

_NUMBERS: dict[str, Number] = {"tensor(float)": "float", "tensor(double)": "double", "tensor(int64)": "int64"}
TOLERANCE = 1e-6
"""Of a score between many rows at once and one by one: the runtime may add up in another order."""
_ANSWERS = ("tensor(float)", "tensor(double)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignOnnx:
    """A closed calculation with what it says about itself."""

    content: bytes
    layout: Layout
    inputs: Inputs
    classes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    kind: str = "onnx"

    @property
    def original(self) -> Original:
        """The same bytes, asked for many rows at once."""
        return Original(
            content=self.content,
            scorer="onnx_scores",
            preload=("onnxruntime",),
            extra="onnx",
            tolerance=TOLERANCE,
            facts={
                "inputs": [list(each) for each in self.layout.inputs],
                "output": self.layout.output,
            },
        )

    def predictor(self, task: Task, order: Sequence[int]) -> OnnxPredictor:
        """Return the calculation as a predictor; see `tenfold.bundle.foreign.Foreign`."""
        scores, layout = self.layout.scores, self.layout
        if task == "regression":
            if scores != 1:
                raise InputError(f"a regression has one number for a row, and the model gives {scores}")
            return self._with(layout, (0,))
        if task == "binary" and scores == 1:
            if tuple(order) != (0, 1):
                raise InputError("the model gives one probability; it must be that of the class the project looks for")
            return self._with(layout, ())
        if scores != len(order):
            raise InputError(f"the model gives {scores} numbers for a row, and the project has {len(order)} classes")
        return self._with(layout, tuple(order))

    def _with(self, layout: Layout, order: tuple[int, ...]) -> OnnxPredictor:
        chosen = Layout(
            inputs=layout.inputs, columns=layout.columns, output=layout.output, scores=layout.scores, order=order
        )
        return OnnxPredictor(self.content, layout=chosen)


def read_onnx(content: bytes) -> ForeignOnnx:
    """Return the model in the bytes of an ONNX file.

    Raises
    ------
    InputError
        When it is not one, is no closed calculation, or does not turn rows of numbers into numbers.
    """
    try:
        session = open_session(content)
    except StoreError as error:
        raise InputError(str(error)) from error
    try:
        inputs, columns = _inputs(session.get_inputs())
        output = _answer(session.get_outputs())
    except UnicodeDecodeError as error:
        raise InputError("the ONNX model has a name that is not text") from error
    names = () if len(inputs) == 1 and columns != 1 else tuple(name for name, _ in inputs)
    unordered = Layout(inputs=inputs, columns=columns, output=output, scores=1, order=())
    scores = _scores(session, unordered)
    layout = Layout(inputs=inputs, columns=columns, output=output, scores=scores, order=())
    return ForeignOnnx(content=content, layout=layout, inputs=Inputs(names=names, count=columns))


def _inputs(given: Sequence[Any]) -> tuple[tuple[tuple[str, Number], ...], int]:
    """Return the inputs, and how many columns they take: all in one, or one each."""
    strange = [f"'{each.name}' ({each.type})" for each in given if each.type not in _NUMBERS]
    if strange or not given:
        raise InputError(f"the model reads {', '.join(strange) or 'nothing'}; only numbers are given to it")
    widths = [each.shape[1] if len(each.shape) == 2 and isinstance(each.shape[1], int) else None for each in given]
    if any(width is None or width < 1 for width in widths) or (len(given) > 1 and set(widths) != {1}):
        raise InputError(
            "the model must read one table of numbers of a fixed width, or one column for each input; found "
            + ", ".join(f"'{each.name}' of shape {each.shape}" for each in given)
        )
    inputs = tuple((str(each.name), _NUMBERS[each.type]) for each in given)
    return inputs, len(given) if len(given) > 1 else int(widths[0] or 0)


def _answer(outputs: Sequence[Any]) -> str:
    """Return the output that is the prediction: the only one of fractions, or the one called for probabilities."""
    found = [each.name for each in outputs if each.type in _ANSWERS]
    if any("map" in each.type for each in outputs):
        raise InputError("the model gives its probabilities as a dictionary; write it without one (zipmap off)")
    likely = [name for name in found if "prob" in name.casefold()]
    if len(likely) == 1:
        return str(likely[0])
    if len(found) != 1:
        raise InputError(f"the model has {len(found)} outputs of numbers ({', '.join(found)}), and one is needed")
    return str(found[0])


def _scores(session: Any, layout: Layout) -> int:
    """Return how many numbers the model gives for a row, by asking for a row of zeros."""
    try:
        return len(ask(session, layout, np.zeros((1, layout.columns))))
    except StoreError as error:
        raise InputError(f"{error} (asked for a row of zeros)") from error
