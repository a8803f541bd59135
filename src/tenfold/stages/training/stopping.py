"""Where a fold holds out a row or two, these may not choose when its fit stops: rows that train do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tenfold.stages.training.protocols import Fit, Fitted, Learner, Rows

_STOPPING_SHARE = 0.2
_FEWEST_ROWS = 10


def fitter(learner: Learner, *, single: bool) -> Callable[[Fit], Fitted]:
    """Return how a learner is fitted: as ever, or by `fit_apart` where folds hold out single rows."""
    return (lambda fit: fit_apart(learner, fit)) if single else learner.fit


def fit_apart(learner: Learner, fit: Fit) -> Fitted:
    """Fit twice: find the number of iterations on a part of the training rows, then make so many on all of them.

    A single held-out row would choose the iterations that suit it, and every estimate would be too good.
    """
    if fit.iterations is not None or len(fit.train.truth) < _FEWEST_ROWS:
        return learner.fit(fit if fit.iterations is not None else replace(fit, held=None, iterations=1))
    order = np.random.default_rng(fit.seed).permutation(len(fit.train.truth))
    count = max(2, round(_STOPPING_SHARE * len(order)))
    stopping, learned = np.sort(order[:count]), np.sort(order[count:])
    found = learner.fit(replace(fit, train=_some(fit.train, learned), held=_some(fit.train, stopping), bars=()))
    last = learner.fit(replace(fit, held=None, iterations=max(found.iterations, 1), bars=()))
    return replace(last, learning=found.learning, findings=found.findings)


def _some(rows: Rows, numbers: npt.NDArray[np.int64]) -> Rows:
    return Rows(
        values=np.asarray(rows.values[numbers]),
        truth=rows.truth[numbers],
        weight=None if rows.weight is None else rows.weight[numbers],
    )
