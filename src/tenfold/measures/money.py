"""Money per decision: what the value matrix says that decisions bring."""

from __future__ import annotations

import numpy as np

from tenfold.measures.metric import Metric, Moments, Statistics, first
from tenfold.measures.outcome import Codes, Floats, Outcome
from tenfold.records.problem import ValueMatrix


def amounts_of(matrix: ValueMatrix) -> Floats:
    """Return the matrix as an array of shape (K, K): truth by decision."""
    return np.asarray(matrix.amounts, dtype=np.float64)


def money(truth: Codes, decision: Codes, matrix: ValueMatrix) -> Floats:
    """Return what each decision brings, shape (n,)."""
    return amounts_of(matrix)[truth, decision]


def best_constant_action(truth: Codes, matrix: ValueMatrix, weight: Floats | None = None) -> int:
    """Return the one decision that would have brought most if taken for every row; the lowest code on ties."""
    amounts = amounts_of(matrix)
    frequency = np.bincount(truth, weights=weight, minlength=len(amounts))
    return int(np.argmax(frequency @ amounts))


def _value(outcome: Outcome) -> Statistics:
    assert outcome.money is not None  # `objection` was asked before
    return Statistics(atoms=outcome.money[:, None])


VALUE_PER_ROW = Metric(
    name="value_per_row",
    form=Moments(statistics=_value, combine=first),
    needs=("money",),
    interval="mean",
    tails="two-sided",
)
