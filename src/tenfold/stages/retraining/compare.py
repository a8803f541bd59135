"""The challenger against the champion on the same rows, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tenfold.measures.metrics import metric_called
from tenfold.measures.outcome import Outcome
from tenfold.measures.paired import difference
from tenfold.records.evidence import Verdict
from tenfold.records.retrain import Action, Gain
from tenfold.stages.retraining.options import RetrainingOptions

FEWEST_ROWS = 100
"""Newest labelled rows under which two models are not compared."""


def compare(challenger: Outcome, champion: Outcome, *, metric: str, confidence: float, rows: str) -> Gain:
    """Return what the challenger is better by, paired row by row, with a one-sided bound on either side.

    Parameters
    ----------
    challenger, champion : Outcome
        Of the same rows in the same order; a ``metric`` that has no value there gives a gain without one.
    confidence : float
        Of each bound.
    rows : str
        Which rows these are, in words.
    """
    measure = metric_called(metric)
    found = difference(measure, challenger, champion, confidence=2.0 * confidence - 1.0)
    if found.value is None:
        return Gain(metric=metric, rows=rows, n=challenger.n, confidence=confidence, reason=found.reason)
    low, high, value = found.low, found.high, found.value
    if not measure.greater_is_better:
        low, high, value = _minus(found.high), _minus(found.low), -found.value
    return Gain(
        metric=metric,
        rows=rows,
        n=found.n,
        value=value,
        low=low,
        high=high,
        champion=measure.compute(champion),
        challenger=measure.compute(challenger),
        confidence=confidence,
        method=found.method,
        reason=found.reason,
    )


def comparable(gain: Gain) -> bool:
    """Return whether the gain says anything of the two models; a look that could not compare them is none."""
    return None not in (gain.low, gain.high, gain.value) and gain.n >= FEWEST_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What becomes of a challenger, and why."""

    action: Action
    reason: str
    waits_for: str = ""


def settle(
    newest: Gain,
    lockbox: Gain | None,
    musts: Sequence[Verdict],
    options: RetrainingOptions,
    *,
    objection: str | None,
    look: int,
) -> Settled:
    """Return whether the challenger is promoted, refused, or waits.

    It is promoted when it is better on the newest rows with the stated confidence, and nothing that it must do stands
    against it. What it lost on the old rows is told: where the world has changed, that is the price, and where it has
    not, the newest rows say so too.

    Parameters
    ----------
    musts : sequence of Verdict
        Requirements judged on the newest rows.
    objection : str or None
        Why the registry's rules would not let it become champion.
    look : int
        Which look at this challenger it is, from 1. Where nothing can be compared it waits, whichever look it is.
    """
    if newest.low is None or newest.high is None or newest.value is None or newest.n < FEWEST_ROWS:
        why = newest.reason or f"{newest.n} labelled rows that neither model saw, and {FEWEST_ROWS} are needed"
        return Settled(action="wait", reason=f"it cannot be compared yet: {why}", waits_for="rows")
    told = _told(newest)
    if newest.high < 0:
        return Settled(action="refuse", reason=f"worse on the newest rows: {told}")
    if newest.low <= 0:
        if look >= options.looks:
            return Settled(action="refuse", reason=f"not shown to be better in {look} looks: {told}")
        return Settled(action="wait", reason=f"better or worse by chance alike: {told}", waits_for="rows")
    if objection is not None:
        return Settled(action="refuse", reason=f"better on the newest rows ({told}), but {objection}")
    failed = [f"{verdict.requirement}: {verdict.reason}" for verdict in musts if verdict.verdict == "fail"]
    if failed:
        return Settled(
            action="refuse", reason=f"better on the newest rows ({told}), but it fails there: {'; '.join(failed)}"
        )
    price = ""
    if lockbox is not None and lockbox.high is not None and lockbox.high < 0:
        price = f"; on the old sealed rows it is worse by {abs(lockbox.value or 0.0):.3g}"
    if options.promote == "ask":
        return Settled(action="wait", reason=f"better: {told}{price}; a person promotes it", waits_for="person")
    return Settled(action="promote", reason=f"better: {told}{price}")


def _told(gain: Gain) -> str:
    if gain.low is None or gain.high is None or gain.value is None:
        return gain.reason
    value, low, high = (_rounded(number, gain.high - gain.low) for number in (gain.value, gain.low, gain.high))
    return f"{gain.metric} {value} (from {low} to {high}) on {gain.n:,} rows"


def _rounded(value: float, width: float) -> str:
    """Return a difference to a hundredth of its interval's width: further digits say nothing."""
    decimals = 6 if width <= 0 else max(0, min(12, 3 - math.ceil(math.log10(width))))
    return f"{value:+,.{decimals}f}"


def _minus(value: float | None) -> float | None:
    return None if value is None else -value
