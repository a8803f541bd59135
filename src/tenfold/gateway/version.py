"""One version of a model as an endpoint serves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from tenfold.bundle.canonical import Value
from tenfold.bundle.matrix import Floats
from tenfold.bundle.model import PREDICTION, PROBABILITY, Model
from tenfold.bundle.plan.plan import Plan
from tenfold.gateway.instances import Canonical, Conforming
from tenfold.gateway.policies import Imputed, Policing
from tenfold.measures.threshold import decide
from tenfold.records.release import FieldPolicy
from tenfold.store.predictions.log import Origin
from tenfold.store.predictions.masking import LEAST_NUMBER

SCORE = "score"


class Scored(NamedTuple):
    """Predictions of one request: canonical columns, scores of shape (n_rows, outputs), classes decided.

    ``imputed`` names of each row the columns whose values were left out; None where none were. ``short``: no number in
    ``columns`` is so long that it could be a person's, for all that is known.
    """

    columns: Canonical
    scores: Sequence[Sequence[float]]
    decisions: Sequence[str] | None
    imputed: Imputed | None = None
    short: bool = False


class NotFinite(ArithmeticError):
    """The model gave something that is not a number; ``instance`` is the first such row, counted from 0."""

    def __init__(self, instance: int):
        super().__init__(f"no finite prediction for instance {instance}")
        self.instance = instance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Version:
    """A loaded, verified model with its name, its bundle's hash and its place in the log."""

    ref: str
    bundle: str
    model: Model
    plan: Plan
    conforming: Conforming
    policies: Mapping[str, FieldPolicy]
    policing: Policing | None
    keys: tuple[str, ...]
    origin: Origin
    cut: float | None

    @classmethod
    def of(
        cls,
        model: Model,
        *,
        endpoint: str,
        ref: str,
        bundle: str,
        policies: Mapping[str, FieldPolicy] | None = None,
    ) -> Version:
        """Return a model as the version ``ref`` of an endpoint, whose values are held to policies."""
        policing = Policing(model.signature, policies or {})
        probabilities = tuple(f"{PROBABILITY}{name}" for name in model.classes)
        return cls(
            ref=ref,
            bundle=bundle,
            model=model,
            plan=Plan.of(model),
            conforming=Conforming(model.signature),
            policies=policies or {},
            policing=None if policing.idle else policing,
            keys=(PREDICTION, *probabilities),
            cut=model.threshold.value if len(model.classes) == 2 and model.threshold is not None else None,
            origin=Origin(
                endpoint=endpoint,
                ref=ref,
                bundle=bundle,
                kinds={field.name: field.kind for field in model.signature.fields},
                outputs=probabilities or (SCORE,),
                codes=frozenset(field.name for field in model.signature.fields if field.personal == "codes"),
            ),
        )

    def score(self, instances: Sequence[dict[str, Any]]) -> Scored:
        """Predict instances by the model's plan.

        Raises
        ------
        Refused
            When an instance is not what the signature says.
        NotFinite
            When a score is not a finite number.
        """
        columns: Sequence[Sequence[Value]]
        imputed = None
        if self.policing is not None:
            instances, imputed = self.policing.held(instances)
        if len(instances) == 1:
            row = self.conforming.conform_one(instances[0])
            columns = [(value,) for value in row]
            return self._scored_alone(self.plan.scores_row(row), columns, imputed)
        conformed = self.conforming.conform(instances)
        columns = conformed.columns
        scores = self.plan.scores(columns, len(instances), conformed.numbers)
        finite = np.isfinite(scores)
        if not finite.all():
            raise NotFinite(int(np.argmin(finite.all(axis=1))))
        return Scored(
            columns=dict(zip(self.origin.kinds, columns, strict=True)),
            scores=scores.tolist(),
            decisions=self._decided(scores),
            imputed=imputed,
            short=not (np.abs(conformed.numbers) >= LEAST_NUMBER).any(),
        )

    def _scored_alone(self, scores: Floats, columns: Sequence[Sequence[Value]], imputed: Imputed | None) -> Scored:
        """Return one row's scores as `score` does, without an array for each question about them."""
        rows = scores.tolist()
        if not all(map(isfinite, rows[0])):
            raise NotFinite(0)
        # With a cut as `decide` does for two classes and a threshold.
        cut = self.cut
        decisions = self._decided(scores) if cut is None else [self.model.classes[rows[0][1] >= cut]]
        return Scored(
            columns=dict(zip(self.origin.kinds, columns, strict=True)),
            scores=rows,
            decisions=decisions,
            imputed=imputed,
        )

    def predictions(self, scored: Scored) -> list[Any]:
        """Return scored rows as they are answered: objects, or plain numbers for a regression."""
        if scored.decisions is None:
            return [row[0] for row in scored.scores]
        keys = self.keys
        if len(keys) == 3:
            # Two classes are what is asked for most, and a literal costs a fifth of a call.
            decision, first, second = keys
            return [
                {decision: decided, first: row[0], second: row[1]}
                for decided, row in zip(scored.decisions, scored.scores, strict=True)
            ]
        return [
            dict(zip(keys, (decided, *row), strict=True))
            for decided, row in zip(scored.decisions, scored.scores, strict=True)
        ]

    def _decided(self, scores: Floats) -> list[str] | None:
        if not self.model.classes:
            return None
        codes = decide(scores, self.model.threshold, self.model.value)
        return [self.model.classes[code] for code in codes.tolist()]
