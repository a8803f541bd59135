"""Metrics of a predicted number against the true one."""

from __future__ import annotations

import numpy as np

from tenfold.measures.metric import Metric, Moments, Statistics, first
from tenfold.measures.outcome import Floats, Outcome


def _residual(outcome: Outcome) -> Floats:
    return outcome.scores[:, 0] - outcome.truth


def _squared(outcome: Outcome) -> Statistics:
    return Statistics(atoms=(_residual(outcome) ** 2)[:, None])


def _absolute(outcome: Outcome) -> Statistics:
    return Statistics(atoms=np.abs(_residual(outcome))[:, None])


def _relative(outcome: Outcome) -> Statistics:
    return Statistics(atoms=np.abs(_residual(outcome) / outcome.truth)[:, None])


def _squared_and_spread(outcome: Outcome) -> Statistics:
    """Return squared error, centred truth and its square; centring keeps the variance exact for large targets."""
    centred = outcome.truth - outcome.truth.mean()
    return Statistics(atoms=np.column_stack([_residual(outcome) ** 2, centred, centred**2]))


def _root(means: Floats) -> Floats:
    return np.sqrt(np.maximum(means[..., 0], 0.0))


def _explained(means: Floats) -> Floats:
    spread = means[..., 2] - means[..., 1] ** 2
    return 1.0 - means[..., 0] / np.where(spread > 0, spread, np.nan)


def _constant_truth(outcome: Outcome) -> str:
    return "the true value is the same in every row" if np.ptp(outcome.truth) == 0 else ""


def _zero_truth(outcome: Outcome) -> str:
    zeros = int((outcome.truth == 0).sum())
    return f"the true value is 0 in {zeros} rows, where a relative error has no meaning" if zeros else ""


RMSE = Metric(
    name="rmse",
    form=Moments(statistics=_squared, combine=_root),
    needs=("scores",),
    interval="root-mean",
    scale="log",
    tails="heavy",
)
MAE = Metric(
    name="mae", form=Moments(statistics=_absolute, combine=first), needs=("scores",), interval="mean", scale="log"
)
R2 = Metric(
    name="r2",
    form=Moments(statistics=_squared_and_spread, combine=_explained),
    needs=("scores",),
    interval="linearised",
    scale="log-complement",
    undefined=_constant_truth,
)
MAPE = Metric(
    name="mape",
    form=Moments(statistics=_relative, combine=first),
    needs=("scores",),
    interval="mean",
    scale="log",
    undefined=_zero_truth,
)
