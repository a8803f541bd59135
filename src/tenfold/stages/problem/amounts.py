"""Money per decision where rows differ: amounts as expressions over the columns."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import polars as pl

from tenfold.foundation.errors import DataError
from tenfold.foundation.expression import columns_of
from tenfold.measures.money import row_amount
from tenfold.records.problem import ValueMatrix
from tenfold.stages.problem.options import Amounts

Written: TypeAlias = tuple[tuple[float | str, ...], ...]
"""Amounts as the file says them, truth by decision."""


def four_amounts(amounts: Amounts) -> Written:
    """Return the amounts of a binary task, the positive class last."""
    return (
        (amounts.true_negative, amounts.false_positive),
        (amounts.false_negative, amounts.true_positive),
    )


def value_by_row(amounts: Amounts | None) -> tuple[tuple[str, ...], ...]:
    """Return the expressions among the four amounts, truth by decision; empty where there are none."""
    if amounts is None:
        return ()
    texts = tuple(tuple(cell if isinstance(cell, str) else "" for cell in row) for row in four_amounts(amounts))
    return texts if any(cell for row in texts for cell in row) else ()


def read_value(classes: tuple[str, ...], written: Written, labels: pl.Series, table: Path) -> ValueMatrix:
    """Return the matrix of amounts; for an expression its mean over the rows whose truth it is about.

    Parameters
    ----------
    labels : polars.Series of length n_rows
        The class of each row of the table, under the target's name.

    Raises
    ------
    DataError
        When an expression reads the target, fits no column, or gives no number in any row.
    """
    read = {name for row in written for cell in row if isinstance(cell, str) for name in columns_of(cell)}
    if labels.name in read:
        raise DataError(f"`problem.value` reads the target '{labels.name}', which is not known when a decision is made")
    known = pl.scan_parquet(table).collect_schema().names()
    # Of no column at all not even the number of rows would be read.
    rows = pl.read_parquet(table, columns=[name for name in known if name in read] or [labels.name])
    return ValueMatrix(
        classes=classes,
        amounts=tuple(
            tuple(_mean(cell, rows, labels == name) if isinstance(cell, str) else float(cell) for cell in row)
            for name, row in zip(classes, written, strict=True)
        ),
    )


def _mean(text: str, rows: pl.DataFrame, of_class: pl.Series) -> float:
    known = row_amount(text, rows).filter(of_class.fill_null(False)).drop_nulls()
    if not len(known):
        raise DataError(f"`problem.value`: '{text}' has no amount in any row of the class that it is about")
    return float(known.to_numpy().mean())
