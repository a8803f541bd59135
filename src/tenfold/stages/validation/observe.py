"""What the rows themselves say about how they hang together: an order in time, entities that repeat, copies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.foundation.context import Received
from tenfold.records.dataset import Column, Dataset
from tenfold.records.problem import Problem
from tenfold.stages.validation.rows import COPIES_FILE

Floats = npt.NDArray[np.float64]

_KEY_NAME = re.compile(
    r"(^|[^a-z])(id|uuid|guid|key|customer|client|user|patient|subject|person|household|store|shop|account|device|"
    r"session|family|school|hospital|site|station)(_?(id|no|nr|key|code))?$",
    re.IGNORECASE,
)
_KEY_CAMEL = re.compile(r"[a-z](ID|Id|Key)$")
_FEWEST_VALUES = 10
_FEWEST_EACH = 2.0
_ALIKE = 0.1
_CERTAIN = 1e-4
_FEWEST_TIMES = 20
_IN_ORDER = 0.999
_NEIGHBOURS = 0.1
_FEWEST_ROWS = 100
_FEW_KINDS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """A column whose values name things that come back.

    ``alike`` is the part of the target's spread that lies between them (the intraclass correlation), ``certain``
    whether that is no chance. ``declared``: the file says that it is the entity.
    """

    column: str
    values: int
    rows_each: float
    alike: float
    certain: bool
    declared: bool = False
    times_each: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was seen.

    Attributes
    ----------
    ordered_by : str or None
        A datetime column, not declared as the time, by which the rows stand in order.
    repeats : Repeats or None
        The column whose values come back and hold rows that resemble each other most.
    copies : int
        Rows that are copies of another.
    neighbours : float
        Correlation of the target with that of the next row, where it is no chance and rows are not sorted by it.
    """

    ordered_by: str | None = None
    repeats: Repeats | None = None
    copies: int = 0
    neighbours: float = 0.0

    def sentences(self, *, time: str | None) -> tuple[str, ...]:
        """Return what was seen, for a person."""
        told = []
        if self.repeats is not None and time is not None and self.repeats.times_each is not None:
            told.append(
                f"a panel: {self.repeats.values:,} values of '{self.repeats.column}', each at"
                f" {self.repeats.times_each:.1f} times on average"
            )
        elif self.repeats is not None:
            told.append(
                f"'{self.repeats.column}' has {self.repeats.values:,} values with {self.repeats.rows_each:.1f} rows"
                f" each, and {self.repeats.alike:.0%} of the target's spread lies between them"
            )
        if self.ordered_by is not None:
            told.append(f"the rows stand in the order of '{self.ordered_by}'")
        elif self.neighbours:
            told.append(f"the targets of neighbouring rows are correlated ({self.neighbours:.2f})")
        if self.copies:
            told.append(f"{self.copies:,} rows are copies of another")
        return tuple(told)


def observe(problem: Problem, dataset: Received[Dataset]) -> Observed:
    """Look at the table; nothing here depends on chance."""
    columns = [column for column in dataset.record.columns if column.name != problem.target]
    moments = [
        column
        for column in columns
        if column.field.kind == "datetime" and column.available == "now" and column.name != problem.time
    ]
    keys = _keys(columns, dataset.record.rows)
    wanted = dict.fromkeys(
        name for name in (problem.target, problem.time, *(each.name for each in (*moments, *keys))) if name is not None
    )
    table = pl.read_parquet(dataset.files["table.parquet"], columns=list(wanted))
    target = _as_numbers(table[problem.target], problem)
    ordered_by = None
    if problem.time is None:
        ordered_by = next((each.name for each in moments if _in_order(table[each.name])), None)
    return Observed(
        ordered_by=ordered_by,
        repeats=_repeats(table, keys, target, problem.time),
        copies=_copies(dataset),
        neighbours=0.0 if problem.time is not None else _neighbours(target),
    )


def _keys(columns: Sequence[Column], rows: int) -> list[Column]:
    """Return the columns that may name things which come back: declared entities, and what is called like a key."""
    found = []
    for column in columns:
        named = bool(_KEY_NAME.search(column.name) or _KEY_CAMEL.search(column.name))
        if column.role != "entity" and not (named and column.role in {"feature", "id", "ignored"}):
            continue
        kept = column.field.kind in {"numeric", "categorical", "text"} and column.distinct >= _FEWEST_VALUES
        if kept and rows / column.distinct >= _FEWEST_EACH:
            found.append(column)
    return found


def _repeats(table: pl.DataFrame, keys: Sequence[Column], target: Floats, time: str | None) -> Repeats | None:
    found = []
    for key in keys:
        codes = table[key.name].rank("dense").cast(pl.Int64).fill_null(0).to_numpy()
        values = len(np.unique(codes))
        alike, chance = _intraclass(codes, target)
        times_each = None
        if time is not None:
            pairs = table.select(key.name, time).n_unique()
            times_each = pairs / max(values, 1)
            if times_each < _FEWEST_EACH:
                continue
        found.append(
            Repeats(
                column=key.name,
                values=values,
                rows_each=table.height / max(values, 1),
                alike=alike,
                certain=alike >= _ALIKE and chance < _CERTAIN,
                declared=key.role == "entity",
                times_each=times_each,
            )
        )
    found = [each for each in found if each.declared or each.certain]
    return max(found, key=lambda each: (each.declared, each.alike), default=None)


def _intraclass(codes: npt.NDArray[np.int64], target: Floats) -> tuple[float, float]:
    """Return the intraclass correlation of one-way analysis of variance, and the chance of its F ratio.

    Fisher (1925), "Statistical methods for research workers", chapter VII; unequal sizes as Donner (1986).
    """
    from scipy.stats import f as f_distribution

    _, group, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    rows, groups = len(target), len(sizes)
    if groups < 2 or rows <= groups:
        return 0.0, 1.0
    means = np.bincount(group, weights=target) / sizes
    between = float((sizes * (means - target.mean()) ** 2).sum()) / (groups - 1)
    within = float(((target - means[group]) ** 2).sum()) / (rows - groups)
    usual = (rows - float((sizes**2).sum()) / rows) / (groups - 1)
    spread = between + (usual - 1.0) * within
    if spread <= 0:
        return 0.0, 1.0
    chance = 0.0 if within == 0 else float(f_distribution.sf(between / within, groups - 1, rows - groups))
    return max((between - within) / spread, 0.0), chance


def _in_order(column: pl.Series) -> bool:
    """Whether rows stand in the order of a datetime column, oldest or newest first."""
    if column.null_count() > 0.01 * len(column) or column.n_unique() < _FEWEST_TIMES:
        return False
    steps = np.diff(column.drop_nulls().cast(pl.Datetime("us")).cast(pl.Int64).to_numpy())
    return bool(len(steps)) and max(float((steps >= 0).mean()), float((steps <= 0).mean())) >= _IN_ORDER


def _neighbours(target: Floats) -> float:
    """Return the correlation of neighbouring targets; 0 where it may be chance, or where rows are sorted by target."""
    if len(target) < _FEWEST_ROWS or target.std() == 0:
        return 0.0
    steps = np.diff(target)
    moved = int((steps != 0).sum())
    turns = int((np.diff(np.sign(steps[steps != 0])) != 0).sum())
    kinds = len(np.unique(target))
    if turns < 0.01 * len(target) or (kinds <= _FEW_KINDS and moved <= 2 * kinds):
        return 0.0
    found = float(np.corrcoef(target[:-1], target[1:])[0, 1])
    return found if found > _NEIGHBOURS and found * np.sqrt(len(target)) > 6.0 else 0.0


def _as_numbers(target: pl.Series, problem: Problem) -> Floats:
    """Return the target, or for classes whether it is the commonest one."""
    if problem.task == "regression":
        values: Floats = target.cast(pl.Float64).fill_null(0.0).to_numpy()
        return values
    commonest = target.value_counts(sort=True)[target.name][0]
    is_commonest: Floats = (target == commonest).cast(pl.Float64).fill_null(0.0).to_numpy()
    return is_commonest


def _copies(dataset: Received[Dataset]) -> int:
    path = dataset.files.get(COPIES_FILE)
    if path is None:
        return 0
    numbers = pl.read_parquet(path).to_series()
    return len(numbers) - numbers.n_unique()
