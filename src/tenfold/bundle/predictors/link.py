"""From a model's raw score to probabilities."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tenfold.bundle.matrix import Floats

Link = Literal["identity", "exp", "logistic", "softmax"]


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
        result = np.empty((len(raw), 2))
        # Both sides are computed, so that neither loses its digits where it is small.
        result[:, 0] = np.exp(-np.logaddexp(0.0, raw[:, 0]))
        result[:, 1] = np.exp(-np.logaddexp(0.0, -raw[:, 0]))
        return result
    shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
    probabilities: Floats = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities
