"""From scores to decisions."""

from __future__ import annotations

import numpy as np

from tenfold.measures.money import amounts_of
from tenfold.measures.outcome import Codes, Floats
from tenfold.records.evaluation import Threshold
from tenfold.records.problem import ValueMatrix


def decide(scores: Floats, threshold: Threshold | None = None, value: ValueMatrix | None = None) -> Codes:
    """Return the class code decided for each row.

    Two classes with a threshold: positive where its probability reaches it. Else, with a value matrix, the class with
    the greatest expected value; without one, the most probable class. Ties go to the lowest code, except that two
    equally probable classes are decided positive, as a threshold of one half does.

    Parameters
    ----------
    scores : ndarray of shape (n, K)
        Probabilities, the positive class of a binary task last.

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    if scores.shape[1] == 2 and (threshold is not None or value is None):
        cut = 0.5 if threshold is None else threshold.value
        return (scores[:, 1] >= cut).astype(np.int64)
    expected = scores if value is None else scores @ amounts_of(value)
    codes: Codes = np.argmax(expected, axis=1).astype(np.int64)
    return codes


def bayes_threshold(value: ValueMatrix) -> float:
    """Return the probability from which on the positive decision pays, for calibrated probabilities.

    Elkan (2001): p* = (TN - FP) / ((TN - FP) + (TP - FN)). 0 where the positive decision always pays, just above 1
    where it never does.
    """
    (tn, fp), (fn, tp) = amounts_of(value)
    if_negative, if_positive = tn - fp, tp - fn
    if if_positive >= 0 and if_negative >= 0 and if_positive + if_negative > 0:
        return float(if_negative / (if_positive + if_negative))
    # Where the decision does not depend on the probability in the usual direction, take the better constant action.
    return 0.0 if if_positive > if_negative else float(np.nextafter(1.0, 2.0))


def choose_threshold(
    truth: Codes,
    positive_probability: Floats,
    value: ValueMatrix | None = None,
    metric: str = "roc_auc",
    *,
    weight: Floats | None = None,
) -> Threshold:
    """Return the threshold of a binary task."""
    del truth, positive_probability, metric, weight
    if value is not None:
        return Threshold(value=bayes_threshold(value), reason="the value matrix, for calibrated probabilities")
    return Threshold(value=0.5, reason="the more probable class")
