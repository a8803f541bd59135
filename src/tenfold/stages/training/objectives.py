"""What boosting fits to, so that a model is good by the loss that the search minimises."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tenfold.measures.names import level_of
from tenfold.stages.training.protocols import Fit, Rows

Aim = Literal["binary", "multiclass", "squared", "absolute", "quantile", "poisson"]

_RELATIVE = ("mape", "smape")


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What is minimised over the training rows; ``level`` is the quantile that is asked for, else one half."""

    aim: Aim
    level: float = 0.5


def objective_of(fit: Fit) -> Objective:
    """Return the objective whose minimum is that of ``fit.loss``; squared error where no loss of its own is named."""
    if fit.task == "binary":
        return Objective(aim="binary")
    if fit.task == "multiclass":
        return Objective(aim="multiclass")
    level = level_of(fit.loss)
    if level is not None:
        return Objective(aim="quantile", level=level)
    if fit.loss == "mae" or fit.loss in _RELATIVE:
        return Objective(aim="absolute")
    return Objective(aim="poisson" if fit.loss == "poisson_deviance" else "squared")


def relative(fit: Fit) -> Fit:
    """Return the fit with rows weighted so that absolute errors count by the size of the truth, where the loss is so.

    For ``mape`` that is the loss itself; for ``smape`` it is the loss of small errors.
    """
    if fit.loss not in _RELATIVE:
        return fit
    return replace(fit, train=_by_size(fit.train), held=None if fit.held is None else _by_size(fit.held))


def start_of(fit: Fit, objective: Objective) -> float:
    """Return the constant that is best by the objective on the training rows of a regression."""
    truth, weight = fit.train.truth.astype(np.float64), fit.train.weight
    if objective.aim in ("squared", "poisson"):
        return float(np.average(truth, weights=weight))
    order = np.argsort(truth, kind="stable")
    mass = np.cumsum(np.ones(len(truth)) if weight is None else weight[order])
    place = int(np.searchsorted(mass, objective.level * mass[-1]))
    return float(truth[order[min(place, len(order) - 1)]])


def _by_size(rows: Rows) -> Rows:
    size = np.abs(rows.truth.astype(np.float64))
    known = size[size > 0.0]
    # A truth of 0 has no relative error; it counts as the smallest that has one.
    mass = 1.0 / np.maximum(size, known.min() if len(known) else 1.0)
    mass *= len(mass) / mass.sum()
    return replace(rows, weight=mass if rows.weight is None else rows.weight * mass)
