"""What the leak linter looks at: every row with its part, what each column is, and the target as numbers."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.records.dataset import Column, Dataset
from tenfold.records.features import FeatureLeak, LeakKind
from tenfold.records.problem import Problem

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_MOST_CLASSES = 10
_MOST_DECIMALS = 10
_NAMES_A_THING = re.compile(
    r"(^|[^a-z])(id|ids|uuid|guid|key|customer|client|patient|person|user|member|subject|household|account|device"
    r"|session|visitor|employee|student|machine|vehicle|store|shop|tail)([^a-z]|$)|[a-z](ID|Id|Key)($|[^a-z])"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LintGround:
    """What the linter looks at.

    Attributes
    ----------
    table : DataFrame
        All rows, with the target.
    part : ndarray of shape (n_rows,)
        train, validation, test or out.
    targets : ndarray of shape (n_rows, n_outputs)
        The number, or an indicator of the positive class, or of each of the ten most frequent classes.
    allowed : collection of str
        Columns that the user vouched for.
    """

    table: pl.DataFrame
    part: npt.NDArray[np.str_]
    targets: Floats
    data: Dataset
    problem: Problem
    groups: str | None = None
    split_by_time: bool = False
    allowed: Collection[str] = ()

    @property
    def looked_at(self) -> tuple[Column, ...]:
        """The columns that a leak may hide in: those that are, or could become, features."""
        return tuple(
            column
            for column in self.data.columns
            if column.role in {"feature", "time"}
            and column.available == "now"
            and column.name not in self.allowed
            and column.name != self.problem.time
        )

    @property
    def judged(self) -> Flags:
        """Rows that measure: the sealed test part, or where there is none, the validation part."""
        test: Flags = self.part == "test"
        validation: Flags = self.part == "validation"
        return test if test.any() else validation


def targets_of(target: pl.Series, problem: Problem) -> Floats:
    """Return the target as columns of numbers, as `LintGround.targets` says."""
    if problem.task == "regression":
        return target.cast(pl.Float64).to_numpy()[:, None]
    if problem.task == "binary":
        wanted = list(problem.classes[-1:])
    else:
        counts = target.value_counts(name="\0rows").sort(["\0rows", target.name], descending=[True, False])
        wanted = counts[target.name].head(_MOST_CLASSES).to_list()
    return np.column_stack([(target == label).fill_null(False).to_numpy() for label in wanted]).astype(np.float64)


def numbers(column: pl.Series) -> Floats:
    """Return a numeric or boolean column as floats, NaN where missing."""
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def unit_of(values: Floats) -> float:
    """Return the step in which numbers were rounded, 0 when they show more than ten decimals."""
    known = values[np.isfinite(values)][:500]
    for decimals in range(_MOST_DECIMALS + 1):
        if np.allclose(known, np.round(known, decimals), rtol=1e-13, atol=0):
            return float(10.0**-decimals)
    return 0.0


def names_a_thing(name: str) -> bool:
    """Whether a name is such as the key of a person or a thing has."""
    return bool(_NAMES_A_THING.search(name) or _NAMES_A_THING.search(name.lower()))


def leak(
    column: str, kind: LeakKind, reason: str, *, blocks: bool, strength: float | None = None, advice: str = ""
) -> FeatureLeak:
    """Return a finding; one that blocks says how to go on."""
    if blocks and not advice:
        advice = (
            f"; if it is known when the prediction is made, write `data: {{columns: {{{column}: {{allow: true}}}}}}`,"
            " else `{available: later}`"
        )
    return FeatureLeak(
        column=column, kind=kind, severity="block" if blocks else "warn", reason=reason + advice, strength=strength
    )
