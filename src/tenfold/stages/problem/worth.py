"""What the signal is worth: money that decisions by a quick model bring over what is done today."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tenfold.foundation.expression import evaluate
from tenfold.measures.money import amounts_by_row, best_constant_action, money
from tenfold.measures.threshold import choose_threshold, decide
from tenfold.records.problem import Problem
from tenfold.stages.problem.encode import Floats
from tenfold.stages.problem.learning import Said, best, growths
from tenfold.stages.problem.sample import Sample

_Z = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """Money per row over what is done today, with its 95 % interval."""

    gain: float
    low: float
    high: float


def worth_of(problem: Problem, sample: Sample, said: Said) -> Worth | None:
    """Return what the best quick model's decisions bring per row, out of fold; None where no money is on decisions.

    Parameters
    ----------
    problem : Problem
        With its value matrix.
    sample : Sample
        Rows with the classes' natural shares.
    """
    value = problem.value
    if value is None or sample.task == "regression":
        return None
    course = said.courses[0]
    place = [one.name for one in said.probes[0][-1]].index(best(growths(sample, said, "error_rate")).name)
    scores = said.probes[0][-1][place].scores
    truth = sample.truth[course.rows].astype(np.int64)
    rows = sample.table[course.rows]
    by_row = amounts_by_row(problem, rows)
    threshold = None
    if sample.task == "binary":
        threshold = choose_threshold(truth, scores[:, 1], value, "value_per_row", by_row=by_row)
    brought = money(truth, decide(scores, threshold, value), value, by_row)
    today = _today(problem, rows, truth, by_row)
    more = brought - today
    spread = _Z * float(more.std()) / float(np.sqrt(len(more)))
    return Worth(gain=float(more.mean()), low=float(more.mean()) - spread, high=float(more.mean()) + spread)


def _today(
    problem: Problem, rows: pl.DataFrame, truth: np.ndarray[tuple[int], np.dtype[np.int64]], by_row: Floats | None
) -> Floats:
    """Return what each row brings without a model: by the better of the best constant decision and the rule."""
    assert problem.value is not None  # the caller asked
    action = best_constant_action(truth, problem.value, by_row=by_row)
    constant = money(truth, np.full(len(truth), action, dtype=np.int64), problem.value, by_row)
    if problem.rule is None or problem.task != "binary":
        return constant
    said = evaluate(problem.rule, rows).fill_null(False).cast(pl.Int64).to_numpy()
    by_rule = money(truth, said, problem.value, by_row)
    return by_rule if by_rule.mean() > constant.mean() else constant
