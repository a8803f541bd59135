"""How good out-of-fold predictions are: the loss that the search minimises, and the score that people read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tenfold.measures.choice import training_loss
from tenfold.measures.constant import constant_outcome
from tenfold.measures.interval import estimate
from tenfold.measures.metrics import metric_called
from tenfold.measures.money import money
from tenfold.measures.outcome import Outcome
from tenfold.measures.rank import roc_auc
from tenfold.measures.threshold import choose_threshold, decide
from tenfold.records.evaluation import Estimate
from tenfold.records.problem import Problem

Values = npt.NDArray[np.float64]

_STEADY_ROWS = 500.0
"""Rows of the rarer class at which ranks and probabilities have an equal say in the loss."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Yardstick:
    """What predictions for some rows are held against.

    Attributes
    ----------
    truth, weight : ndarray of shape (n_rows,)
        Of these rows; weight None means equal.
    name : str
        The loss that goes with the main metric.
    ceiling : float
        That loss for the best constant prediction.
    ranks : float
        The part of the loss that is twice the area above the ROC curve; 0 unless the metric is that of two classes.
    amounts : ndarray of shape (n_rows, K, K) or None
        Money by row, truth by decision, where rows differ.
    places : ndarray of shape (n_predictions,) or None
        For each prediction the row that it is for, where a row has several: they are averaged.
    """

    problem: Problem
    truth: npt.NDArray[Any]
    weight: Values | None
    name: str
    ceiling: float
    ranks: float
    amounts: Values | None = None
    places: npt.NDArray[np.int64] | None = None

    def averaged(self, outputs: Values) -> Values:
        """Return one prediction for each row: the mean of its predictions."""
        if self.places is None or len(outputs) == len(self.truth):
            return outputs
        sums = np.zeros((len(self.truth), outputs.shape[1]))
        np.add.at(sums, self.places, outputs)
        means: Values = sums / np.bincount(self.places, minlength=len(self.truth))[:, None]
        return means

    def of(self, rows: npt.NDArray[np.int64]) -> Yardstick:
        """Return the yardstick for some of the rows, in the order given, relative to the same constant."""
        return replace(
            self,
            truth=self.truth[rows],
            weight=None if self.weight is None else self.weight[rows],
            amounts=None if self.amounts is None else self.amounts[rows],
            places=None,
        )

    def loss(self, outputs: Values) -> float:
        """Return what the search minimises, relative to the best constant: 1 is no better, 0 is perfect.

        The more rows there are of the rarer class, the more ranks count where ``roc_auc`` is the metric: on few rows
        they are noisy, and a proper score is not.
        """
        outputs = self.averaged(outputs)
        plain = Outcome(task=self.problem.task, truth=self.truth, scores=outputs, weight=self.weight)
        loss = metric_called(self.name, self.problem.task).compute(plain) / self.ceiling
        if self.ranks == 0.0:
            return float(loss)
        above = 2.0 * (1.0 - roc_auc(self.truth == 1, outputs[:, 1], self.weight))
        return float(self.ranks * above + (1.0 - self.ranks) * loss)

    def outcome(self, outputs: Values) -> Outcome:
        """Return predictions beside the truth, with the decisions and the money that follow from them."""
        problem, outputs = self.problem, self.averaged(outputs)
        if problem.task == "regression":
            return Outcome(task=problem.task, truth=self.truth, scores=outputs, weight=self.weight)
        threshold = None
        if problem.task == "binary":
            threshold = choose_threshold(
                self.truth,
                outputs[:, 1],
                problem.value,
                problem.metric.metric,
                weight=self.weight,
                by_row=self.amounts,
            )
        decision = decide(outputs, threshold, problem.value)
        return Outcome(
            task=problem.task,
            truth=self.truth,
            scores=outputs,
            decision=decision,
            money=None if problem.value is None else money(self.truth, decision, problem.value, self.amounts),
            weight=self.weight,
        )

    def score(self, outputs: Values) -> tuple[float, str]:
        """Return the main metric and an empty string; where it is undefined, 0 and the reason."""
        metric = metric_called(self.problem.metric.metric, self.problem.task)
        outcome = self.outcome(outputs)
        objection = metric.objection(outcome)
        return (0.0, objection) if objection else (metric.compute(outcome), "")

    def interval(self, outputs: Values, rng: np.random.Generator) -> Estimate:
        """Return the main metric with its interval, which does not know that the best of many was chosen."""
        metric = metric_called(self.problem.metric.metric, self.problem.task)
        return estimate(metric, self.outcome(outputs), rng=rng)


def yardstick(
    problem: Problem,
    truth: npt.NDArray[Any],
    weight: Values | None,
    amounts: Values | None = None,
    places: npt.NDArray[np.int64] | None = None,
) -> Yardstick:
    """Return what predictions for these rows are held against; ``places`` as in `Yardstick`."""
    name = training_loss(problem.metric.metric, problem.task)
    constant = constant_outcome(
        problem.task, truth, truth, metric=name, classes=max(len(problem.classes), 1), weight=weight
    )
    ceiling = metric_called(name, problem.task).compute(constant)
    ranks = 0.0
    if problem.task == "binary" and problem.metric.metric == "roc_auc":
        rarer = int(np.bincount(truth, minlength=2).min())
        ranks = rarer / (rarer + _STEADY_ROWS)
    return Yardstick(
        problem=problem,
        truth=truth,
        weight=weight,
        name=name,
        ceiling=ceiling if ceiling > 0 else 1.0,
        ranks=ranks,
        amounts=amounts,
        places=places,
    )
