"""The duties of a project's risk tier, held against its file."""

from __future__ import annotations

from tenfold.foundation.expression import columns_of
from tenfold.gates.duties import Commitments, duties_of
from tenfold.records.problem import Duty, MetricChoice, Problem
from tenfold.spec.schema import Spec


def duties(spec: Spec, problem: Problem | None = None) -> tuple[Duty, ...]:
    """Return the duties with what is missing; none where the risk is not high.

    Parameters
    ----------
    problem : Problem, optional
        As the problem stage understood it; what the file says of it by default.
    """
    if spec.problem.risk != "high":
        return ()
    return duties_of(_as_written(spec) if problem is None else problem, _commitments(spec))


def _commitments(spec: Spec) -> Commitments:
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
        risk=section.risk,
        requirements=spec.requirements,
        signoff=tuple(entry.record() for entry in section.signoff),
    )
