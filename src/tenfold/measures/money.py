"""Money per decision: what the value matrix says that decisions bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tenfold.measures.metric import Metric, Moments, Statistics, first
from tenfold.measures.outcome import Codes, Floats, Outcome
from tenfold.records.problem import Problem, ValueMatrix

if TYPE_CHECKING:
    import polars as pl


def amounts_of(matrix: ValueMatrix) -> Floats:
    """Return the matrix as an array of shape (K, K): truth by decision."""
    return np.asarray(matrix.amounts, dtype=np.float64)


def row_amount(text: str, table: pl.DataFrame) -> pl.Series:
    """Return the amount of each row, an expression over its columns; null where it has none.

    Raises
    ------
    DataError
        When the expression does not fit the columns, or gives no numbers.
    """
    import polars as pl

    from tenfold.foundation.errors import DataError
    from tenfold.foundation.expression import evaluate

    amount = evaluate(text, table)
    if not amount.dtype.is_numeric():
        raise DataError(f"`problem.value`: '{text}' gives {amount.dtype}; an amount of money, a number, is needed")
    numbers = amount.cast(pl.Float64)
    return numbers.set(~numbers.is_finite().fill_null(False), None)


def amounts_by_row(problem: Problem, table: pl.DataFrame) -> Floats | None:
    """Return the amounts of each row, shape (n, K, K); None where every row brings the same.

    A row whose amount is missing counts with the mean over the table that the matrix was read from.
    """
    matrix = problem.value
    if matrix is None or not problem.value_by_row:
        return None
    amounts = np.repeat(amounts_of(matrix)[None], table.height, axis=0)
    for truth, texts in enumerate(problem.value_by_row):
        for decision, text in enumerate(texts):
            if text:
                mean = matrix.amounts[truth][decision]
                amounts[:, truth, decision] = row_amount(text, table).fill_null(mean).to_numpy()
    return amounts


def money_known(problem: Problem, table: pl.DataFrame) -> bool:
    """Whether a table has every column that amounts by row are read from."""
    from tenfold.foundation.expression import columns_of

    read = {name for row in problem.value_by_row for text in row if text for name in columns_of(text)}
    return read <= set(table.columns)


def money(truth: Codes, decision: Codes, matrix: ValueMatrix, by_row: Floats | None = None) -> Floats:
    """Return what each decision brings, shape (n,).

    Parameters
    ----------
    by_row : ndarray of shape (n, K, K) or None
        The amounts of each row, where they differ.
    """
    if by_row is not None:
        brought: Floats = by_row[np.arange(len(truth)), truth, decision]
        return brought
    return amounts_of(matrix)[truth, decision]


def best_constant_action(
    truth: Codes, matrix: ValueMatrix, weight: Floats | None = None, by_row: Floats | None = None
) -> int:
    """Return the one decision that would have brought most if taken for every row; the lowest code on ties."""
    if by_row is not None:
        return int(np.argmax(np.average(by_row[np.arange(len(truth)), truth], axis=0, weights=weight)))
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
