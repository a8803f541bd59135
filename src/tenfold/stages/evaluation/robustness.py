"""What a model does when its input changes: noise, a missing column, another order or unit, and tests of behaviour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tenfold.bundle.model import Model
from tenfold.foundation.errors import did_you_mean
from tenfold.measures.judge import judge_figure
from tenfold.measures.metrics import metric_called
from tenfold.measures.paired import difference
from tenfold.records.dataset import Dataset
from tenfold.records.evaluation import Estimate, Perturbation
from tenfold.records.evidence import Verdict
from tenfold.records.problem import Behaviour, Problem
from tenfold.stages.evaluation.outcomes import outcome_of
from tenfold.stages.evaluation.rows import Floats, Rows

PLACE = "test"
MOST_ROWS = 1_000
SAME = 1e-9
"""Sums of floating-point numbers in another order differ by less."""

_SIDED = 0.90
"""Two-sided, so that either bound alone holds at 95 %."""
_STEPS = 8
_LEVELS = 8
_MISSED = 3
_UNITS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """The model that would be served, and judged rows to change; ``scores`` are its answers to them unchanged."""

    problem: Problem
    dataset: Dataset
    model: Model
    rows: Rows
    scores: Floats
    seed: int

    @property
    def inputs(self) -> pl.DataFrame:
        """The columns that the model reads."""
        return self.rows.table.select(self.model.signature.names)

    @property
    def numeric(self) -> tuple[str, ...]:
        """Names of the numbers among them."""
        return tuple(name for name, kind in self.inputs.schema.items() if kind.is_numeric())

    def rng(self, *parts: str) -> np.random.Generator:
        """Return chance that depends on the test alone."""
        return np.random.default_rng([self.seed, *"/".join(parts).encode()])


def subject_of(  # noqa: PLR0917 - its parts
    problem: Problem, dataset: Dataset, model: Model, rows: Rows, scores: Floats, seed: int
) -> Subject:
    """Return what is tested, on at most a thousand of the rows."""
    if len(rows.numbers) > MOST_ROWS:
        rng = np.random.default_rng([seed, *b"robustness"])
        chosen = np.sort(rng.permutation(len(rows.numbers))[:MOST_ROWS])
        rows, scores = rows.take(chosen), scores[chosen]
    return Subject(problem=problem, dataset=dataset, model=model, rows=rows, scores=scores, seed=seed)


def perturb(subject: Subject, important: Sequence[str]) -> tuple[Perturbation, ...]:
    """Return what a quick set of changes does, without a verdict.

    Parameters
    ----------
    important : sequence of str
        Columns that the model leans on, the heaviest first; the first of them are left out, or come in another unit.
    """
    asked = [Behaviour(id="", test="noise", size=0.1), Behaviour(id="", test="column_order")]
    asked += [Behaviour(id="", test="missing", column=name) for name in important[:_MISSED]]
    numeric = [name for name in important if name in subject.numeric][:_UNITS]
    asked += [Behaviour(id="", test="unit", column=name) for name in numeric]
    return tuple(_told(subject, each, _measure(subject, each)) for each in asked)


def judge_behaviour(subject: Subject, behaviours: Sequence[Behaviour]) -> tuple[Verdict, ...]:
    """Return one verdict for each test that the file asks for."""
    return tuple(judge_figure(each.requirement(), _measure(subject, each), place=PLACE) for each in behaviours)


def _measure(subject: Subject, asked: Behaviour) -> Estimate:
    """Return the figure of one test; without a value where it cannot be made."""
    if asked.column and asked.column not in subject.rows.table.columns:
        hint = did_you_mean(asked.column, subject.rows.table.columns)
        return _nothing(asked, subject, f"'{asked.column}' is not a column.{hint}")
    return TESTS[asked.test](subject, asked)


def _noise(subject: Subject, asked: Behaviour) -> Estimate:
    """Add normal noise of a part of its standard deviation to every number."""
    rng, table = subject.rng("noise"), subject.inputs
    changed = []
    for name in subject.numeric:
        values = table[name].cast(pl.Float64)
        spread = values.std()
        spread = float(spread) if isinstance(spread, float) and np.isfinite(spread) else 0.0
        changed.append((values + pl.Series(rng.normal(0.0, asked.size * spread, table.height))).alias(name))
    if not changed:
        return _nothing(asked, subject, "the model reads no numbers")
    return _worse(subject, asked, table.with_columns(changed))


def _missing(subject: Subject, asked: Behaviour) -> Estimate:
    table = subject.inputs
    if asked.column not in table.columns:
        return _exact(asked, subject, 0.0, "the model does not read the column")
    return _worse(
        subject, asked, table.with_columns(pl.lit(None, dtype=table.schema[asked.column]).alias(asked.column))
    )


def _column_order(subject: Subject, asked: Behaviour) -> Estimate:
    """Hand the columns over in another order, through the model's own reading of its input."""
    table = subject.inputs
    order = subject.rng("order").permutation(table.width)
    shuffled = subject.model.signature.conform(table.select([table.columns[place] for place in order]))
    change = _change(subject.model.scores(table), subject.model.scores(shuffled))
    return _exact(asked, subject, 0.0 if change <= SAME else change)


def _unit(subject: Subject, asked: Behaviour) -> Estimate:
    """Return the share of rows whose value lies outside of what the table holds, when it comes in another unit."""
    column = subject.rows.table[asked.column]
    known = subject.dataset.column(asked.column)
    if not column.dtype.is_numeric() or known.low is None or known.high is None:
        return _nothing(asked, subject, f"'{asked.column}' holds no numbers, so it has no unit")
    values = column.cast(pl.Float64).drop_nulls().to_numpy() * asked.factor
    values = values[np.isfinite(values)]
    if not len(values):
        return _nothing(asked, subject, f"'{asked.column}' is missing in all rows looked at")
    noticed = int(((values < known.low) | (values > known.high)).sum())
    found = _share(asked, noticed, len(values))
    if asked.column not in subject.inputs.columns:
        return found
    table = subject.inputs
    changed = table.with_columns((table[asked.column].cast(pl.Float64) * asked.factor).alias(asked.column))
    worse = _worse(subject, asked, changed)
    if worse.value is None:
        return found
    return replace(found, reason=f"unnoticed, {subject.problem.metric.metric} would be {worse.value:.3g} worse")


def _invariance(subject: Subject, asked: Behaviour) -> Estimate:
    """Return the greatest change of a prediction when the column takes other values that occur."""
    table = subject.inputs
    if asked.column not in table.columns:
        return _exact(asked, subject, 0.0, "the model does not read the column")
    before, greatest = subject.model.scores(table), 0.0
    for value in _others(subject.rows.table[asked.column]):
        changed = table.with_columns(pl.lit(value, dtype=table.schema[asked.column]).alias(asked.column))
        greatest = max(greatest, _change(before, subject.model.scores(changed)))
    return _exact(asked, subject, 0.0 if greatest <= SAME else greatest)


def _direction(subject: Subject, asked: Behaviour) -> Estimate:
    """Return the share of rows whose prediction goes the wrong way somewhere as the column grows through its range."""
    table = subject.inputs
    if subject.problem.task == "multiclass":
        return _nothing(asked, subject, "with more than two classes there is no up or down")
    if asked.column not in table.columns:
        return _exact(asked, subject, 0.0, "the model does not read the column")
    if not table.schema[asked.column].is_numeric():
        return _nothing(asked, subject, f"'{asked.column}' holds no numbers, so it has no direction")
    values = table[asked.column].cast(pl.Float64).drop_nulls().drop_nans()
    grid = np.unique(np.quantile(values.to_numpy(), np.linspace(0.02, 0.98, _STEPS))) if len(values) else np.empty(0)
    if len(grid) < 2:
        return _exact(asked, subject, 0.0, f"'{asked.column}' has one value only")
    kind = table.schema[asked.column]
    said = np.column_stack(
        [
            subject.model.scores(table.with_columns(pl.lit(step).cast(kind).alias(asked.column)))[:, -1]
            for step in grid.tolist()
        ]
    )
    steps = np.diff(said, axis=1) if asked.rises else -np.diff(said, axis=1)
    wrong = int((steps.min(axis=1) < -max(asked.tolerance, SAME)).sum())
    if asked.bound == 0.0:
        return _exact(asked, subject, wrong / len(said))
    return _share(asked, wrong, len(said))


def _worse(subject: Subject, asked: Behaviour, changed: pl.DataFrame) -> Estimate:
    """Return by how much the main metric is worse on changed rows, with bounds of the paired difference."""
    problem, rows = subject.problem, subject.rows
    metric = metric_called(problem.metric.metric, problem.task)
    before = outcome_of(problem, rows, subject.model.scores(subject.inputs), subject.model.threshold)
    after = outcome_of(problem, rows, subject.model.scores(changed), subject.model.threshold)
    pair = (before, after) if metric.greater_is_better else (after, before)
    found = difference(metric, *pair, confidence=_SIDED, rng=subject.rng(asked.test, asked.column))
    return replace(found, metric=asked.test)


def _change(before: Floats, after: Floats) -> float:
    return float(np.abs(before - after).max(initial=0.0))


def _others(column: pl.Series) -> list[object]:
    """Return values that occur: the commonest levels, or quantiles."""
    if column.dtype.is_numeric() and column.n_unique() > _LEVELS:
        known = column.cast(pl.Float64).drop_nulls().drop_nans().to_numpy()
        return list(np.unique(np.quantile(known, np.linspace(0.05, 0.95, _LEVELS))).tolist()) if len(known) else []
    return list(column.drop_nulls().value_counts(sort=True)[column.name].head(_LEVELS).to_list())


def _share(asked: Behaviour, found: int, rows: int) -> Estimate:
    """Return a share of rows with its exact bounds (Clopper and Pearson, 1934)."""
    from scipy.stats import beta

    tail = (1.0 - _SIDED) / 2.0
    return Estimate(
        metric=asked.test,
        value=found / rows,
        low=0.0 if found == 0 else float(beta.ppf(tail, found, rows - found + 1)),
        high=1.0 if found == rows else float(beta.ppf(1.0 - tail, found + 1, rows - found)),
        n=rows,
        confidence=_SIDED,
        method="Clopper-Pearson",
    )


def _exact(asked: Behaviour, subject: Subject, value: float, reason: str = "") -> Estimate:
    """Return a figure that holds for the rows looked at, each of them."""
    rows = len(subject.rows.numbers)
    return Estimate(metric=asked.test, value=value, low=value, high=value, n=rows, method="every row", reason=reason)


def _nothing(asked: Behaviour, subject: Subject, reason: str) -> Estimate:
    return Estimate(metric=asked.test, value=None, n=len(subject.rows.numbers), reason=reason)


def _told(subject: Subject, asked: Behaviour, found: Estimate) -> Perturbation:
    what, measure = _WORDS[asked.test]
    return Perturbation(
        kind=asked.test,
        column=asked.column,
        what=what.format(
            column=asked.column, metric=subject.problem.metric.metric, size=asked.size, factor=asked.factor
        ),
        measure=measure,
        value=found.value,
        low=found.low,
        high=found.high,
        n=found.n,
        reason=found.reason,
    )


_WORDS: Mapping[str, tuple[str, str]] = {
    "noise": ("{metric} is worse by, with noise of {size:g} standard deviations on every number", "worse"),
    "missing": ("{metric} is worse by, without '{column}'", "worse"),
    "column_order": ("the greatest change of a prediction, with the columns in another order", "change"),
    "unit": ("rows that lie outside of what was seen, with '{column}' {factor:g} times as large", "share"),
}

TESTS: Mapping[str, Callable[[Subject, Behaviour], Estimate]] = {
    "noise": _noise,
    "missing": _missing,
    "column_order": _column_order,
    "unit": _unit,
    "invariance": _invariance,
    "direction": _direction,
}
