"""The one place where a requirement becomes a verdict.

One-sided at the stated confidence: the metric passes when the whole of its one-sided bound lies on the right side,
fails when the whole of the opposite bound lies on the wrong side, and is inconclusive otherwise. Against a reference
the paired difference is judged, by bounds of the same kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tenfold.measures.interval import FEWEST_ROWS, estimate
from tenfold.measures.metric import Metric
from tenfold.measures.metrics import metric_called
from tenfold.measures.names import metric_name
from tenfold.measures.outcome import Outcome
from tenfold.measures.paired import difference
from tenfold.records.evaluation import Estimate
from tenfold.records.evidence import Verdict, VerdictName
from tenfold.records.problem import Bound, Requirement

Overall = Literal["passed", "failed", "inconclusive"]

FEWEST_OF_A_CLASS = 5
FEWEST_GROUPS = 5
# A verdict is planned for with this chance that the rows named will settle it.
_POWER = 0.8
_MOST_NEEDED = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What is held against the bound, all in the metric's unit; ``missing`` says why there is nothing to hold.

    ``undefined``: there are rows, but the metric has no value on such rows.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    n: int = 0
    method: str = ""
    reason: str = ""
    missing: str = ""
    undefined: bool = False


def judge(
    requirement: Requirement,
    *,
    place: str,
    slice: str = "",  # noqa: A002 - the word of the requirement
    outcome: Outcome | None = None,
    reference: Outcome | Estimate | None = None,
    measured: Estimate | None = None,
    rng: np.random.Generator,
) -> Verdict:
    """Hold one requirement against what was measured at one place.

    Parameters
    ----------
    place : str
        ``test``, ``ci``, ``canary``, ``ab``, ``live`` or ``retrain``.
    slice : str
        The slice whose rows ``outcome`` holds; empty for all rows.
    outcome : Outcome or None
        The model's predictions and the truth; None where there are none.
    reference : Outcome, Estimate or None
        The baseline's or champion's, on the same rows in the same order; for an operational metric its Estimate.
    measured : Estimate or None
        The value of an operational metric with a two-sided interval at any confidence above one half.

    Returns
    -------
    Verdict
        ``low`` and ``high`` are one-sided bounds, each at the requirement's confidence. ``pending``: nothing to judge
        on. A metric that has no value on the rows that there are (one class alone), fewer rows than ``FEWEST_ROWS``
        (30), fewer of a class than 5 for a ranking metric or fewer groups than 5 are ``inconclusive`` whatever they
        show.
    """
    asked = _asked(requirement, place, slice)
    if metric_name(requirement.metric).operational:
        held = _hold_measured(requirement, place, measured, reference)
    else:
        held = _hold_predictions(requirement, slice, outcome, reference, rng)
    if held.missing:
        return replace(asked, n=held.n, reason=held.missing, verdict="inconclusive" if held.undefined else "pending")
    found = replace(
        asked, value=held.value, low=held.low, high=held.high, bound=held.bound, n=held.n, method=held.method
    )
    scarce = "" if outcome is None else _too_few(_metric_of(requirement), outcome)
    if scarce:
        needed = _rows_for_a_start(requirement.metric, outcome) if outcome is not None else None
        return replace(found, verdict="inconclusive", low=None, high=None, needed=needed, reason=scarce)
    return _told_within(_settled(requirement, found, held.reason))


def judge_figure(requirement: Requirement, found: Estimate, *, place: str) -> Verdict:
    """Hold a requirement against a figure that is no metric of the model: what a change of its input did.

    Parameters
    ----------
    found : Estimate
        ``low`` and ``high`` are one-sided bounds at the requirement's confidence; both None where nothing was measured.
    """
    verdict = Verdict(
        requirement=requirement.id,
        verdict="pending",
        place=place,
        level=requirement.level,
        metric=requirement.metric,
        direction=requirement.direction,
        text=requirement.text,
        value=found.value,
        low=found.low,
        high=found.high,
        bound=requirement.bound.offset,
        n=found.n,
        confidence=requirement.confidence,
        method=found.method,
        reason=found.reason,
    )
    return verdict if found.value is None else _settled(requirement, verdict, found.reason)


def judge_anytime(
    requirement: Requirement,
    found: Estimate,
    value: float | None,
    reference: float | None = None,
    *,
    place: str,
    slice: str = "",  # noqa: A002 - the word of the requirement
) -> Verdict:
    """Hold a requirement against bounds that hold at every look together.

    Parameters
    ----------
    found : Estimate
        The model's metric; for a bound by a reference the difference from the reference, which is multiplied by
        `factor_of` where the bound is in per cent.
    value, reference : float or None
        The model's metric and the reference's.

    Returns
    -------
    Verdict
        Without the number of rows that would settle it: that depends on how often one means to look.
    """
    asked = _asked(requirement, place, slice)
    verdict = replace(asked, n=found.n, method=found.method, reason=found.reason)
    if found.value is None or value is None:
        return verdict
    if requirement.bound.reference is None:
        held = _held(found, bound=requirement.bound.offset)
    else:
        held = _around(value, requirement.bound.against(reference), found, _shift(requirement))
    verdict = replace(verdict, value=held.value, low=held.low, high=held.high, bound=held.bound)
    if held.low is None or held.high is None or held.bound is None:
        return replace(verdict, verdict="inconclusive", reason=held.reason or "measured without an interval")
    word = _word(requirement.direction, held.low, held.high, held.bound)
    if word != "inconclusive":
        return _told_within(replace(verdict, verdict=word, reason=_because(requirement, word, verdict, held.reason)))
    reason = f"between {_number(held.low)} and {_number(held.high)}, on both sides of {_number(held.bound)}"
    return _told_within(replace(verdict, verdict=word, reason=_with(reason, held.reason)))


def factor_of(requirement: Requirement, reference: float) -> float:
    """Return what the reference is multiplied by before the difference is taken, for `judge_anytime`."""
    return _factor(requirement, reference)


def _told_within(found: Verdict) -> Verdict:
    """Return a verdict whose interval stays where the metric can be: around a reference it may reach beyond.

    No loss, time, size or share lies below 0, and no share that is better when larger lies above 1.
    """
    known = metric_name(found.metric)
    if found.low is None or found.high is None or found.bound is None:
        return found
    low, high = found.low, found.high
    if known.unit == "fraction" or not known.greater_is_better:
        low = max(low, min(0.0, found.bound))
    if known.unit == "fraction" and known.greater_is_better:
        high = min(high, max(1.0, found.bound))
    return replace(found, low=low, high=high)


def judge_again(kept: Verdict, before: Bound, asked: Bound) -> Verdict:
    """Return what a kept judgement would come to under another bound, from its value and interval alone.

    Against the same reference the reference's value follows from the old bound; what its uncertainty adds is taken as
    it was. A judgement by a number says nothing of a reference, nor the other way round: that is ``pending``.

    Parameters
    ----------
    kept : Verdict
        As it was judged.
    before, asked : Bound
        The bound that it was judged by, and the one that is asked about.
    """
    if kept.value is None or kept.bound is None:
        return replace(kept, bound=None, verdict="pending", reason=kept.reason or "nothing was measured")
    if before.reference != asked.reference:
        words = (before.reference or "a number", asked.reference or "a number")
        reason = f"it was judged against {words[0]}; what it is against {words[1]} is not kept"
        return replace(kept, bound=None, verdict="pending", reason=reason)
    factor = 1.0 + math.copysign(1.0, kept.bound) * before.offset / 100.0
    if before.percent and factor <= 0.0:
        return replace(kept, bound=None, verdict="pending", reason="the reference cannot be told from the old bound")
    there = kept.bound / factor if before.percent else kept.bound - before.offset
    bound = asked.against(None if asked.reference is None else there)
    found = replace(kept, bound=bound, reference=asked.reference, needed=None, reason="")
    if found.low is None or found.high is None:
        return replace(found, verdict="inconclusive", reason=kept.reason or "measured without an interval")
    word = _word(kept.direction, found.low, found.high, bound)
    if word == "inconclusive":
        return replace(found, verdict=word, needed=rows_needed(found))
    return replace(found, verdict=word)


def overall(verdicts: Iterable[Verdict]) -> Overall:
    """Return what the verdicts come to: a must that fails decides, else a must that is inconclusive; pending waits."""
    musts = [verdict.verdict for verdict in verdicts if verdict.level == "must"]
    if "fail" in musts:
        return "failed"
    return "inconclusive" if "inconclusive" in musts else "passed"


def _asked(requirement: Requirement, place: str, part: str) -> Verdict:
    """Return what a judgement begins with: the requirement, where it is judged, and nothing measured yet."""
    return Verdict(
        requirement=requirement.id,
        verdict="pending",
        place=place,
        level=requirement.level,
        metric=requirement.metric,
        direction=requirement.direction,
        text=requirement.text,
        slice=part,
        reference=requirement.bound.reference,
        confidence=requirement.confidence,
    )


def _hold_predictions(
    requirement: Requirement,
    slice_name: str,
    outcome: Outcome | None,
    reference: Outcome | Estimate | None,
    rng: np.random.Generator,
) -> _Held:
    if outcome is None or outcome.n == 0:
        return _Held(missing=f"no row of '{slice_name}' to judge on" if slice_name else "no rows to judge on")
    metric = metric_called(requirement.metric)
    objection = metric.objection(outcome)
    if objection:
        return _Held(missing=objection, n=outcome.n, undefined=bool(metric.undefined(outcome)))
    two_sided = 2.0 * requirement.confidence - 1.0
    bound = requirement.bound
    if bound.reference is None:
        found = estimate(metric, outcome, confidence=two_sided, rng=rng)
        return _held(found, bound=bound.offset)
    if not isinstance(reference, Outcome):
        return _Held(missing=f"there is no {bound.reference} to compare with", n=outcome.n)
    objection = metric.objection(reference)
    if objection:
        return _Held(missing=f"of the {bound.reference}: {objection}", n=outcome.n)
    value_there = metric.compute(reference)
    factor = _factor(requirement, value_there)
    gap = difference(metric, outcome, reference, confidence=two_sided, rng=rng, factor=factor)
    return _around(metric.compute(outcome), bound.against(value_there), gap, _shift(requirement))


def _hold_measured(
    requirement: Requirement, place: str, measured: Estimate | None, reference: Outcome | Estimate | None
) -> _Held:
    if measured is None or measured.value is None:
        why = f" ({measured.reason})" if measured is not None and measured.reason else ""
        return _Held(missing=f"{requirement.metric} was not measured at {place}{why}")
    found = _at_confidence(measured, requirement)
    bound = requirement.bound
    if bound.reference is None:
        return _held(found, bound=bound.offset)
    if not isinstance(reference, Estimate) or reference.value is None:
        return _Held(missing=f"there is no {requirement.metric} of the {bound.reference} to compare with", n=measured.n)
    factor = _factor(requirement, reference.value)
    gap = _independent_difference(found, _at_confidence(reference, requirement), factor)
    assert found.value is not None  # asked above
    return _around(found.value, bound.against(reference.value), gap, _shift(requirement))


def _held(found: Estimate, *, bound: float) -> _Held:
    return _Held(
        value=found.value,
        low=found.low,
        high=found.high,
        bound=bound,
        n=found.n,
        method=found.method,
        reason=found.reason,
    )


def _around(value: float, bound: float, gap: Estimate, shift: float) -> _Held:
    """Put the interval of (value - bound) around the bound, so that it reads in the metric's unit."""
    return _Held(
        value=value,
        low=None if gap.low is None else bound + gap.low - shift,
        high=None if gap.high is None else bound + gap.high - shift,
        bound=bound,
        n=gap.n,
        method=gap.method,
        reason=gap.reason,
    )


def _factor(requirement: Requirement, value_there: float) -> float:
    """Return by what the reference is multiplied: a bound in per cent moves with the reference's own uncertainty."""
    if not requirement.bound.percent:
        return 1.0
    return 1.0 + math.copysign(1.0, value_there) * requirement.bound.offset / 100.0


def _shift(requirement: Requirement) -> float:
    return 0.0 if requirement.bound.percent else requirement.bound.offset


def _at_confidence(measured: Estimate, requirement: Requirement) -> Estimate:
    """Return the estimate stretched, as a normal one, to one-sided bounds at the requirement's confidence."""
    from scipy.special import ndtri

    if metric_name(measured.metric).exact:
        return replace(measured, low=measured.value, high=measured.value, method=measured.method or "exact")
    if measured.value is None or measured.low is None or measured.high is None:
        return measured
    stretch = float(ndtri(requirement.confidence) / ndtri((1.0 + measured.confidence) / 2.0))
    if abs(stretch - 1.0) < 1e-9:
        return measured
    return replace(
        measured,
        low=measured.value - stretch * (measured.value - measured.low),
        high=measured.value + stretch * (measured.high - measured.value),
    )


def _independent_difference(a: Estimate, b: Estimate, factor: float) -> Estimate:
    """Return a - factor b for estimates that share no rows (Zou and Donner, 2008); the factor is positive."""
    assert a.value is not None  # the callers asked
    assert b.value is not None
    value = a.value - factor * b.value
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return replace(a, value=value, low=None, high=None, reason="measured without an interval")
    low = value - math.hypot(a.value - a.low, factor * (b.high - b.value))
    high = value + math.hypot(a.high - a.value, factor * (b.value - b.low))
    return replace(a, value=value, low=low, high=high, method=f"{a.method}, independent")


def _settled(requirement: Requirement, found: Verdict, doubt: str) -> Verdict:
    """Return the verdict with its word, its reason, and the rows that would settle it."""
    assert found.value is not None  # what has no value was pending
    assert found.bound is not None
    if found.low is None or found.high is None:
        return replace(found, verdict="inconclusive", reason=doubt or "measured without an interval")
    word = _word(requirement.direction, found.low, found.high, found.bound)
    if word != "inconclusive":
        return replace(found, verdict=word, reason=_because(requirement, word, found, doubt))
    needed = rows_needed(found)
    rows = "the value lies on the bound" if needed is None else _would_settle(needed)
    reason = f"between {_number(found.low)} and {_number(found.high)}, on both sides of {_number(found.bound)}; {rows}"
    return replace(found, verdict="inconclusive", needed=needed, reason=_with(reason, doubt))


def without_more_rows(found: Verdict) -> Verdict:
    """Return a verdict on all rows that there will be: how many others would settle it is left out."""
    if found.needed is None:
        return found
    reason = found.reason.replace(_would_settle(found.needed), "all rows that there are do not settle it")
    return replace(found, needed=None, reason=reason)


def _would_settle(needed: int) -> str:
    return f"about {needed} rows would settle it"


def _word(direction: str, low: float, high: float, bound: float) -> VerdictName:
    if direction == ">=":
        return "pass" if low >= bound else "fail" if high < bound else "inconclusive"
    return "pass" if high <= bound else "fail" if low > bound else "inconclusive"


def rows_needed(verdict: Verdict) -> int | None:
    """Return how many rows would settle an inconclusive verdict 4 times in 5, were the value found the true one.

    The distance from the value to the bound that must be excluded shrinks as one over the root of the rows. None when
    the value lies on the bound, or would need more than a thousand million rows.
    """
    if verdict.value is None or verdict.low is None or verdict.high is None or verdict.bound is None:
        return None
    from scipy.special import ndtri

    distance = abs(verdict.value - verdict.bound)
    reach = verdict.value - verdict.low if verdict.value > verdict.bound else verdict.high - verdict.value
    # The new value scatters as this one did: half the time it falls nearer to the bound than the true one.
    reach *= 1.0 + float(ndtri(_POWER) / ndtri(verdict.confidence))
    if distance <= 0.0 or not math.isfinite(reach) or reach / distance > math.sqrt(_MOST_NEEDED):
        return None
    needed = math.ceil(verdict.n * (reach / distance) ** 2)
    return needed if needed <= _MOST_NEEDED else None


def _metric_of(requirement: Requirement) -> Metric | None:
    return None if metric_name(requirement.metric).operational else metric_called(requirement.metric)


def _too_few(metric: Metric | None, outcome: Outcome) -> str:
    """Return why these rows are too few for any verdict; empty when they are enough."""
    if metric is None:
        return ""
    if outcome.n < FEWEST_ROWS:
        return f"too few rows: {outcome.n}, and at least {FEWEST_ROWS} are needed"
    if outcome.group is not None:
        groups = len(np.unique(outcome.group))
        if groups < FEWEST_GROUPS:
            return f"too few groups: {groups}, and at least {FEWEST_GROUPS} are needed"
    if metric.ranking:
        rarest = _rarest(outcome)
        if rarest < FEWEST_OF_A_CLASS:
            return f"too few rows of one class: {rarest}, and at least {FEWEST_OF_A_CLASS} are needed"
    return ""


def _rows_for_a_start(name: str, outcome: Outcome) -> int:
    """Return how many rows of this kind would be enough for a first verdict."""
    rows = max(FEWEST_ROWS, outcome.n)
    if metric_called(name).ranking:
        rows = max(rows, math.ceil(outcome.n * FEWEST_OF_A_CLASS / max(_rarest(outcome), 1)))
    if outcome.group is not None:
        rows = max(rows, math.ceil(outcome.n * FEWEST_GROUPS / len(np.unique(outcome.group))))
    return rows


def _rarest(outcome: Outcome) -> int:
    counts = np.bincount(outcome.truth.astype(np.int64))
    return int(counts[counts > 0].min())


def _because(requirement: Requirement, word: VerdictName, found: Verdict, doubt: str) -> str:
    assert found.low is not None  # a settled verdict has both bounds
    assert found.high is not None
    at_least = (requirement.direction == ">=") == (word == "pass")
    bound, side = (found.low, "at least") if at_least else (found.high, "at most")
    asked = "at least" if requirement.direction == ">=" else "at most"
    share = f"{100 * requirement.confidence:g} %"
    return _with(f"{side} {_number(bound)} with {share} confidence, {asked} {_number(found.bound)} is asked", doubt)


def _with(reason: str, doubt: str) -> str:
    return f"{reason} ({doubt})" if doubt else reason


def _number(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.4g}"
