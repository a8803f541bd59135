"""The portable model: what it reads, how it turns that into numbers, what it predicts, how it decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tenfold.bundle.conformal import conformal_columns
from tenfold.bundle.history import History
from tenfold.bundle.matrix import Floats
from tenfold.bundle.member import Member
from tenfold.bundle.predictors.protocols import Predictor
from tenfold.bundle.recalibration import recalibrated
from tenfold.bundle.signature import Signature
from tenfold.bundle.transforms.protocols import Row
from tenfold.bundle.view import FittedView
from tenfold.foundation.errors import DataError
from tenfold.measures.threshold import decide
from tenfold.records.evaluation import Conformal, Recalibration, Threshold
from tenfold.records.problem import Problem, Task, ValueMatrix

PREDICTION = "prediction"
PROBABILITY = "proba_"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One predictor of the ensemble: ``view`` names the view it reads, ``weight`` is its share."""

    key: str
    view: str
    weight: float
    predictor: Predictor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probe:
    """Canonical rows, and the scores of shape (n_rows, outputs) that the model gave them when it was written."""

    rows: pl.DataFrame
    scores: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A model as it is carried, loaded and served.

    Attributes
    ----------
    task : str
        ``binary``, ``multiclass`` or ``regression``.
    classes : tuple of str
        In the order of the probabilities; the positive class of a binary task is the last. Empty for regression.
    signature : Signature
        The columns that a prediction needs.
    views : mapping from name to FittedView
        Each computed once for all the parts that read it.
    parts : tuple of Part
        Weights add up to one; a model's scores are the weighted mean of theirs.
    threshold : Threshold or None
        From which probability on the positive class of a binary task is decided.
    value : ValueMatrix or None
        Money per decision: else the decision with the greatest expected value.
    history : History or None
        How lags among the signature's columns come about.
    reading : mapping
        How the text that the rows came from was written, for input without a header; empty where they came otherwise.
    recalibration : Recalibration or None
        What is done to the ensemble's probabilities.
    conformal : Conformal or None
        How intervals, or sets of classes, are made of predictions.
    probe : Probe or None
        Rows with the scores that they must give, wherever the model is loaded.
    """

    name: str
    task: Task
    target: str
    classes: tuple[str, ...]
    signature: Signature
    views: Mapping[str, FittedView]
    parts: tuple[Part, ...]
    threshold: Threshold | None = None
    value: ValueMatrix | None = None
    history: History | None = None
    reading: Mapping[str, str] = field(default_factory=dict)
    recalibration: Recalibration | None = None
    conformal: Conformal | None = None
    probe: Probe | None = None

    @classmethod
    def assembled(
        cls,
        members: Sequence[Member],
        *,
        problem: Problem,
        signature: Signature,
        threshold: Threshold | None = None,
        history: History | None = None,
        reading: Mapping[str, str] | None = None,
        recalibration: Recalibration | None = None,
        conformal: Conformal | None = None,
    ) -> Model:
        """Return the model of an ensemble's members; views that are equal are kept once."""
        views: dict[str, FittedView] = {}
        written: dict[str, Mapping[str, bytes]] = {}
        parts = []
        for member in members:
            content = member.view.files()
            name = next((name for name, other in written.items() if other == content), None)
            if name is None:
                name = f"{member.view_name}-{len(views) + 1}"
                views[name], written[name] = member.view, content
            parts.append(Part(key=member.key, view=name, weight=member.weight, predictor=member.predictor))
        return cls(
            name=problem.name,
            task=problem.task,
            target=problem.target,
            classes=problem.classes,
            signature=signature,
            views=views,
            parts=tuple(parts),
            threshold=threshold,
            value=problem.value,
            history=history,
            reading=reading or {},
            recalibration=recalibration,
            conformal=conformal,
        )

    @property
    def outputs(self) -> int:
        """Columns of the scores: one for each class, or one for regression."""
        return len(self.classes) or 1

    def scores(self, table: pl.DataFrame) -> Floats:
        """Return predictions for a canonical table, of shape (n_rows, outputs).

        Probabilities, the positive class of a binary task last, or the predicted numbers.
        """
        matrices = {name: view.apply(table).values for name, view in self.views.items()}
        total = np.zeros((table.height, self.outputs))
        for part in self.parts:
            total += part.weight * part.predictor.predict(matrices[part.view])
        return total if self.recalibration is None else recalibrated(total, self.recalibration)

    def scores_row(self, row: Row) -> Floats:
        """Return predictions for one canonical row, a mapping from column to value, of shape (1, outputs)."""
        matrices = {name: view.apply_row(row) for name, view in self.views.items()}
        total = np.zeros((1, self.outputs))
        for part in self.parts:
            total += part.weight * part.predictor.predict(matrices[part.view])
        return total if self.recalibration is None else recalibrated(total, self.recalibration)

    def predictions(self, scores: Floats, *, intervals: bool = False) -> pl.DataFrame:
        """Return scores as a table: ``prediction``, and ``proba_<class>`` for each class; see `predict`."""
        beside = self._intervals(scores) if intervals else []
        if self.task == "regression":
            return pl.DataFrame([pl.Series(PREDICTION, scores[:, 0]), *beside])
        decided = decide(scores, self.threshold, self.value)
        names = pl.Series(PREDICTION, self.classes, dtype=pl.String)[decided]
        probabilities = [pl.Series(f"{PROBABILITY}{name}", scores[:, place]) for place, name in enumerate(self.classes)]
        return pl.DataFrame([names, *probabilities, *beside])

    def _intervals(self, scores: Floats) -> list[pl.Series]:
        if self.conformal is None:
            raise DataError(
                f"the model '{self.name}' has no intervals: write `evaluation: {{intervals: 0.9}}` and run again"
            )
        return conformal_columns(scores, self.conformal, self.classes)

    def conform(self, rows: object, history: object | None = None) -> pl.DataFrame:
        """Return rows as the canonical table that the model reads; see `predict`."""
        if self.history is not None:
            return self.history.filled(rows, history, self.signature)
        if history is not None:
            raise DataError(f"the model '{self.name}' reads nothing of earlier rows, so it takes no history")
        return self.signature.conform(rows)

    def predict(self, rows: object, *, history: object | None = None, intervals: bool = False) -> pl.DataFrame:
        """Predict rows as a caller has them.

        Parameters
        ----------
        rows : polars.DataFrame, pandas.DataFrame or sequence of mappings
            See `Signature.conform`.
        history : the same, or None
            Earlier rows, for a model that reads lags which ``rows`` do not hold.
        intervals : bool
            Whether the columns ``low`` and ``high`` follow, or for classification ``set``, the classes among which the
            truth is, as a JSON array.

        Returns
        -------
        polars.DataFrame
            One row for each, in their order, with the column ``prediction`` and, for classification, a column
            ``proba_<class>`` for each class.

        Raises
        ------
        DataError
            When the rows do not have what the model reads, or the model has no intervals.
        """
        return self.predictions(self.scores(self.conform(rows, history)), intervals=intervals)
