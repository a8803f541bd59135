"""Predictions beside the truth: of the model, of the best constant, of the rule in use today."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tenfold.foundation.expression import evaluate
from tenfold.measures.constant import constant_outcome
from tenfold.measures.metric import Metric
from tenfold.measures.money import amounts_by_row, money, money_known
from tenfold.measures.outcome import Outcome
from tenfold.measures.threshold import decide
from tenfold.records.evaluation import Threshold
from tenfold.records.problem import Problem
from tenfold.stages.evaluation.rows import Floats, Rows

CONSTANT = "best constant"
RULE = "rule"


def outcome_of(problem: Problem, rows: Rows, scores: Floats, threshold: Threshold | None) -> Outcome:
    """Return scores beside the truth, with the decisions and the money that follow from them."""
    decision = None
    if problem.task != "regression":
        decision = decide(scores, threshold, problem.value)
    return Outcome(
        task=problem.task,
        truth=rows.truth,
        scores=scores,
        decision=decision,
        money=None
        if problem.value is None or decision is None or not money_known(problem, rows.table)
        else money(rows.truth.astype(np.int64), decision, problem.value, amounts_by_row(problem, rows.table)),
        weight=rows.weight,
        group=rows.group,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """What a model has to beat on the same rows, metric by metric: the better of the best constant and the rule.

    Both are learned from development rows alone.
    """

    problem: Problem
    development: Rows
    rows: Rows

    def against(self, metric: Metric) -> tuple[str, Outcome]:
        """Return the name and the outcome of the reference that does better by ``metric`` on these rows."""
        constant = self._constant(metric.name)
        rule = self._rule()
        if rule is None or metric.objection(rule):
            return CONSTANT, constant
        if metric.objection(constant):
            return RULE, rule
        gain = metric.compute(rule) - metric.compute(constant)
        better = gain > 0 if metric.greater_is_better else gain < 0
        return (RULE, rule) if better else (CONSTANT, constant)

    def _constant(self, metric: str) -> Outcome:
        return constant_outcome(
            self.problem.task,
            self.development.truth,
            self.rows.truth,
            self.problem.value,
            metric=metric,
            classes=len(self.problem.classes) or None,
            weight=self.rows.weight,
            group=self.rows.group,
            training_amounts=self._amounts(self.development),
            amounts=self._amounts(self.rows),
        )

    def _amounts(self, rows: Rows) -> Floats | None:
        """Return the money of each row; None where rows do not differ, or do not hold what it is read from."""
        return amounts_by_row(self.problem, rows.table) if money_known(self.problem, rows.table) else None

    def _rule(self) -> Outcome | None:
        if self.problem.rule is None:
            return None
        said = evaluate(self.problem.rule, self.rows.table)
        if self.problem.task == "regression":
            centre = float(np.mean(self.development.truth))
            answers = said.cast(pl.Float64).fill_nan(None).fill_null(centre).to_numpy()
            return outcome_of(self.problem, self.rows, answers[:, None], None)
        return self._rule_of_classes(said)

    def _rule_of_classes(self, said: pl.Series) -> Outcome:
        """Take the rule's word as the decision, and the classes' shares where it said the same as probabilities."""
        before = evaluate(self.problem.rule or "", self.development.table)
        known = self.development.truth.astype(np.int64)
        shares = np.bincount(known, minlength=len(self.problem.classes)).astype(np.float64)
        decisions = self._decisions(said, commonest=int(np.argmax(shares)))
        then = self._decisions(before, commonest=int(np.argmax(shares)))
        counts = np.zeros((len(self.problem.classes), len(self.problem.classes)))
        np.add.at(counts, (then, known), 1.0)
        counts += shares / shares.sum()
        scores = (counts / counts.sum(axis=1, keepdims=True))[decisions]
        value = self.problem.value
        return Outcome(
            task=self.problem.task,
            truth=self.rows.truth,
            scores=scores,
            decision=decisions,
            money=None
            if value is None or not money_known(self.problem, self.rows.table)
            else money(
                self.rows.truth.astype(np.int64), decisions, value, amounts_by_row(self.problem, self.rows.table)
            ),
            weight=self.rows.weight,
            group=self.rows.group,
        )

    def _decisions(self, said: pl.Series, *, commonest: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        if self.problem.task == "binary":
            return said.fill_null(False).cast(pl.Int64).to_numpy()
        codes = {name: code for code, name in enumerate(self.problem.classes)}
        return said.cast(pl.String).replace_strict(codes, default=commonest, return_dtype=pl.Int64).to_numpy()
