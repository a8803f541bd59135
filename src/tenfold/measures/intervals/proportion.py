"""Shares of rows: Jeffreys' interval.

Equal-tailed quantiles of Beta(hits + 1/2, misses + 1/2). Recommended for small n by Brown, Cai and DasGupta (2001);
unlike Wilson's its error is about the same on each side (Cai, 2005, "One-sided confidence intervals in discrete
distributions"), and verdicts are one-sided. The ends are moved outward by a tenth of a row, which lifts the coverage
where the jumps of a count make it fall short: at n = 200 it lies between 94 and 96.6 % for every share from 5 to 95 %.
At no or all hits the exact bound takes its place, as Brown, Cai and DasGupta advise.
"""

from __future__ import annotations

import numpy as np

from tenfold.measures.intervals.case import Bounds, Case, student

_OUTWARD = 0.1


def proportion_bounds(case: Case) -> Bounds:
    """Return the bounds of a share of rows; with weights or groups, by the number of rows that would vary as much."""
    counted = case.metric.trials(case.outcome)
    assert counted is not None  # `interval.py` asks before it comes here
    trials = float(counted.sum())
    method = "Jeffreys"
    if case.outcome.weight is not None or case.outcome.group is not None:
        trials = _effective_trials(case, trials)
        method = "Jeffreys, effective sample size"
    low, high = jeffreys(case.value * trials, trials, case.tail)
    return Bounds(low=low, high=high, method=method, reason=_doubt(case.value * trials, trials))


def jeffreys(hits: float, trials: float, tail: float) -> tuple[float, float]:
    """Return the lower and the upper bound of a proportion; numbers need not be whole.

    Parameters
    ----------
    tail : float
        Chance of error on each side.
    """
    from scipy.special import betaincinv

    misses = trials - hits
    inward, outward = 0.5 + _OUTWARD, 0.5 - _OUTWARD
    low = 0.0 if hits <= 0 else float(betaincinv(hits + outward, misses + inward, tail))
    high = 1.0 if misses <= 0 else float(betaincinv(hits + inward, misses + outward, 1.0 - tail))
    if hits <= 0:
        high = 1.0 - tail ** (1.0 / trials)
    if misses <= 0:
        low = tail ** (1.0 / trials)
    return low, high


def _doubt(hits: float, trials: float) -> str:
    if trials < 10:
        return f"approximate: only {trials:.0f} rows count"
    if min(hits, trials - hits) < 3:
        return f"approximate, on the wide side: hardly any row {'is' if hits < trials / 2 else 'is not'} a hit"
    return ""


def _effective_trials(case: Case, trials: float) -> float:
    """Return how many independent rows would give the error that was found (Korn and Graubard, 1998).

    Never more than there are, scaled down for few groups by the ratio of t quantiles.
    """
    if case.error == 0.0:
        return min(trials, float(len(case.pull)))
    effective = case.value * (1.0 - case.value) / case.error**2
    wider = student(max(trials - 1.0, 1.0), case.tail) / student(max(len(case.pull) - 1.0, 1.0), case.tail)
    return float(np.clip(effective * wider**2, 1.0, trials))
