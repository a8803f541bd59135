"""The step after the ensemble: probabilities as often right as they say, wherever the model is served."""

from __future__ import annotations

import math

import numpy as np

from tenfold.bundle.matrix import Floats
from tenfold.foundation.errors import StoreError
from tenfold.records.evaluation import Recalibration

_LEAST = math.exp(-15.0)


def recalibrated(scores: Floats, step: Recalibration) -> Floats:
    """Return mended probabilities, of the same shape (n_rows, n_classes), each row adding up to one."""
    if step.method.startswith("temperature"):
        logs = step.params[0] * np.log(np.clip(scores, _LEAST, 1.0)) + np.array(step.params[1:])
        powers = np.exp(logs - logs.max(axis=1, keepdims=True))
        mended: Floats = powers / powers.sum(axis=1, keepdims=True)
        return mended
    positive = np.clip(scores[:, 1], _LEAST, 1.0 - _LEAST)
    if step.method == "isotonic":
        happens = np.interp(positive, step.before, step.after)
    else:
        for_it, against = np.log(positive), np.log1p(-positive)
        slopes = step.params[1:] if step.method == "beta" else (step.params[1], step.params[1])
        happens = 0.5 * (1.0 + np.tanh((step.params[0] + slopes[0] * for_it - slopes[1] * against) / 2.0))
    return np.column_stack([1.0 - happens, happens])


def checked(step: Recalibration, classes: int) -> Recalibration:
    """Return the step as it was read, when it can be taken.

    Raises
    ------
    StoreError
        When its numbers are not those of its method.
    """
    wanted = {"logistic": 2, "beta": 3, "isotonic": 0}.get(step.method, 1 + classes)
    numbers = np.array([*step.params, *step.before, *step.after], dtype=np.float64)
    knots = len(step.before)
    ok = (
        len(step.params) == wanted
        and bool(np.isfinite(numbers).all())
        and knots == len(step.after)
        and (knots > 1) == (step.method == "isotonic")
        and bool((np.diff(step.before) > 0).all())
        and (classes == 2 or step.method.startswith("temperature"))
    )
    if not ok:
        raise StoreError(f"the numbers of the recalibration '{step.method}' do not describe it")
    return step
