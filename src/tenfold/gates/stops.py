"""Rules that stop a run: each looks at one stage's result and gives the reason to go no further, or None."""

from __future__ import annotations

from datetime import datetime

from tenfold.foundation.context import Received
from tenfold.measures.contract.age import with_age
from tenfold.records.dataset import Dataset
from tenfold.records.features import FeaturePlan
from tenfold.records.problem import Problem

_NAMED = 3


def stop_if_infeasible(problem: Received[Problem]) -> str | None:
    """Stop when the columns tell nothing about the target, or tell it only because they hold it."""
    found = problem.record.feasibility
    if found is None or not found.enforce:
        return None
    if found.status == "infeasible":
        return f"not feasible: {found.reason}"
    if found.status == "leaking":
        return f"leakage: {found.reason}"
    return None


def stop_if_broken(dataset: Received[Dataset], *, now: datetime | None = None) -> str | None:
    """Stop when the data break their contract, or a fault makes every later figure meaningless.

    Whether they are too old is judged at ``now``, however long ago they were read.
    """
    found = with_age(dataset.record, now).findings
    critical = [finding.message for finding in found if finding.severity == "critical"]
    return _listed("the data are not fit for a model", critical) if critical else None


def stop_if_leaking(features: Received[FeaturePlan]) -> str | None:
    """Stop when a column that would be a feature knows the answer."""
    blocking = [leak.reason for leak in features.record.leak_details if leak.severity == "block"]
    return _listed("leakage", blocking) if blocking else None


def _listed(what: str, reasons: list[str]) -> str:
    shown = "; ".join(reasons[:_NAMED])
    more = len(reasons) - _NAMED
    return f"{what}: {shown}" + (f"; and {more} more" if more > 0 else "")
