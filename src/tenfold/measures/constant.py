"""The best that can be done without looking at a row: the baseline of every metric."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tenfold.measures.money import best_constant_action, money
from tenfold.measures.names import beta_of, level_of
from tenfold.measures.outcome import Codes, Floats, Outcome
from tenfold.records.problem import Task, ValueMatrix

_CENTRES = 1_000


def constant_outcome(
    task: Task,
    training_truth: Codes | Floats,
    truth: Codes | Floats,
    matrix: ValueMatrix | None = None,
    *,
    metric: str | None = None,
    classes: int | None = None,
    weight: Floats | None = None,
    group: NDArray[np.generic] | None = None,
    training_amounts: Floats | None = None,
    amounts: Floats | None = None,
) -> Outcome:
    """Return the outcome, on ``truth``, of the best model that says the same of every row.

    Learned from ``training_truth`` alone: for classes their shares as probabilities, and one decision, the one that
    brings most by the value matrix, else the one that is best for ``metric`` (the positive class for precision, recall
    and F), else the most frequent class; for a regression the mean, or what is best for ``metric``: the median for
    ``mae``, the quantile for ``pinball_…``.

    Parameters
    ----------
    training_truth : ndarray of shape (n_training,)
        What was known when models were trained.
    truth : ndarray of shape (n,)
        The rows to be judged on.
    classes : int or None
        Number of classes; None: the largest code that occurs, plus one.
    weight, group : ndarray of shape (n,) or None
        Of the rows to be judged on.
    training_amounts, amounts : ndarray of shape (n_training, K, K) and (n, K, K), or None
        Money by row, where rows differ.
    """
    n = len(truth)
    if task == "regression":
        scores = np.full((n, 1), _centre(training_truth.astype(np.float64), metric))
        return Outcome(task=task, truth=truth, scores=scores, weight=weight, group=group)
    known = training_truth.astype(np.int64)
    codes = truth.astype(np.int64)
    if classes is None:
        classes = len(matrix.classes) if matrix is not None else int(max(known.max(), codes.max(initial=1), 1)) + 1
    shares = np.bincount(known, minlength=classes) / len(known)
    if matrix is not None and metric in (None, "value_per_row"):
        action = best_constant_action(known, matrix, by_row=training_amounts)
    else:
        action = _best_action(task, shares, metric)
    decision = np.full(n, action, dtype=np.int64)
    return Outcome(
        task=task,
        truth=codes,
        scores=np.tile(shares, (n, 1)),
        decision=decision,
        money=None if matrix is None else money(codes, decision, matrix, amounts),
        weight=weight,
        group=group,
    )


def _best_action(task: Task, shares: Floats, metric: str | None) -> int:
    if task == "binary" and metric is not None and (metric in ("precision", "recall", "f1") or beta_of(metric)):
        return 1
    return int(np.argmax(shares))


def _centre(values: Floats, metric: str | None) -> float:
    if metric == "mape":
        return _relative_median(values)
    if metric == "smape":
        return _symmetric_centre(values)
    level = 0.5 if metric == "mae" else level_of(metric or "")
    return float(np.mean(values) if level is None else np.quantile(values, level))


def _symmetric_centre(values: Floats) -> float:
    """Return the value of the sample with the smallest mean relative error to all, by sizes of both.

    Between two neighbouring values the error is concave for positive ones, so that its least lies at a value.
    """
    tried = np.unique(np.quantile(values, np.linspace(0.0, 1.0, _CENTRES), method="nearest"))
    size = np.abs(values)[:, None] + np.abs(tried)
    error = 2.0 * np.abs(values[:, None] - tried) / np.where(size > 0.0, size, 1.0)
    return float(tried[np.argmin(error.mean(axis=0))])


def _relative_median(values: Floats) -> float:
    """Return the constant with the smallest mean relative error: the median weighted by 1 / |value|."""
    usable = np.sort(values[values != 0])
    if not len(usable):
        return 0.0
    mass = np.cumsum(1.0 / np.abs(usable))
    return float(usable[np.searchsorted(mass, mass[-1] / 2)])
