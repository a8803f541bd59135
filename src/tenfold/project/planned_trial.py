"""What the trial of one version would take, said before it begins: nothing is released by it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import InputError
from tenfold.project.deploy import objection
from tenfold.project.divide import Plan
from tenfold.project.experiment import plan_experiment
from tenfold.project.releasing import own_version
from tenfold.records.experiment import ExperimentPlan, PlannedStep
from tenfold.records.release import Strategy

if TYPE_CHECKING:
    from tenfold.project.open import Project

_DAY = 86_400.0
_BOTH = 1.0 - 1e-9
"""Below this share both versions answer."""


def plan_trial(
    project: Project,
    ref: str,
    strategy: Strategy,
    share: float | None = None,
    *,
    effect: float | None = None,
    per_day: float | None = None,
    clock: Clock | None = None,
) -> ExperimentPlan:
    """Return what it would take to try a version, with the days of each step of a canary.

    Parameters
    ----------
    ref : str
        ``name@number``, or the number alone.
    effect, per_day : float, optional
        See `tenfold.project.experiment.plan_experiment`.

    Raises
    ------
    InputError
        When there is no such version or share, nothing is live beside it, or a shadow is asked for: its rows are
        compared in pairs, which depends on how often both decide alike.
    """
    if strategy not in {"ab", "canary"}:
        raise InputError("--plan goes with --ab or --canary: how long a shadow takes hangs on how often both agree")
    version = own_version(project, f"{project.spec.name}@{ref}" if "@" not in ref else ref)
    plan = Plan.of(project.spec, strategy, share)
    both = [each for each in plan.steps or (plan.share,) if each < _BOTH]
    if not both:
        raise InputError("a version that answers everything from the beginning is compared with nothing")
    told = plan_experiment(project, share=both[-1], effect=effect, per_day=per_day, clock=clock)
    wait, units = told.labels_after_seconds / _DAY, told.units_per_day
    wanted = [plan.requests * (place + 1) for place in range(len(plan.steps))]
    days = days_of_steps(wanted, [each * (units or 0.0) for each in plan.steps], wait)
    last = None
    if plan.most and plan.steps:
        goals = [*wanted[:-1], max(plan.most, *wanted)]
        last = days_of_steps(goals, [each * (units or 0.0) for each in plan.steps], wait)[-1]
    return replace(
        told,
        candidate=version.ref,
        strategy=strategy,
        steps=tuple(
            PlannedStep(share=share, requests=requests, days=after)
            for share, requests, after in zip(plan.steps, wanted, days, strict=True)
        ),
        most=plan.most,
        most_after_days=last,
        objection=objection(project, version.ref) or "",
    )


def days_of_steps(wanted: Sequence[int], per_day: Sequence[float], wait: float) -> list[float | None]:
    """Return the days after which each step has its judged requests, where a request is judged ``wait`` days later.

    A step begins when the one before it has its own; what was answered while outcomes were waited for counts on.

    Parameters
    ----------
    wanted : sequence of int
        Judged requests since the beginning, never falling.
    per_day : sequence of float
        Requests that each step answers in a day.
    """
    found: list[float | None] = []
    # (day, answered by then); between two of them requests come evenly.
    answered = [(0.0, 0.0)]
    for goal, rate in zip(wanted, per_day, strict=True):
        if rate <= 0.0:
            return [*found, *[None] * (len(wanted) - len(found))]
        day = _reached(answered, goal, rate) + wait
        begun, before = answered[-1]
        day = max(day, begun)
        answered.append((day, before + rate * (day - begun)))
        found.append(day)
    return found


def _reached(answered: Sequence[tuple[float, float]], goal: float, rate: float) -> float:
    """Return the day on which so many were answered: within what is known, or at the last rate after it."""
    for (first, low), (last, high) in itertools.pairwise(answered):
        if goal <= high and high > low:
            return first + (last - first) * (goal - low) / (high - low)
    day, count = answered[-1]
    return day + max(goal - count, 0.0) / rate
