"""One look at a test of two arms: is the division sound, what do the requirements say, what follows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tenfold.measures.experiment import ratio
from tenfold.measures.experiment.contrast import Design, Found, difference, one_arm
from tenfold.measures.experiment.guardrails import Served, of_errors, of_latency, of_slices
from tenfold.measures.experiment.mixture import radius
from tenfold.measures.experiment.power import length
from tenfold.measures.experiment.question import AGAINST_CHAMPION, Question
from tenfold.measures.experiment.ratio import Phase
from tenfold.measures.experiment.side import Side
from tenfold.measures.judge import factor_of, judge_anytime
from tenfold.measures.metrics import metric_called
from tenfold.measures.names import metric_name
from tenfold.measures.outcome import Rows
from tenfold.records.evaluation import Estimate
from tenfold.records.evidence import Verdict
from tenfold.records.experiment import Answer, Comparison, Guardrail, RatioCheck
from tenfold.records.problem import Requirement


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arms:
    """What two arms did.

    Attributes
    ----------
    candidate, champion : Side
        Rows whose outcome is due and known.
    slices : mapping from name to (rows of the candidate, rows of the champion)
        Masks of the slices that the problem names.
    units, outcomes : sequence of Phase
        Units that were divided, and those with known outcomes among them: (candidate, champion) by phase.
    served : mapping from ``candidate`` and ``champion`` to Served
        What gateways counted; empty where nobody did.
    """

    candidate: Side
    champion: Side
    slices: Mapping[str, tuple[Rows, Rows]] = field(default_factory=dict)
    units: Sequence[Phase] = ()
    outcomes: Sequence[Phase] = ()
    served: Mapping[str, Served] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one look came to; see `tenfold.records.experiment.Readout`."""

    decision: Answer
    reason: str
    because: tuple[str, ...]
    ratios: tuple[RatioCheck, ...]
    comparisons: tuple[Comparison, ...]
    guardrails: tuple[Guardrail, ...]
    verdicts: tuple[Verdict, ...]
    error_spent: Mapping[str, float]


def judge_arms(arms: Arms, question: Question) -> Reading:
    """Look at a test once. How often one looks, and in which order rows and outcomes came, changes nothing."""
    ratios = () if question.paired else _ratios(arms)
    judged = [
        _judged(requirement, name, arms, question)
        for requirement in question.asked
        for name in requirement.slices or ("",)
    ]
    comparisons = tuple(comparison for comparison, _ in judged)
    guardrails = _guardrails(arms, question)
    decision, reason, because = _decision(ratios, comparisons, guardrails, arms, question)
    if decision == "stopped":
        # What an unsound division says is no evidence.
        comparisons = tuple(replace(each, verdict="pending", reason=reason) for each in comparisons)
    return Reading(
        decision=decision,
        reason=reason,
        because=because,
        ratios=ratios,
        comparisons=comparisons,
        guardrails=guardrails,
        verdicts=() if decision == "stopped" else (*(verdict for _, verdict in judged), *_slow(guardrails, question)),
        error_spent=_error_spent(comparisons, guardrails, ratios),
    )


def _ratios(arms: Arms) -> tuple[RatioCheck, ...]:
    found = []
    for of, phases in (("units", arms.units), ("outcomes", arms.outcomes)):
        if not phases:
            continue
        counts = tuple(sum(phase.counts[place] for phase in phases) for place in range(2))
        expected = tuple(sum(sum(phase.counts) * phase.shares[place] for phase in phases) for place in range(2))
        p = ratio.p_value(phases)
        found.append(
            RatioCheck(
                of="units" if of == "units" else "outcomes",
                counts=(counts[0], counts[1]),
                expected=(expected[0], expected[1]),
                p=p,
                error=ratio.ERROR,
                holds=p > ratio.ERROR,
            )
        )
    return tuple(found)


def _judged(requirement: Requirement, name: str, arms: Arms, question: Question) -> tuple[Comparison, Verdict]:
    candidate, champion = _sides(name, arms)
    metric = metric_called(requirement.metric)
    cut = bool(name) and name not in arms.slices
    design = _design(requirement.confidence, requirement.metric, question)
    reference = requirement.bound.reference
    value = there = None
    if cut:
        found = _absent(requirement, f"the slice '{name}' cannot be cut from what was logged", 0)
    elif reference is None:
        found = one_arm(metric, candidate, design)
        value = found.estimate.value
    elif reference == "baseline":
        found = _absent(requirement, "there is no baseline among the arms", candidate.outcome.n)
    else:
        objection = metric.objection(candidate.outcome) or metric.objection(champion.outcome)
        if objection:
            found = _absent(requirement, objection, candidate.outcome.n + champion.outcome.n)
        else:
            value = metric.compute(candidate.weighted())
            there = metric.compute(champion.weighted())
            factor = factor_of(requirement, there)
            found = difference(metric, candidate, champion, design, factor=factor)
    verdict = judge_anytime(requirement, found.estimate, value, there, place=question.place, slice=name)
    offset = requirement.bound.offset if reference is None or not requirement.bound.percent else 0.0
    needed = None
    if verdict.verdict == "inconclusive":
        units = candidate.units + (champion.units if reference == "champion" and not question.paired else 0)
        needed = _needed(found, offset, units, design)
        if needed is not None:
            verdict = replace(
                verdict, needed=needed, reason=f"{verdict.reason}; about {needed:,} units would settle it"
            )
    comparison = Comparison(
        requirement=requirement.id,
        metric=requirement.metric,
        verdict=verdict.verdict,
        level=requirement.level,
        text=requirement.text,
        slice=name,
        reference=reference,
        value=value,
        champion=there,
        difference=found.estimate.value,
        low=found.estimate.low,
        high=found.estimate.high,
        bound=offset,
        n=found.estimate.n,
        needed=needed,
        confidence=requirement.confidence,
        guarantee=found.guarantee,
        method=found.estimate.method,
        reason=verdict.reason,
    )
    return comparison, verdict


def _sides(name: str, arms: Arms) -> tuple[Side, Side]:
    if name not in arms.slices:
        return arms.candidate, arms.champion
    of_candidate, of_champion = arms.slices[name]
    return arms.candidate.take(of_candidate), arms.champion.take(of_champion)


def _design(confidence: float, metric: str, question: Question) -> Design:
    return Design(
        confidence=confidence,
        centre=question.centres.get(metric),
        deviation=question.deviations.get(metric),
        share=question.share,
        horizon=question.horizon,
        value=question.value,
        by_row=question.by_row,
        paired=question.paired,
    )


def _absent(requirement: Requirement, reason: str, n: int) -> Found:
    nothing = Estimate(metric=requirement.metric, value=None, n=n, confidence=requirement.confidence, reason=reason)
    return Found(estimate=nothing, guarantee="none")


def _needed(found: Found, offset: float, units: int, design: Design) -> int | None:
    """Return how many units would settle it, were the difference found the true one."""
    estimate = found.estimate
    if estimate.value is None or estimate.low is None or estimate.high is None or units < 1:
        return None
    reach = float(radius(np.array(float(units)), horizon=design.horizon, tail=design.tail)) / units
    deviation = 0.5 * (estimate.high - estimate.low) / reach
    effect = abs(estimate.value - offset)
    if not deviation > 0.0 or not math.isfinite(deviation):
        return None
    planned = length(effect, deviation, confidence=design.confidence, horizon=design.horizon)
    return None if planned is None else max(planned.units, units + 1)


def _guardrails(arms: Arms, question: Question) -> tuple[Guardrail, ...]:
    found: list[Guardrail] = []
    candidate, champion = arms.served.get("candidate"), arms.served.get("champion")
    if candidate is not None and champion is not None and not question.paired:
        found.append(of_errors(candidate, champion))
    if candidate is not None:
        found += [of_latency(requirement, candidate) for requirement in question.latency]
    if arms.slices and not metric_name(question.metric).operational:
        slices = [(name, *_sides(name, arms)) for name in sorted(arms.slices)]
        found += of_slices(question.metric, slices, _design(0.95, question.metric, question))
    return tuple(found)


def _slow(guardrails: Sequence[Guardrail], question: Question) -> tuple[Verdict, ...]:
    """Return the verdict on each requirement of latency that the candidate surely does not meet."""
    breached = {each.name: each for each in guardrails if each.of == "latency" and each.breached}
    return tuple(
        Verdict(
            requirement=each.id,
            verdict="fail",
            place=question.place,
            level=each.level,
            metric=each.metric,
            direction=each.direction,
            text=each.text,
            bound=each.bound.offset,
            n=breached[each.id].n,
            confidence=1.0 - breached[each.id].error,
            reason=breached[each.id].reason,
        )
        for each in question.latency
        if each.id in breached
    )


def _decision(
    ratios: Sequence[RatioCheck],
    comparisons: Sequence[Comparison],
    guardrails: Sequence[Guardrail],
    arms: Arms,
    question: Question,
) -> tuple[Answer, str, tuple[str, ...]]:
    broken = [each for each in ratios if not each.holds]
    if broken:
        return "stopped", _unsound(broken[0]), tuple(f"ratio of {each.of}" for each in broken)
    told_only = {each.id for each in question.latency if each.level == "should"}
    breached = [each for each in guardrails if each.breached and not (each.of == "latency" and each.name in told_only)]
    if breached:
        reason = "; ".join(f"{each.of} {each.name}: {each.reason}" for each in breached)
        return "rollback", f"a guardrail is breached: {reason}", tuple(each.name for each in breached)
    deciding = [each for each in comparisons if each.level == "must" and each.verdict != "pending"]
    failed = [each for each in comparisons if each.verdict == "fail" and (each.level == "must" or _added(each))]
    if failed:
        return "rollback", "; ".join(_told(each) for each in failed), tuple(each.requirement for each in failed)
    deciding = deciding or [each for each in comparisons if _added(each) and each.verdict != "pending"]
    if deciding and all(each.verdict == "pass" for each in deciding):
        return "promote", "; ".join(_told(each) for each in deciding), tuple(each.requirement for each in deciding)
    units = arms.candidate.units
    waiting = [each for each in deciding if each.verdict == "inconclusive"]
    names = tuple(each.requirement for each in waiting)
    if question.most and units >= question.most:
        reason = f"{units:,} of its units have outcomes, {question.most:,} were to be enough, and nothing was shown"
        return "rollback", f"{reason}: {'; '.join(_told(each) for each in waiting) or 'nothing could be judged'}", names
    if not deciding:
        return "continue", next((each.reason for each in comparisons if each.reason), "no outcome is due yet"), names
    return "continue", "; ".join(_told(each) for each in waiting), names


def _added(comparison: Comparison) -> bool:
    return comparison.requirement == AGAINST_CHAMPION


def _told(comparison: Comparison) -> str:
    where = f" on '{comparison.slice}'" if comparison.slice else ""
    return f"{comparison.requirement}{where} {comparison.verdict}: {comparison.reason}"


def _unsound(check: RatioCheck) -> str:
    expected = "/".join(f"{each:,.0f}" for each in check.expected)
    counts = "/".join(f"{each:,}" for each in check.counts)
    if check.of == "outcomes":
        return (
            f"outcomes are known of {counts} units of candidate and champion where {expected} are to be expected"
            f" (p = {check.p:.2g}): what is missing is not missing by chance, so the arms cannot be compared"
        )
    return (
        f"{counts} units came to candidate and champion where {expected} are to be expected (p = {check.p:.2g}): the"
        " division is not the one that was asked for, so nothing that it says can be trusted"
    )


def _error_spent(
    comparisons: Sequence[Comparison], guardrails: Sequence[Guardrail], ratios: Sequence[RatioCheck]
) -> Mapping[str, float]:
    """Return by what was promised the chance that it is ever wrong; sums, so at most so much."""
    deciding = [each for each in comparisons if each.level == "must"] or [each for each in comparisons if _added(each)]
    tails = [(1.0 - each.confidence) / 2.0 for each in deciding]
    return {
        # It takes every requirement to promote, so the least sure one bounds the error.
        "promote": max(tails, default=0.0),
        "rollback": min(1.0, sum(tails) + sum(each.error for each in guardrails)),
        "stopped": min(1.0, sum(each.error for each in ratios)),
    }
