"""What each group of features is worth, and what it costs: measured, so that what doesn't pay can go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.view import FittedView, encoding_target, fit_view
from tenfold.foundation.stopwatch import Stopwatch
from tenfold.records.features import FeatureGroup, Step
from tenfold.records.problem import Problem
from tenfold.stages.features.choosing import Integers, Rows
from tenfold.stages.features.quick import Quick

MOST_ROWS = 3_000
_FEWEST_ROWS = 60
_ROWS_TIMED = 20
_SEEN = 1.959964
_OF_KIND: Mapping[str, tuple[str, str]] = {
    "boolean": ("flags", ""),
    "codes": ("categories", ""),
    "onehot": ("categories", ""),
    "ordinal": ("ordered categories", "features: {encode: ...}"),
    "target_encoding": ("target means", "features: {encode: ...}"),
    "frequency": ("frequencies", "features: {encode: ...}"),
    "hash": ("hashed categories", "features: {encode: ...}"),
    "dates": ("dates", "features: {dates: false}"),
    "holidays": ("holidays", "features: {holidays: ...}"),
    "text_size": ("text lengths", "features: {text: ...}"),
    "text_topics": ("words of texts", "features: {text: length}"),
    "interactions": ("interactions", "features: {interactions: 0}"),
    "bins": ("bins", "features: {bins: ...}"),
    "pca": ("components", "features: {pca: 0}"),
}
_NUMBERS = ("numbers", "")


def measure_groups(
    steps: Sequence[Step], past: Mapping[str, str], rows: Rows, problem: Problem, seed: int
) -> tuple[FeatureGroup, ...]:
    """Return the groups of the native view with gain and cost.

    A quick model learns from the training rows of the first fold with all features, and again without each group; the
    difference of their losses on the fold's held-out rows is the group's gain. It is what the group adds to the others:
    two groups that say the same have no gain each.

    Parameters
    ----------
    past : mapping from column to str
        For columns that look back, the name of their group.
    """
    if not rows.folds:
        return ()
    train, held = _some(rows.folds[0]), _some(rows.held)
    outputs = 1 if problem.task == "regression" else len(problem.classes)
    target = encoding_target(rows.truth[train], problem.task, outputs)
    view, matrix = fit_view(steps, rows.table[train], target, np.random.default_rng(seed))
    members = _members(view, past)
    groups = tuple(dict.fromkeys(members))
    measured = len(groups) > 1 and min(len(train), len(held)) >= _FEWEST_ROWS
    losses: dict[str | None, Floats] = {}
    if measured and len(np.unique(rows.truth[train])) > 1:
        quick = Quick(task=problem.task, outputs=outputs, seed=seed)
        beside = view.apply(rows.table[held]).values
        for left_out in (None, *groups):
            places = [place for place, group in enumerate(members) if group != left_out]
            categorical = tuple(at for at, place in enumerate(places) if place in set(matrix.categorical))
            losses[left_out] = quick.losses(
                (matrix.values[:, places], rows.truth[train]), (beside[:, places], rows.truth[held]), categorical
            )
    costs = _costs(view, past, rows.table[held] if len(held) else rows.table[train])
    return tuple(
        _group(name, setting, view, members, losses, costs, problem) for name, setting in groups_of(view, past)
    )


def groups_of(view: FittedView, past: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the groups of a view with the setting of the file that each answers to."""
    found: dict[str, str] = {}
    for step, fitted in zip(view.steps, view.fitted, strict=True):
        for name in fitted.names:
            group, setting = _group_of(step, name, past)
            found.setdefault(group, setting)
    kept = set(_members(view, past))
    return tuple((name, setting) for name, setting in found.items() if name in kept)


def _group_of(step: Step, name: str, past: Mapping[str, str]) -> tuple[str, str]:
    for column in (name, *step.columns[:1]):
        if column in past:
            return past[column], f"features: {{{past[column].split(maxsplit=1)[0]}: ...}}"
    return _OF_KIND.get(step.kind, _NUMBERS)


def _members(view: FittedView, past: Mapping[str, str]) -> tuple[str, ...]:
    """Return the group of each column of the view's matrix."""
    group = {
        name: _group_of(step, name, past)[0]
        for step, fitted in zip(view.steps, view.fitted, strict=True)
        for name in fitted.names
    }
    return tuple(group[name] for name in view.names)


def _costs(view: FittedView, past: Mapping[str, str], table: pl.DataFrame) -> dict[str, tuple[float, float]]:
    """Return microseconds of processor time for each group: for a row alone, and for a row among many."""
    costs: dict[str, list[float]] = {}
    row = dict(table.row(0, named=True))
    for step, fitted in zip(view.steps, view.fitted, strict=True):
        # What a step makes of several groups (plain numbers and lags) is shared among them.
        names = [_group_of(step, name, past)[0] for name in fitted.names]
        fitted.apply_row(row)
        watch = Stopwatch()
        for _ in range(_ROWS_TIMED):
            made = fitted.apply_row(row)
        alone = 1e6 * watch.cpu_seconds() / _ROWS_TIMED
        watch = Stopwatch()
        values = fitted.apply(table)
        among = 1e6 * watch.cpu_seconds() / max(table.height, 1)
        row.update(zip(fitted.names, made, strict=True))
        table = table.with_columns(pl.Series(name, values[:, at]) for at, name in enumerate(fitted.names))
        for group in dict.fromkeys(names):
            share = names.count(group) / len(names)
            own = costs.setdefault(group, [0.0, 0.0])
            own[0] += alone * share
            own[1] += among * share
    return {group: (alone, among) for group, (alone, among) in costs.items()}


def _group(  # noqa: PLR0917 - all of it stands in the record
    name: str,
    setting: str,
    view: FittedView,
    members: tuple[str, ...],
    losses: Mapping[str | None, Floats],
    costs: Mapping[str, tuple[float, float]],
    problem: Problem,
) -> FeatureGroup:
    alone, among = costs[name]
    columns: dict[str, None] = {}
    made: set[str] = set()
    for step, fitted in zip(view.steps, view.fitted, strict=True):
        own = [each for each, group in zip(view.names, members, strict=True) if group == name]
        if set(own) & set(fitted.names):
            columns.update(dict.fromkeys(own if step.kind in {"passthrough", "impute"} else step.columns))
        made.update(fitted.names)
    group = FeatureGroup(
        name=name,
        columns=tuple(columns),
        features=members.count(name),
        row_us=alone,
        batch_row_us=among,
        setting=setting,
    )
    if name not in losses:
        return group
    added = losses[name] - losses[None]
    gain, error = float(added.mean()), float(added.std() / np.sqrt(len(added)))
    low, high = gain - _SEEN * error, gain + _SEEN * error
    worth: Literal["pays", "costs", "unclear"] = "pays" if low > 0 else "costs" if high < 0 else "unclear"
    return FeatureGroup(
        name=group.name,
        columns=group.columns,
        features=group.features,
        row_us=alone,
        batch_row_us=among,
        setting=setting,
        measure="squared error / variance" if problem.task == "regression" else "log loss",
        gain=gain,
        low=low,
        high=high,
        rows=len(added),
        worth=worth,
    )


def _some(rows: Integers) -> Integers:
    """Return some of the rows, evenly among them."""
    count = min(len(rows), MOST_ROWS)
    return rows[np.unique(np.linspace(0, max(len(rows) - 1, 0), count).astype(np.int64))]
