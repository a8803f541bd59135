"""From the members' files to the model and its bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.bundle.format import Packed, pack_bundle
from tenfold.bundle.inputs import history_of, reading_of, signature_of
from tenfold.bundle.member import Member
from tenfold.bundle.model import Model
from tenfold.foundation.errors import StoreError
from tenfold.records.dataset import Dataset
from tenfold.records.evaluation import Conformal, Recalibration, Threshold
from tenfold.records.features import FeaturePlan
from tenfold.records.problem import Problem

PROBE_ROWS = 20


def read_members(keys: Sequence[str], files: Mapping[str, bytes] | Mapping[str, Path]) -> tuple[Member, ...]:
    """Return the ensemble's members from the payload ``<key>/...``.

    Raises
    ------
    StoreError
        When a member's files are not there.
    """
    members = []
    for key in keys:
        own = {name.removeprefix(f"{key}/"): content for name, content in files.items() if name.startswith(f"{key}/")}
        if not own:
            raise StoreError(f"the files of the ensemble's member '{key}' are missing; run tuning again")
        members.append(Member.from_files({name: _bytes(content) for name, content in own.items()}))
    return tuple(members)


def build_model(
    members: Sequence[Member],
    problem: Problem,
    dataset: Dataset,
    features: FeaturePlan,
    threshold: Threshold | None,
    *,
    recalibration: Recalibration | None = None,
    conformal: Conformal | None = None,
) -> Model:
    """Return the model that is served: members, the columns they read, and how scores become decisions."""
    return Model.assembled(
        members,
        problem=problem,
        signature=signature_of(features, dataset, problem),
        threshold=threshold,
        history=history_of(features, dataset, problem),
        reading=reading_of(dataset, problem),
        recalibration=recalibration,
        conformal=conformal,
    )


def pack(model: Model, development: pl.DataFrame) -> Packed:
    """Return the model as a bundle, with probe rows spread evenly over the development rows."""
    places = np.unique(np.linspace(0, development.height - 1, min(PROBE_ROWS, development.height)).round())
    return pack_bundle(model, development[places.astype(np.int64)])


def _bytes(content: bytes | Path) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content
