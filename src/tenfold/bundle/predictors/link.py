"""From a model's raw score to probabilities."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tenfold.bundle.matrix import Floats

Link = Literal["identity", "exp", "logistic", "softmax"]
_SIDES = np.array([1.0, -1.0])


def linked(raw: Floats, link: Link) -> Floats:
    """Return predictions for raw scores.

    Parameters
    ----------
    raw : ndarray of shape (n_rows, n_scores)
    link : str
        ``identity`` and ``exp`` keep the shape; ``logistic`` takes one score to two columns, the positive class last;
        ``softmax`` takes one score for each class to probabilities.
    """
    if link == "identity":
        return raw
    if link == "exp":
        return np.exp(raw)
    if link == "logistic":
        # Both sides are computed, so that neither loses its digits where it is small.
        result: Floats = raw[:, :1] * _SIDES
        np.logaddexp(0.0, result, out=result)
        np.negative(result, out=result)
        return np.exp(result, out=result)
    shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
    probabilities: Floats = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities
