"""Predictions beside what really happened: what every metric is computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tenfold.foundation.errors import InputError
from tenfold.records.problem import Task

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Rows = NDArray[np.bool_] | NDArray[np.int64]


class UndefinedMetric(InputError):
    """A metric has no value on these rows: one class only, no positive decision, no value matrix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a model said of some rows, and the truth.

    Attributes
    ----------
    task : str
        ``binary``, ``multiclass`` or ``regression``.
    truth : ndarray of shape (n,)
        Class codes (int64), or the target (float64).
    scores : ndarray of shape (n, n_outputs)
        Probabilities per class, the positive class of a binary task last; or the predicted value, shape (n, 1).
    decision : ndarray of shape (n,) or None
        Class codes decided for; None for a regression.
    money : ndarray of shape (n,) or None
        What each decision brought, by the value matrix.
    weight : ndarray of shape (n,) or None
        Importance of each row, not negative; None means equal.
    group : ndarray of shape (n,) or None
        Rows with an equal entry (of any type that sorts) belong together: they are resampled together.

    Raises
    ------
    InputError
        When shapes disagree, or a score, a true value or a weight is not finite.
    """

    task: Task
    truth: Codes | Floats
    scores: Floats
    decision: Codes | None = None
    money: Floats | None = None
    weight: Floats | None = None
    group: NDArray[np.generic] | None = None

    def __post_init__(self) -> None:
        n = len(self.truth)
        if self.scores.ndim != 2 or len(self.scores) != n:
            raise InputError(
                f"scores of shape {self.scores.shape} do not fit {n} true values: shape ({n}, outputs) is needed"
            )
        for name in ("decision", "money", "weight", "group"):
            part = getattr(self, name)
            if part is not None and part.shape != (n,):
                raise InputError(f"{name} of shape {part.shape} does not fit {n} true values")
        for name in ("scores", "money", "weight", "truth"):
            part = getattr(self, name)
            if part is not None and not np.isfinite(part).all():
                raise InputError(f"{name} holds {int((~np.isfinite(part)).sum())} values that are not finite numbers")
        if self.weight is not None and n and (self.weight.min() < 0 or not self.weight.any()):
            raise InputError("weights must not be negative, and at least one must be positive")

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.truth)

    @property
    def classes(self) -> int:
        """Number of classes; 1 for a regression."""
        return int(self.scores.shape[1])

    def take(self, rows: Rows) -> Outcome:
        """Return the outcome of some rows only, given by index or by a boolean mask."""

        def part(values: NDArray[np.generic] | None) -> NDArray[np.generic] | None:
            return None if values is None else values[rows]

        return Outcome(
            task=self.task,
            truth=self.truth[rows],
            scores=self.scores[rows],
            decision=part(self.decision),  # type: ignore[arg-type]  # indexing keeps the dtype
            money=part(self.money),  # type: ignore[arg-type]  # likewise
            weight=part(self.weight),  # type: ignore[arg-type]  # likewise
            group=part(self.group),
        )
