"""From the members of an ensemble and the records of its run to the model that is carried away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tenfold.bundle.inputs import history_of, reading_of, signature_of
from tenfold.bundle.member import Member
from tenfold.bundle.model import Model
from tenfold.records.dataset import Dataset
from tenfold.records.evaluation import Threshold
from tenfold.records.features import FeaturePlan
from tenfold.records.problem import Problem


def assemble_model(
    members: Sequence[Member],
    *,
    problem: Problem,
    dataset: Dataset,
    plan: FeaturePlan,
    threshold: Threshold | None = None,
) -> Model:
    """Return the model of an ensemble: its members, the columns it reads, how it decides."""
    return Model.assembled(
        members,
        problem=problem,
        signature=signature_of(plan, dataset, problem),
        threshold=threshold,
        history=history_of(plan, dataset, problem),
        reading=reading_of(dataset, problem),
    )


def read_member(folder: Path) -> Member:
    """Return the member whose files stand in ``folder``."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return Member.from_files({path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})
