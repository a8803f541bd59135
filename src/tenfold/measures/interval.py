"""The value of a metric with its interval."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tenfold.measures.metric import Metric
from tenfold.measures.outcome import Outcome
from tenfold.records.evaluation import Estimate

Sided = Literal["two", "lower", "upper"]


def estimate(
    metric: Metric, outcome: Outcome, *, confidence: float = 0.95, rng: np.random.Generator, sided: Sided = "two"
) -> Estimate:
    """Return the metric's value on these rows with its confidence interval.

    Parameters
    ----------
    confidence : float
        Chance with which the interval covers the value that the model has on all such rows.
    sided : str
        ``two``: an equal-tailed interval. ``lower``: ``high`` is None and the whole error stands below ``low``; ``upper``
        the other way round.

    Returns
    -------
    Estimate
        ``method`` names how the interval was found. Value, low and high are None, with a reason, where the metric is undefined.
    """
    from scipy.special import stdtrit

    objection = metric.objection(outcome)
    if objection:
        return Estimate(metric=metric.name, value=None, n=outcome.n, confidence=confidence, reason=objection)
    value = metric.form.value(outcome)
    influence = metric.form.influence(outcome)
    error = float(np.sqrt((influence**2).sum() / (outcome.n * max(outcome.n - 1, 1))))
    tail = (1 - confidence) / 2 if sided == "two" else 1 - confidence
    reach = float(stdtrit(max(outcome.n - 1, 1), 1 - tail)) * error
    return Estimate(
        metric=metric.name,
        value=value,
        low=None if sided == "upper" else value - reach,
        high=None if sided == "lower" else value + reach,
        n=outcome.n,
        confidence=confidence,
        method="linearised, t",
    )
