"""Metrics of probabilities: proper scores, a mean over rows each (Gneiting and Raftery, 2007)."""

from __future__ import annotations

import numpy as np

from tenfold.measures.metric import Metric, Moments, Statistics, first
from tenfold.measures.outcome import Floats, Outcome

_LEAST_PROBABILITY = 1e-15


def log_loss_rows(outcome: Outcome) -> Floats:
    """Return minus the log of the probability given to what happened, shape (n,); at most 34.5 for a row."""
    given = outcome.scores[np.arange(outcome.n), outcome.truth.astype(np.int64)]
    loss: Floats = -np.log(np.clip(given, _LEAST_PROBABILITY, 1.0))
    return loss


def brier_rows(outcome: Outcome) -> Floats:
    """Return the squared error of the probabilities, shape (n,).

    Binary: of the positive class's probability (0 to 1); multiclass: summed over classes (0 to 2).
    """
    error: Floats
    if outcome.task == "binary":
        error = (outcome.scores[:, -1] - outcome.truth) ** 2
    else:
        given = outcome.scores[np.arange(outcome.n), outcome.truth.astype(np.int64)]
        error = (outcome.scores**2).sum(axis=1) - 2 * given + 1
    return error


def _log_loss(outcome: Outcome) -> Statistics:
    return Statistics(atoms=log_loss_rows(outcome)[:, None])


def _brier(outcome: Outcome) -> Statistics:
    return Statistics(atoms=brier_rows(outcome)[:, None])


LOG_LOSS = Metric(
    name="log_loss", form=Moments(statistics=_log_loss, combine=first), needs=("scores",), interval="mean", scale="log"
)
BRIER = Metric(
    name="brier", form=Moments(statistics=_brier, combine=first), needs=("scores",), interval="mean", scale="log"
)
