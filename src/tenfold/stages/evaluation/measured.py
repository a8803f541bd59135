"""Every metric with its interval: on all rows of a part, and on slices that are large enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tenfold.foundation.expression import holds
from tenfold.measures.interval import FEWEST_ROWS, estimate
from tenfold.measures.metrics import metric_called
from tenfold.measures.names import metric_name, names_for
from tenfold.measures.outcome import Outcome
from tenfold.records.evaluation import Estimate
from tenfold.records.problem import Problem
from tenfold.stages.evaluation.rows import Rows


def metric_names(problem: Problem, asked: Sequence[str]) -> tuple[str, ...]:
    """Return the metrics to compute: the main one first, then the usual ones, then what the file asks for.

    Raises
    ------
    InputError
        When a metric asked for does not exist, or does not suit the task.
    """
    usual = [
        name
        for name in names_for(problem.task)
        if metric_name(name).usual and (name != "value_per_row" or problem.value is not None)
    ]
    wanted = [requirement.metric for requirement in problem.requirements]
    for name in asked:
        metric_name(name, problem.task)
    named = dict.fromkeys([problem.metric.metric, *usual, *wanted, *asked])
    return tuple(name for name in named if not metric_name(name, problem.task).operational)


def estimates(names: Sequence[str], outcome: Outcome, seed: int) -> dict[str, Estimate]:
    """Return each metric with its interval; the same rows give the same intervals, whatever else is computed."""
    return {
        name: estimate(metric_called(name), outcome, rng=np.random.default_rng([seed, *name.encode()]))
        for name in names
    }


def find_slices(problem: Problem, rows: Rows) -> dict[str, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Return which rows are in each slice."""
    return {name: holds(condition, rows.table).to_numpy() for name, condition in problem.slices.items()}


def slice_estimates(
    problem: Problem,
    outcome: Outcome,
    slices: Mapping[str, np.ndarray[tuple[int], np.dtype[np.bool_]]],
    seed: int,
) -> dict[str, dict[str, Estimate]]:
    """Return the main metric and the requirements' own on each slice; too small a slice gets no number."""
    found = {}
    for name, inside in slices.items():
        own = [each.metric for each in problem.requirements if name in each.slices]
        names = [
            metric
            for metric in dict.fromkeys([problem.metric.metric, *own])
            if not metric_name(metric, problem.task).operational
        ]
        count = int(inside.sum())
        if count < FEWEST_ROWS:
            reason = f"insufficient: {count} rows, at least {FEWEST_ROWS} are needed"
            found[name] = {metric: Estimate(metric=metric, value=None, n=count, reason=reason) for metric in names}
        else:
            found[name] = estimates(names, outcome.take(inside), seed)
    return found
