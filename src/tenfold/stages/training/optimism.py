"""How much of the best score is luck: the bias of having picked the best of many, estimated and taken off.

Tsamardinos, Greasidou and Borboudakis (2018), "Bootstrapping the out-of-sample predictions for efficient and accurate
cross-validation" (BBC-CV), Machine Learning 107: out-of-fold predictions of all candidates are resampled by rows; the
selection is made again on the rows drawn, and what it picks is measured on the rows left out. No model is fitted again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tenfold.foundation.clock import Deadline
from tenfold.measures.metric import Moments
from tenfold.measures.metrics import metric_called
from tenfold.measures.outcome import Outcome
from tenfold.measures.rank import roc_auc
from tenfold.records.problem import Task
from tenfold.stages.training.ensemble import choose_blend

Values = npt.NDArray[np.float64]

RESAMPLES = 100
_FEWEST_OUTSIDE = 10
_BLENDED, _BLENDED_OF_MANY_ROWS = 8, 3
_MANY_CELLS = 20_000
"""Beyond so many predictions a blend is chosen again of the very best only: it is nearly the same every time."""

_MOST_CELLS = 20_000_000
"""Numbers of predictions looked at by all resamples together: on many rows the bias is small and fewer will do."""

_FEWEST_RESAMPLES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """The score without the luck of the draw.

    ``low`` and ``high`` hold the middle 95 % of the resamples; None where too few rows were left out of them.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    resamples: int = 0


Loss = Callable[[npt.NDArray[np.int64]], Callable[[Values], float]]
"""From rows (positions, repeated as drawn) to the loss of predictions for them."""

Score = Callable[[npt.NDArray[np.int64], Values], float | None]
"""From rows and predictions for them to the main metric; None where it is not defined."""


def correct(
    predictions: Mapping[str, Values],
    row_losses: Mapping[str, Values],
    *,
    loss: Loss,
    score: Score,
    ranks: tuple[float, npt.NDArray[np.bool_]] | None,
    measures: npt.NDArray[np.bool_] | None = None,
    rng: np.random.Generator,
    deadline: Deadline,
) -> Corrected:
    """Return the main metric of the whole selection, best of all candidates and blend, on rows that did not select.

    Parameters
    ----------
    predictions : mapping of key to ndarray of shape (n_rows, n_outputs)
        Out-of-fold predictions of everything that could have been picked, for the same rows.
    row_losses : mapping of key to ndarray of shape (n_rows,)
        Each row's part of the loss, relative to the best constant, by which the best candidates are found quickly.
    ranks : (float, ndarray of bool) or None
        How much of the loss is twice the area above the ROC curve, and which rows are positive.
    measures : ndarray of bool, shape (n_rows,), or None
        Rows that may measure; None means all. Those by which candidates left the race may not: the ones that stayed
        were lucky there.
    deadline : Deadline
        When it must be over; with too few resamples by then nothing is claimed.
    """
    keys = sorted(predictions)
    if not keys:
        return Corrected()
    rows, outputs = predictions[keys[0]].shape
    table = np.stack([row_losses[key] for key in keys])
    blended = _BLENDED if rows * outputs <= _MANY_CELLS else _BLENDED_OF_MANY_ROWS
    resamples = int(min(RESAMPLES, max(_FEWEST_RESAMPLES, _MOST_CELLS // (rows * outputs * blended * 10))))
    found: list[float] = []
    for _ in range(resamples):
        if deadline.expired:
            break
        drawn = np.sort(rng.integers(0, rows, rows))
        outside = np.setdiff1d(np.arange(rows) if measures is None else np.flatnonzero(measures), drawn)
        if len(outside) < _FEWEST_OUTSIDE:
            continue
        quick = table[:, drawn].mean(axis=1)
        if ranks is not None:
            share, positive = ranks
            inside = positive[drawn]
            if inside.all() or not inside.any():
                continue
            above = [2.0 * (1.0 - roc_auc(inside, predictions[key][drawn, 1])) for key in keys]
            quick = share * np.array(above) + (1.0 - share) * quick
        best = [keys[place] for place in np.argsort(quick, kind="stable")[:blended]]
        blend = choose_blend({key: predictions[key][drawn] for key in best}, loss(drawn))
        picked = sum((weight * predictions[key][outside] for key, weight in blend.weights.items()), np.zeros(()))
        value = score(outside, np.asarray(picked))
        if value is not None and np.isfinite(value):
            found.append(value)
    if len(found) < _FEWEST_RESAMPLES:
        return Corrected(resamples=len(found))
    low, high = np.quantile(found, [0.025, 0.975])
    return Corrected(value=float(np.mean(found)), low=float(low), high=float(high), resamples=len(found))


def row_losses(name: str, task: Task, truth: npt.NDArray[np.generic], outputs: Values, ceiling: float) -> Values:
    """Return each row's part of the loss called ``name``, relative to the best constant's mean."""
    if task == "regression":
        form = metric_called(name, task).form
        assert isinstance(form, Moments)  # `training_loss` names means over rows only
        rows = form.statistics(Outcome(task=task, truth=truth.astype(np.float64), scores=outputs)).rows()[:, 0]
        return np.asarray(rows / (ceiling**2 if name == "rmse" else ceiling))
    codes = truth.astype(np.int64)
    if name == "brier":
        wanted = np.eye(outputs.shape[1])[codes]
        return np.asarray(((outputs - wanted) ** 2).sum(axis=1) / ceiling)
    return np.asarray(-np.log(np.clip(outputs[np.arange(len(codes)), codes], 1e-15, None)) / ceiling)
