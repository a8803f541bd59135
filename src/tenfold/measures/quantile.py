"""Quantiles of a sample, latency above all, with an interval that assumes no distribution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tenfold.foundation.errors import InputError
from tenfold.measures.interval import Sided, tail_of
from tenfold.measures.outcome import Floats
from tenfold.records.evaluation import Estimate

QUANTILES: Mapping[str, float] = {"latency_p50_ms": 0.5, "latency_p99_ms": 0.99}


def estimate_quantile(
    metric: str, sample: Floats, *, confidence: float = 0.95, sided: Sided = "two", quantile: float | None = None
) -> Estimate:
    """Return a quantile of a sample with the interval between two of its order statistics.

    The number of values below the true quantile is binomial, so that the interval is right for any distribution
    (Thompson, 1936), as far as the values do not depend on each other.

    Parameters
    ----------
    metric : str
        ``latency_p50_ms`` or ``latency_p99_ms``, which say the quantile; or any name with ``quantile``.
    sample : ndarray of shape (n,)
        For a latency, milliseconds of each call.

    Returns
    -------
    Estimate
        A bound that so few values cannot give is None, and ``reason`` says so.

    Raises
    ------
    InputError
        When the name says no quantile and none is given.
    """
    from scipy.special import bdtr

    level = QUANTILES.get(metric) if quantile is None else quantile
    if level is None:
        raise InputError(f"'{metric}' says no quantile; known are {', '.join(QUANTILES)}, or give one")
    n = len(sample)
    if n == 0:
        return Estimate(metric=metric, value=None, confidence=confidence, reason="nothing was measured")
    tail = tail_of(confidence, sided)
    ordered = np.sort(sample)
    ranks = np.arange(1, n + 1)
    # The value of rank k lies above the quantile with the chance that fewer than k values lie below it.
    at_most = bdtr(ranks - 1, n, level)
    low = np.flatnonzero(at_most <= tail)
    high = np.flatnonzero(1.0 - at_most <= tail)
    wanted_low, wanted_high = sided != "upper", sided != "lower"
    missing = (wanted_low and not len(low)) or (wanted_high and not len(high))
    return Estimate(
        metric=metric,
        value=float(np.quantile(ordered, level)),
        low=float(ordered[low[-1]]) if wanted_low and len(low) else None,
        high=float(ordered[high[0]]) if wanted_high and len(high) else None,
        n=n,
        confidence=confidence,
        method="order statistics",
        reason=f"{n} values are too few to bound the {100 * level:g} % quantile" if missing else "",
    )
