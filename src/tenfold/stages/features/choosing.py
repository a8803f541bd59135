"""Selection: each fold's training rows choose among the columns, and how often each was chosen is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.view import FittedView, encoding_target, fit_view
from tenfold.records.features import Selected, Step, View
from tenfold.records.problem import Problem
from tenfold.stages.features.options import SelectOptions
from tenfold.stages.features.quick import Quick
from tenfold.stages.features.selectors import SELECTORS, Judged, Scene

MOST_ROWS = 5_000
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What came of the selection.

    Attributes
    ----------
    kept : tuple of str
        Columns that a fold, or all development rows, chose: those that the model reads.
    fold_left_out : tuple of tuple of str
        For each fold, the kept columns that its own training rows did not choose.
    selected : tuple of Selected
        How each column fared, the most often chosen first.
    """

    kept: tuple[str, ...]
    fold_left_out: tuple[tuple[str, ...], ...]
    selected: tuple[Selected, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """The table with the truth of each row, the rows that train in each fold, and those that the first holds out."""

    table: pl.DataFrame
    truth: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    folds: tuple[Integers, ...]
    held: Integers
    development: Integers


def choose_columns(
    views: Mapping[View, tuple[Step, ...]], rows: Rows, problem: Problem, options: SelectOptions, seed: int
) -> Choice:
    """Let the training rows of each fold choose columns, and all development rows for comparison.

    A column that some fold chose stays, so that each fold's model can have exactly the columns that its training rows
    chose: where others held it and this one did not, it is missing throughout there.
    """
    whole = _judged(views, rows, rows.development, problem, options, seed)
    each = [_judged(views, rows, numbers, problem, options, seed) for numbers in rows.folds]
    columns = tuple(whole.strengths)
    kept = tuple(name for name in columns if name in whole.kept or any(name in one.kept for one in each))
    if not kept:
        kept = (max(columns, key=lambda name: whole.strengths[name]),)
        each = [Judged(kept=frozenset(kept), strengths=one.strengths, line=one.line) for one in each]
    frequency = {name: sum(name in one.kept for one in each) / max(len(each), 1) for name in columns}
    selected = [
        Selected(
            column=name,
            frequency=frequency[name],
            strength=whole.strengths[name],
            line=whole.line,
            reason=(whole.reasons or {}).get(name, ""),
        )
        for name in columns
    ]
    return Choice(
        kept=kept,
        fold_left_out=tuple(tuple(name for name in kept if name not in one.kept) for one in each),
        selected=tuple(sorted(selected, key=lambda one: (-one.frequency, -(one.strength or 0.0), one.column))),
    )


def _judged(  # noqa: PLR0917 - all of it decides
    views: Mapping[View, tuple[Step, ...]],
    rows: Rows,
    numbers: Integers,
    problem: Problem,
    options: SelectOptions,
    seed: int,
) -> Judged:
    sample = numbers[np.unique(np.linspace(0, len(numbers) - 1, min(len(numbers), MOST_ROWS)).astype(np.int64))]
    outputs = 1 if problem.task == "regression" else len(problem.classes)
    truth = rows.truth[sample]
    target = encoding_target(truth, problem.task, outputs)
    # Chance is the same for the same rows, whatever other folds there are.
    rng = np.random.default_rng([seed, len(numbers)])
    native, native_matrix = fit_view(views["native"], rows.table[sample], target, rng)
    dense, dense_matrix = fit_view(views["dense"], rows.table[sample], target, rng)
    scene = Scene(
        native=native_matrix,
        dense=dense_matrix,
        owners=owners_of(native),
        dense_owners=owners_of(dense),
        truth=truth,
        quick=Quick(task=problem.task, outputs=outputs, seed=seed),
        rng=rng,
    )
    found = SELECTORS[options.method](scene)
    if options.most is None or len(found.kept) <= options.most:
        return found
    best = sorted(found.kept, key=lambda name: (-found.strengths[name], name))[: options.most]
    return Judged(kept=frozenset(best), strengths=found.strengths, line=found.line, reasons=found.reasons)


def owners_of(view: FittedView) -> tuple[str, ...]:
    """Return, for each column of a view's matrix, the column of the table that it comes from."""
    owner: dict[str, str] = {}
    for step, fitted in zip(view.steps, view.fitted, strict=True):
        first = owner.get(step.columns[0], step.columns[0])
        for name in fitted.names:
            read = name if name in step.columns else name.removesuffix("__missing")
            owner[name] = owner.get(read, read) if read in step.columns else first
    return tuple(owner[name] for name in view.names)


def why_not_chosen(fared: Selected) -> str:
    """Return why a column stays out, for a person."""
    if fared.reason:
        return f"no fold chose it: it {fared.reason}"
    if fared.strength is None or fared.line is None:
        return "no fold chose it"
    return f"no fold chose it: {fared.strength:.3g}, where {fared.line:.3g} had to be exceeded"
