"""What a row is expected to bring by the champion's own probabilities, before anybody knows its outcome.

Taking it off each row's value takes off what made rows differ whichever arm they came to (CUPED; Deng, Xu, Kohavi and
Walker, 2013, with nothing fitted): the better the champion is calibrated, the more. It is fixed before rows are
divided, so that exact bounds stay exact, and a bad one only costs width.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tenfold.measures.outcome import Codes, Floats

_LEAST = 1e-15


def expected_values(scores: Floats, decision: Codes, amounts: Floats | None) -> Mapping[str, Floats]:
    """Return the expected value of each row by metric, each of shape (n,).

    Parameters
    ----------
    scores : ndarray of shape (n, classes)
        The champion's probabilities, of the rows of either arm.
    decision : ndarray of shape (n,)
        What it would have decided.
    amounts : ndarray of shape (classes, classes), or None
        What decisions bring: truth by decision.
    """
    n, classes = scores.shape
    chance = np.clip(scores, _LEAST, 1.0)
    squares = (scores**2).sum(axis=1)
    found = {
        "accuracy": scores[np.arange(n), decision],
        "log_loss": -(scores * np.log(chance)).sum(axis=1),
        "brier": scores[:, -1] * (1.0 - scores[:, -1]) if classes == 2 else 1.0 - squares,
    }
    if amounts is not None:
        found["value_per_row"] = (scores * amounts[:, decision].T).sum(axis=1)
    return found
