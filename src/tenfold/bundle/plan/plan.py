"""The plan: a model as it answers requests, without tables. Lowered once, when the model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tenfold.bundle.canonical import Value
from tenfold.bundle.matrix import Floats
from tenfold.bundle.model import Model
from tenfold.bundle.plan.lowering import Columns, LoweredView, clean, clean_number, lowered
from tenfold.bundle.predictors.protocols import Predictor
from tenfold.bundle.recalibration import recalibrated
from tenfold.records.evaluation import Recalibration

_ORDINARY = 1e100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What a model does to a request, in order.

    Attributes
    ----------
    numbers : tuple of int
        Which columns of the signature hold numbers or truth values.
    views : tuple of LoweredView
    parts : tuple of (view, weight, predictor)
        ``view`` is a number among the views.
    outputs : int
        Columns of the scores.
    own : tuple of str
        The steps that have no lowered form and go row by row, as ``view: kind(columns)``.
    """

    numbers: tuple[int, ...]
    views: tuple[LoweredView, ...]
    parts: tuple[tuple[int, float, Predictor], ...]
    outputs: int
    recalibration: Recalibration | None
    own: tuple[str, ...]

    @classmethod
    def of(cls, model: Model) -> Plan:
        """Return a model's plan."""
        kinds = {field.name: field.kind for field in model.signature.fields}
        views = {name: lowered(view, kinds) for name, view in model.views.items()}
        place = {name: number for number, name in enumerate(views)}
        return cls(
            numbers=tuple(at for at, kind in enumerate(kinds.values()) if kind in {"numeric", "boolean"}),
            views=tuple(views.values()),
            parts=tuple((place[part.view], part.weight, part.predictor) for part in model.parts),
            outputs=model.outputs,
            recalibration=model.recalibration,
            own=tuple(f"{name}: {step}" for name, view in views.items() for step in view.own),
        )

    def scores(self, columns: Columns, rows: int, numbers: Floats | None = None) -> Floats:
        """Return predictions of shape (rows, outputs), as `Model.scores` of a table does.

        Parameters
        ----------
        columns : sequence of sequences
            For each column of the signature, in order, its canonical values; whole numbers may stand for floats.
        numbers : ndarray of shape (rows, n_numbers), or None
            The columns of ``numbers`` as float64 with NaN for missing, where the caller has made them already.
        """
        if numbers is None:
            numbers = np.array([columns[at] for at in self.numbers], dtype=np.float64).reshape(-1, rows).T
        numbers = clean(numbers)
        return self._of([view.matrix(columns, numbers) for view in self.views], rows)

    def scores_row(self, row: Sequence[Value]) -> Floats:
        """Return predictions of shape (1, outputs) for one row's canonical values, in the signature's order."""
        values: list[Any] = list(row)
        for at in self.numbers:
            value = values[at]
            if value is None or not -_ORDINARY < value < _ORDINARY:
                values[at] = clean_number(value)
        return self._of([view.row(values) for view in self.views], 1)

    def _of(self, matrices: Sequence[Floats], rows: int) -> Floats:
        if len(self.parts) == 1 and self.parts[0][1] == 1.0:
            total = self.parts[0][2].predict(matrices[self.parts[0][0]])
        else:
            total = np.zeros((rows, self.outputs))
            for view, weight, predictor in self.parts:
                total += weight * predictor.predict(matrices[view])
        return total if self.recalibration is None else recalibrated(total, self.recalibration)
