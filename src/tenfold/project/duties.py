"""The duties of a project's risk tier, held against its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from tenfold.foundation.expression import columns_of
from tenfold.gates.duties import Commitments, duties_of
from tenfold.records.problem import Duty, MetricChoice, Problem
from tenfold.spec.schema import Spec

_PLACES: Mapping[str, tuple[str, ...]] = {
    "purpose": ("problem",),
    "owner-sign-off": ("problem", "signoff"),
    "second-sign-off": ("problem", "signoff"),
    "sign-off-in-force": ("problem", "signoff"),
    "requirements": ("problem", "requirements"),
    "fairness-slices": ("problem", "requirements"),
    "fairness-live": ("problem", "requirements"),
    "human-review": ("problem", "oversight"),
    "approval": ("deployment", "promote"),
    "sealed-rows": ("validation", "test"),
    "data-contract": ("data", "contract"),
    "alerts": ("monitoring", "alerts"),
    "feasibility": ("problem", "feasibility"),
}


def duties(spec: Spec, problem: Problem | None = None, *, today: date | None = None) -> tuple[Duty, ...]:
    """Return the duties with what is missing and the line where it belongs; none where the risk is not high.

    Parameters
    ----------
    problem : Problem, optional
        As the problem stage understood it; what the file says of it by default.
    today : date, optional
        The day on which sign-offs have to be in force; without it no sign-off runs out.
    """
    if spec.problem.risk != "high":
        return ()
    found = duties_of(_as_written(spec) if problem is None else problem, _commitments(spec, today))
    return tuple(replace(each, line=_line(spec, each)) for each in found)


def _line(spec: Spec, duty: Duty) -> int | None:
    if duty.id == "approval" and spec.deployment.promote == "ask" and spec.retraining.promote != "ask":
        return spec.line_of("retraining", "promote")
    return spec.line_of(*_PLACES[duty.id])


def _commitments(spec: Spec, today: date | None) -> Commitments:
    read = {name: columns_of(condition) for name, condition in spec.problem.slices.items()}
    return Commitments(
        promote=spec.deployment.promote,
        renew=spec.retraining.promote,
        sensitive={
            column: [name for name, columns in read.items() if column in columns]
            for column, section in spec.data.columns.items()
            if section.role == "sensitive"
        },
        sealed=spec.validation.test,
        contract=spec.data.contract is not None,
        alerts=len(spec.monitoring.alerts),
        feasibility=spec.problem.feasibility,
        today=today,
    )


def _as_written(spec: Spec) -> Problem:
    section = spec.problem
    return Problem(
        name=spec.name,
        # Duties look at what people wrote, never at what was inferred from the data.
        task=section.task or "binary",
        target=section.target,
        metric=MetricChoice(metric="", reason=""),
        objective=section.objective,
        owner=section.owner,
        users=section.users,
        decision=section.decision,
        oversight=section.oversight,
        risk=section.risk,
        requirements=spec.requirements,
        signoff=tuple(entry.record() for entry in section.signoff),
    )
