"""What stops a candidate whatever its metric says: errors, slow answers, a slice that is worse off.

Each is an exact or asymptotic bound at every look together, one-sided, with an error of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tenfold.measures.experiment.bounded import Sample, lower_bound
from tenfold.measures.experiment.contrast import Design, difference
from tenfold.measures.experiment.side import Side
from tenfold.measures.metrics import metric_called
from tenfold.records.experiment import Guardrail
from tenfold.records.problem import Requirement

ERROR = 0.01
"""The chance that errors, or slow answers, ever stop a candidate that has no more of them than it may."""
SLICES_ERROR = 0.05
"""The same of all slices together."""
MORE_ERRORS = 0.01
"""By how much the candidate's share of failed requests may lie above the champion's."""
_SHARES: Mapping[str, float] = {"latency_p50_ms": 0.5, "latency_p99_ms": 0.01}
"""Which share of the answers may take longer than the limit."""
_HORIZON = 2000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a gateway counted of one arm.

    Attributes
    ----------
    requests, failed : int
        Requests that came to the arm, and those among them that its model could not answer.
    within : mapping from seconds to int
        Answers that took at most so long: the buckets of a histogram, each holding those below it.
    """

    requests: int
    failed: int = 0
    within: Mapping[float, int] = field(default_factory=dict)


def of_errors(candidate: Served, champion: Served) -> Guardrail:
    """Hold the candidate's share of failed requests against the champion's, each bounded by itself at half the error.

    So it does not matter which shares of the requests the arms had at which time.
    """
    n = candidate.requests + champion.requests
    if not candidate.requests or not champion.requests:
        return Guardrail(of="errors", name="errors", breached=False, n=n, error=ERROR, reason="one arm has no requests")
    least = lower_bound(_share(candidate.failed, candidate.requests, MORE_ERRORS), horizon=_HORIZON, tail=ERROR / 2.0)
    turned = _share(champion.failed, champion.requests, MORE_ERRORS).turned()
    low = least + lower_bound(turned, horizon=_HORIZON, tail=ERROR / 2.0)
    breached = low > MORE_ERRORS
    reason = (
        f"{candidate.failed:,} of {candidate.requests:,} requests failed, of the champion's {champion.failed:,} of"
        f" {champion.requests:,}"
    )
    return Guardrail(
        of="errors",
        name="errors",
        breached=breached,
        value=candidate.failed / candidate.requests - champion.failed / champion.requests,
        low=low,
        limit=MORE_ERRORS,
        n=n,
        error=ERROR,
        reason=f"{reason}: surely more by over {100 * MORE_ERRORS:g} in 100" if breached else reason,
    )


def _share(count: int, n: int, typical: float) -> Sample:
    """Return so many ones among n zeros and ones."""
    return Sample(
        atoms=np.array([0.0, 1.0]),
        weights=np.ones(2),
        counts=np.array([n - count, count], dtype=np.float64),
        low=0.0,
        high=1.0,
        loss_below=1.0,
        loss_above=1.0,
        deviation=math.sqrt(typical * (1.0 - typical)),
    )


def of_latency(requirement: Requirement, candidate: Served) -> Guardrail:
    """Hold the share of answers that take longer than a requirement's limit against the share that may.

    The share is read from a histogram: of its bounds the first one at or above the limit counts, so that an answer is
    called slow only when it was.
    """
    limit = requirement.bound.offset
    allowed = _SHARES[requirement.metric]
    places = sorted(bound for bound in candidate.within if bound >= limit / 1000.0)
    n = max(candidate.within.values(), default=0)
    if not places or not n:
        reason = "no time of an answer is counted near the limit"
        return Guardrail(of="latency", name=requirement.id, breached=False, limit=limit, error=ERROR, reason=reason)
    slow = n - candidate.within[places[0]]
    sample = _share(slow, n, allowed)
    low = lower_bound(sample, horizon=_HORIZON, tail=ERROR)
    breached = low > allowed
    reason = f"{slow:,} of {n:,} answers took longer than {places[0] * 1000:g} ms; {allowed:.0%} may take {limit:g} ms"
    return Guardrail(
        of="latency",
        name=requirement.id,
        breached=breached,
        value=slow / n,
        low=low,
        limit=allowed,
        n=n,
        error=ERROR,
        reason=reason,
    )


def of_slices(metric: str, slices: Sequence[tuple[str, Side, Side]], design: Design) -> tuple[Guardrail, ...]:
    """Hold the candidate against the champion on each slice of the problem: worse off for sure stops it.

    Parameters
    ----------
    slices : sequence of (name, candidate, champion)
    """
    known = metric_called(metric)
    error = SLICES_ERROR / max(len(slices), 1)
    found = []
    for name, candidate, champion in slices:
        own = Design(
            confidence=1.0 - 2.0 * error,
            centre=design.centre,
            deviation=design.deviation,
            share=design.share,
            horizon=design.horizon,
            value=design.value,
            by_row=design.by_row,
            paired=design.paired,
        )
        gap = difference(known, candidate, champion, own).estimate
        worse = None if gap.low is None or gap.high is None else _worse(gap.low, gap.high, known.greater_is_better)
        found.append(
            Guardrail(
                of="slice",
                name=name,
                breached=bool(worse),
                value=gap.value,
                low=gap.low,
                high=gap.high,
                limit=0.0,
                n=gap.n,
                error=error,
                reason=f"{metric} is surely worse there than the champion's" if worse else gap.reason,
            )
        )
    return tuple(found)


def _worse(low: float, high: float, greater_is_better: bool) -> bool:
    return high < 0.0 if greater_is_better else low > 0.0
