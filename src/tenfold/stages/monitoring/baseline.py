"""What the live model has to beat: the best constant of the development rows, or the rule in use."""

from __future__ import annotations

import numpy as np
import polars as pl

from tenfold.foundation.errors import DataError
from tenfold.foundation.expression import evaluate
from tenfold.measures.constant import constant_outcome
from tenfold.measures.metric import Metric
from tenfold.measures.money import amounts_by_row, money
from tenfold.measures.names import level_of
from tenfold.measures.outcome import Codes, Outcome
from tenfold.records.problem import Problem
from tenfold.stages.monitoring.reference import Outcomes
from tenfold.stages.monitoring.rows import Known


def outcomes_of(problem: Problem, table: pl.DataFrame) -> Outcomes:
    """Return what a baseline needs of the development rows."""
    target = table[problem.target]
    if problem.task == "regression":
        values = target.cast(pl.Float64).drop_nulls().to_numpy()
        centres = {
            metric: float(constant_outcome("regression", values, values[:1], metric=metric).scores[0, 0])
            for metric in ("rmse", "mae", "mape")
        }
        return Outcomes(mean=centres["rmse"], median=centres["mae"], relative=centres["mape"])
    codes = {name: code for code, name in enumerate(problem.classes)}
    known = target.replace_strict(codes, return_dtype=pl.Int64).to_numpy()
    counts = np.bincount(known, minlength=len(problem.classes))
    rule: tuple[tuple[int, ...], ...] = ()
    if problem.rule is not None:
        said = _decisions(problem, evaluate(problem.rule, table), commonest=int(np.argmax(counts)))
        square = np.zeros((len(problem.classes), len(problem.classes)), dtype=np.int64)
        np.add.at(square, (said, known), 1)
        rule = tuple(tuple(row) for row in square.tolist())
    return Outcomes(counts=tuple(counts.tolist()), rule=rule)


def baseline_for(problem: Problem, metric: Metric, outcomes: Outcomes, known: Known) -> Outcome:
    """Return the outcome of the reference that does better by ``metric`` on these rows: constant or rule.

    Raises
    ------
    DataError
        When the rule reads a column that predictions are not made from.
    """
    constant = _constant(problem, metric.name, outcomes, known)
    if problem.rule is None:
        return constant
    rule = _rule(problem, outcomes, known)
    if metric.objection(rule):
        return constant
    if metric.objection(constant):
        return rule
    gain = metric.compute(rule) - metric.compute(constant)
    better = gain > 0 if metric.greater_is_better else gain < 0
    return rule if better else constant


def _constant(problem: Problem, metric: str, outcomes: Outcomes, known: Known) -> Outcome:
    truth = known.outcome.truth
    if problem.task == "regression":
        if metric == "smape" or level_of(metric) is not None:
            raise DataError(f"the reference holds no constant that is best by {metric}, so there is no baseline for it")
        centre = {"mae": outcomes.median, "mape": outcomes.relative}.get(metric, outcomes.mean)
        if centre is None:
            raise DataError("the reference holds no outcomes to take a baseline from")
        return Outcome(task=problem.task, truth=truth, scores=np.full((len(truth), 1), centre))
    before = np.repeat(np.arange(len(outcomes.counts)), outcomes.counts)
    return constant_outcome(
        problem.task,
        before,
        truth,
        problem.value,
        metric=metric,
        classes=len(problem.classes),
        amounts=None if known.outcome.money is None else amounts_by_row(problem, known.inputs),
    )


def _rule(problem: Problem, outcomes: Outcomes, known: Known) -> Outcome:
    """Take the rule's word as the decision, and as probabilities the classes' shares where it said the same."""
    said = evaluate(problem.rule or "", known.inputs)
    truth = known.outcome.truth
    if problem.task == "regression":
        answers = said.cast(pl.Float64).fill_nan(None).fill_null(outcomes.mean).to_numpy()
        return Outcome(task=problem.task, truth=truth, scores=answers[:, None].astype(np.float64))
    shares = np.array(outcomes.counts, dtype=np.float64)
    decisions = _decisions(problem, said, commonest=int(np.argmax(shares)))
    counts = np.array(outcomes.rule, dtype=np.float64) + shares / shares.sum()
    codes = truth.astype(np.int64)
    return Outcome(
        task=problem.task,
        truth=codes,
        scores=(counts / counts.sum(axis=1, keepdims=True))[decisions],
        decision=decisions,
        money=None
        if problem.value is None or known.outcome.money is None
        else money(codes, decisions, problem.value, amounts_by_row(problem, known.inputs)),
    )


def _decisions(problem: Problem, said: pl.Series, *, commonest: int) -> Codes:
    if problem.task == "binary":
        return said.fill_null(False).cast(pl.Int64).to_numpy()
    codes = {name: code for code, name in enumerate(problem.classes)}
    return said.cast(pl.String).replace_strict(codes, default=commonest, return_dtype=pl.Int64).to_numpy()
