"""The rows of a window: what was asked, what was answered, what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tenfold.measures.money import amounts_by_row, money, money_known
from tenfold.measures.outcome import Outcome
from tenfold.records.problem import Problem, ValueMatrix

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answered:
    """Predictions of one version, one row each.

    Attributes
    ----------
    inputs : polars.DataFrame
        The columns that the model read, canonical.
    scores : ndarray of shape (n, n_outputs)
        As the model gave them: probabilities by class, the positive class of a binary task last, or the number.
    decision : ndarray of shape (n,) or None
        Codes of the classes decided for; None for a regression.
    truth : polars.Series of n
        What came of each row, as the canonical table writes the target; null where that is not known.
    moments : polars.Series of n, or None
        When each row belongs to, in UTC.
    """

    inputs: pl.DataFrame
    scores: Floats
    decision: Codes | None
    truth: pl.Series
    moments: pl.Series | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.truth)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """The rows of a window whose outcome is known, judged as in the lab; ``odd`` counts outcomes that fit no class."""

    inputs: pl.DataFrame
    outcome: Outcome
    odd: int = 0


def known_rows(problem: Problem, rows: Answered) -> Known | None:
    """Return the rows whose outcome is known and whose scores are numbers; None when there are none."""
    truth, odd = _truth(problem, rows.truth)
    usable = np.isfinite(truth) & np.isfinite(rows.scores).all(axis=1)
    if not usable.any():
        return None
    scores = rows.scores[usable]
    if problem.task == "regression":
        outcome = Outcome(task=problem.task, truth=truth[usable], scores=scores)
        return Known(inputs=rows.inputs.filter(usable), outcome=outcome, odd=odd)
    codes = truth[usable].astype(np.int64)
    decision = None if rows.decision is None else rows.decision[usable]
    brought = None
    if problem.value is not None and decision is not None:
        brought = _money(problem, problem.value, codes, decision, rows.inputs.filter(usable))
    outcome = Outcome(task=problem.task, truth=codes, scores=scores, decision=decision, money=brought)
    return Known(inputs=rows.inputs.filter(usable), outcome=outcome, odd=odd)


def _money(problem: Problem, value: ValueMatrix, codes: Codes, decision: Codes, inputs: pl.DataFrame) -> Floats | None:
    """Return what decisions brought; None where amounts hang on columns that predictions are not made from."""
    if not money_known(problem, inputs):
        return None
    return money(codes, decision, value, amounts_by_row(problem, inputs))


def _truth(problem: Problem, truth: pl.Series) -> tuple[Floats, int]:
    """Return class codes or numbers as floats, NaN where nothing usable is known, and how many fit no class."""
    if problem.task == "regression":
        numbers: Floats = truth.cast(pl.Float64, strict=False).to_numpy().astype(np.float64)
        return numbers, 0
    codes = {name: code for code, name in enumerate(problem.classes)}
    found = truth.cast(pl.String).replace_strict(codes, default=None, return_dtype=pl.Float64)
    return found.to_numpy().astype(np.float64), int(found.null_count() - truth.null_count())
