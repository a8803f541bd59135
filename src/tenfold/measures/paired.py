"""Two models on the same rows: the difference of a metric with its interval."""

from __future__ import annotations

import numpy as np

from tenfold.measures.interval import Sided
from tenfold.measures.metric import Metric
from tenfold.measures.outcome import Outcome
from tenfold.records.evaluation import Estimate


def difference(
    metric: Metric,
    a: Outcome,
    b: Outcome,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator,
    sided: Sided = "two",
    factor: float = 1.0,
) -> Estimate:
    """Return the metric of ``a`` minus ``factor`` times that of ``b``, both on the same rows in the same order.

    Rows, weights and groups are those of ``a``. ``factor`` other than 1 serves bounds in per cent of a reference.
    """
    from scipy.special import stdtrit

    objection = metric.objection(a) or metric.objection(b)
    if objection:
        return Estimate(metric=metric.name, value=None, n=a.n, confidence=confidence, reason=objection)
    value = metric.form.value(a) - factor * metric.form.value(b)
    influence = metric.form.influence(a) - factor * metric.form.influence(b)
    error = float(np.sqrt((influence**2).sum() / (a.n * max(a.n - 1, 1))))
    tail = (1 - confidence) / 2 if sided == "two" else 1 - confidence
    reach = float(stdtrit(max(a.n - 1, 1), 1 - tail)) * error
    return Estimate(
        metric=metric.name,
        value=value,
        low=None if sided == "upper" else value - reach,
        high=None if sided == "lower" else value + reach,
        n=a.n,
        confidence=confidence,
        method="paired, linearised, t",
    )
