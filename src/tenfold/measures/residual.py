"""Metrics of a predicted number against the true one."""

from __future__ import annotations

import numpy as np

from tenfold.measures.metric import Metric, Moments, Statistics, first
from tenfold.measures.outcome import Floats, Outcome

_LEAST_RATE = 1e-9


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


def _symmetric(outcome: Outcome) -> Statistics:
    """Return twice the error by the sum of sizes; a row where both are 0 has no error."""
    size = np.abs(outcome.truth) + np.abs(outcome.scores[:, 0])
    error = 2.0 * np.abs(_residual(outcome)) / np.where(size > 0.0, size, 1.0)
    return Statistics(atoms=error[:, None])


def poisson_deviance_rows(outcome: Outcome) -> Floats:
    """Return ``2 (y log(y / p) - y + p)`` of each row, shape (n,) (McCullagh and Nelder, 1989).

    A predicted rate at or below zero, which a model of numbers may give, counts as a thousand-millionth of the truth.
    """
    truth = outcome.truth.astype(np.float64)
    rate = np.maximum(outcome.scores[:, 0], _LEAST_RATE * truth)
    happened = truth > 0.0
    surprise = np.where(happened, truth * np.log(np.where(happened, truth, 1.0) / np.where(happened, rate, 1.0)), 0.0)
    deviance: Floats = 2.0 * (surprise - truth + rate)
    return deviance


def _deviance(outcome: Outcome) -> Statistics:
    return Statistics(atoms=poisson_deviance_rows(outcome)[:, None])


def _negative_truth(outcome: Outcome) -> str:
    negative = int((outcome.truth < 0).sum())
    return f"the true value is negative in {negative} rows: it is no count" if negative else ""


def pinball(level: float) -> Metric:
    """Return the loss that is smallest at the quantile ``level`` (Koenker and Bassett, 1978)."""

    def rows(outcome: Outcome) -> Statistics:
        below = -_residual(outcome)
        return Statistics(atoms=np.maximum(level * below, (level - 1.0) * below)[:, None])

    return Metric(
        name=f"pinball_{level:g}",
        form=Moments(statistics=rows, combine=first),
        needs=("scores",),
        interval="mean",
        scale="log",
    )


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
SMAPE = Metric(
    name="smape", form=Moments(statistics=_symmetric, combine=first), needs=("scores",), interval="mean", scale="log"
)
POISSON_DEVIANCE = Metric(
    name="poisson_deviance",
    form=Moments(statistics=_deviance, combine=first),
    needs=("scores",),
    interval="mean",
    scale="log",
    tails="heavy",
    undefined=_negative_truth,
)
