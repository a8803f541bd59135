"""Whether the true class is among the few most probable."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tenfold.measures.confusion import every_row
from tenfold.measures.metric import Metric, Moments, Statistics, first
from tenfold.measures.outcome import Outcome


def top_accuracy(top: int) -> Metric:
    """Return the share of rows whose class is among the ``top`` most probable, of equal ones the first."""

    def found(outcome: Outcome) -> NDArray[np.bool_]:
        rows = np.arange(outcome.n)
        truth = outcome.truth.astype(np.int64)
        given = outcome.scores[rows, truth][:, None]
        earlier = np.arange(outcome.classes) < truth[:, None]
        before = (outcome.scores > given) | ((outcome.scores == given) & earlier)
        return np.asarray(before.sum(axis=1) < top)

    def statistics(outcome: Outcome) -> Statistics:
        return Statistics(atoms=np.array([[0.0], [1.0]]), index=found(outcome).astype(np.int64))

    def undefined(outcome: Outcome) -> str:
        return "" if top < outcome.classes else f"there are {outcome.classes} classes: one of {top} is always right"

    return Metric(
        name=f"top{top}_accuracy",
        form=Moments(statistics=statistics, combine=first),
        needs=("scores",),
        interval="proportion",
        scale="logit",
        undefined=undefined,
        trials=every_row,
    )
