"""What the file's ``validation`` section says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Strategy = Literal["auto", "holdout", "kfold", "stratified", "group", "time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationOptions:
    """How the rows shall be divided.

    Attributes
    ----------
    strategy : str
        ``auto`` chooses from the data and says why.
    test, validation : float
        Share of all rows that judges, and that chooses. ``test`` 0: nothing is sealed, every row is used in
        development and judged by cross-validation. ``validation`` counts only where there is one validation part
        instead of folds.
    folds : int
        Number of folds where there are folds.
    gap_seconds : float
        Time left free between rows that train and rows that measure; never less than the delay of the labels.
    """

    strategy: Strategy = "auto"
    test: float = 0.15
    validation: float = 0.15
    folds: int = 5
    gap_seconds: float = 0.0
