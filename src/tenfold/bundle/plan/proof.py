"""The proof that a plan is its model: rows that are hard to read get the same scores from both, or there is no plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from tenfold.bundle.canonical import Value
from tenfold.bundle.matrix import Floats
from tenfold.bundle.model import Model
from tenfold.bundle.plan.plan import Plan
from tenfold.bundle.signature import canonical_type
from tenfold.foundation.errors import StoreError
from tenfold.records.dataset import Field, Kind

TOLERANCE = 1e-9
_BASES = 3
"""So many of the rows that are known are varied, column by column."""

_EXTREMES: dict[Kind, tuple[Value, ...]] = {
    "numeric": (0.0, -0.0, 7, -7, 5e-324, 1e12, -1e12, 3.5e38, 1e150, -1.7e308, 1.7e308),
    "boolean": (False, True),
    "categorical": ("\u2603 never seen", "x" * 200, "0", "nan"),
    "text": ("\u2603 never seen", "x " * 200, "\t\n\r a\u00a0b", "0"),
    "datetime": (
        datetime(1900, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2024, 2, 29, 12, tzinfo=UTC),
        datetime(2025, 3, 30, 1, 30, tzinfo=UTC),
        datetime(2025, 10, 26, 0, 59, 59, tzinfo=UTC),
        datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC),
    ),
}


def prove(model: Model, rows: pl.DataFrame) -> float:
    """Compare a model's plan with the model itself, and return the greatest difference of a score.

    Rows are given and rows made of them: null in each column and in all, unseen and empty-looking words, the extremes
    of numbers, whole numbers for floats, moments at the edges of clocks. The model reads them as a table; the plan as
    requests of one row, and all at once.

    Parameters
    ----------
    rows : DataFrame
        Canonical rows, at least one where the model reads anything.

    Raises
    ------
    StoreError
        When a score differs by more than 1e-9, relative to its size where that is above one, or one of both fails on a
        row that the other answers: the message names the row's peculiarity.
    """
    plan = Plan.of(model)
    fields = model.signature.fields
    given = rows.select(model.signature.names).rows()
    cases = hard_rows(fields, given)
    expected = _each(cases, lambda few: _by_table(model, few))
    found = {
        "one by one": [_each([case], lambda few: plan.scores_row(few[0][1]))[0] for case in cases],
        "all at once": _each(cases, lambda few: _by_plan(plan, few)),
    }
    worst = 0.0
    for how, scores in found.items():
        for (why, _), known, other in zip(cases, expected, scores, strict=True):
            apart = _apart(known, other)
            if not apart <= TOLERANCE:
                raise StoreError(
                    f"the model '{model.name}' cannot be served: its plan gives {_words(other)} where the model gives "
                    f"{_words(known)} ({why}, {how}); training and serving would differ"
                )
            worst = max(worst, apart)
    return worst


def hard_rows(fields: Sequence[Field], given: Sequence[tuple[Any, ...]]) -> list[tuple[str, tuple[Value, ...]]]:
    """Return the given rows and rows that are hard to read, each with what is peculiar about it."""
    cases: list[tuple[str, tuple[Value, ...]]] = [(f"row {place}", row) for place, row in enumerate(given)]
    cases.append(("nothing known", (None,) * len(fields)))
    bases = [given[round(place)] for place in np.linspace(0, len(given) - 1, min(_BASES, len(given)))]
    for number, row in enumerate(bases):
        cases.append((f"row {number} in whole numbers", tuple(_whole(value) for value in row)))
        for at, field in enumerate(fields):
            cases += [
                (f"'{field.name}' as {_shown(value)}", (*row[:at], value, *row[at + 1 :]))
                for value in (None, *(_EXTREMES[field.kind] if number == 0 else ()))
            ]
    for place in range(max((len(extremes) for extremes in _EXTREMES.values()), default=0)):
        every = tuple(_EXTREMES[field.kind][place % len(_EXTREMES[field.kind])] for field in fields)
        cases.append(("every column at an extreme", every))
    return cases


Case = tuple[str, tuple[Value, ...]]
Outcome = Floats | Exception


def _each(cases: Sequence[Case], score: Callable[[Sequence[Case]], Floats]) -> list[Outcome]:
    """Return the scores of each row; of rows that cannot be scored, what was raised."""
    with np.errstate(all="ignore"):
        try:
            return list(score(cases))
        except (ArithmeticError, ValueError, TypeError, LookupError) as error:
            if len(cases) == 1:
                return [error]
        # Whose fault it is shows row by row.
        return [outcome for case in cases for outcome in _each([case], score)]


def _by_table(model: Model, cases: Sequence[Case]) -> Floats:
    columns = []
    for at, field in enumerate(model.signature.fields):
        values = [row[at] for _, row in cases]
        if field.kind == "numeric":
            values = [None if value is None else float(value) for value in values]  # type: ignore[arg-type]  # numbers
        columns.append(pl.Series(field.name, values, dtype=canonical_type(field.kind)))
    return model.scores(pl.DataFrame(columns) if columns else pl.DataFrame(height=len(cases)))


def _by_plan(plan: Plan, cases: Sequence[Case]) -> Floats:
    return plan.scores(list(zip(*(row for _, row in cases), strict=True)), len(cases))


def _apart(known: Outcome, other: Outcome) -> float:
    if isinstance(known, Exception) or isinstance(other, Exception):
        return 0.0 if isinstance(known, Exception) and isinstance(other, Exception) else math.inf
    if known.shape != other.shape:
        return math.inf
    finite = np.isfinite(known)
    if not np.array_equal(known[~finite], other[~finite], equal_nan=True) or not np.isfinite(other[finite]).all():
        return math.inf
    apart = np.abs(other[finite] - known[finite]) / np.maximum(1.0, np.abs(known[finite]))
    return float(apart.max(initial=0.0))


def _whole(value: Value) -> Value:
    return int(value) if type(value) is float and math.isfinite(value) and abs(value) < 2.0**63 else value


def _words(outcome: Outcome) -> str:
    return f"{type(outcome).__name__}" if isinstance(outcome, Exception) else str(outcome.tolist())


def _shown(value: Value) -> str:
    return repr(value)[:30]
