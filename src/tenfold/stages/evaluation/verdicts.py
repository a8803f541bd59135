"""Each requirement, on each slice that it names, held against what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tenfold.measures.judge import judge
from tenfold.measures.metrics import metric_called
from tenfold.measures.names import metric_name
from tenfold.measures.outcome import Outcome
from tenfold.records.evaluation import Estimate
from tenfold.records.evidence import Verdict
from tenfold.records.problem import Requirement
from tenfold.stages.evaluation.outcomes import Baseline

PLACE = "test"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
    """What verdicts rest on: outcomes on the judged rows, and what was measured on the running model.

    ``champion`` and ``champion_operational`` are those of the model in use today; None and empty where there is none.
    """

    outcome: Outcome
    slices: Mapping[str, np.ndarray[tuple[int], np.dtype[np.bool_]]]
    baseline: Baseline
    operational: Mapping[str, Estimate]
    champion: Outcome | None = None
    champion_operational: Mapping[str, Estimate] | None = None


def judge_requirements(requirements: tuple[Requirement, ...], bench: Bench, seed: int) -> tuple[Verdict, ...]:
    """Return one verdict for each requirement and slice; what is judged elsewhere is pending there."""
    verdicts = []
    for requirement in requirements:
        if requirement.where and PLACE not in requirement.where:
            verdicts.append(_elsewhere(requirement))
            continue
        verdicts += [_verdict(requirement, name, bench, seed) for name in requirement.slices or ("",)]
    return tuple(verdicts)


def _verdict(requirement: Requirement, name: str, bench: Bench, seed: int) -> Verdict:
    rng = np.random.default_rng([seed, *requirement.id.encode(), *name.encode()])
    if metric_name(requirement.metric).operational:
        there = (bench.champion_operational or {}).get(requirement.metric)
        return judge(
            requirement,
            place=PLACE,
            slice=name,
            measured=bench.operational.get(requirement.metric),
            reference=there if requirement.bound.reference == "champion" else None,
            rng=rng,
        )
    outcome, reference = bench.outcome, _reference(requirement, bench)
    if name:
        inside = bench.slices[name]
        outcome = outcome.take(inside)
        reference = None if reference is None else reference.take(inside)
    return judge(requirement, place=PLACE, slice=name, outcome=outcome, reference=reference, rng=rng)


def _reference(requirement: Requirement, bench: Bench) -> Outcome | None:
    if requirement.bound.reference == "champion":
        return bench.champion
    if requirement.bound.reference == "baseline":
        return bench.baseline.against(metric_called(requirement.metric))[1]
    return None


def _elsewhere(requirement: Requirement) -> Verdict:
    return Verdict(
        requirement=requirement.id,
        verdict="pending",
        place=requirement.where[0],
        level=requirement.level,
        metric=requirement.metric,
        direction=requirement.direction,
        text=requirement.text,
        reference=requirement.bound.reference,
        confidence=requirement.confidence,
        reason=f"is judged at {', '.join(requirement.where)}, not on the test part",
    )
