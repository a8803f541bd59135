"""How the rows are divided: what trains, what chooses, what judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Scheme = Literal["holdout", "kfold", "expanding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Row numbers of one fold: fit on ``train``, measure on ``validation``."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationPlan:
    """The validation stage's result. Payload ``split.parquet``: one row for each row of the table.

    Its columns: ``part`` (String: train, validation, test or out) and ``block`` (Int16; -1 for rows outside the folds).
    The *development* rows are train and validation together; ``test`` is sealed and looked at once, by evaluation.

    - ``holdout``: one fold, train against validation;
    - ``kfold``: fold i validates on block i and trains on the other blocks of the development rows;
    - ``expanding``: fold i trains on blocks 0..i and validates on block i + 1 (time).

    ``class_counts`` holds for each class the rows that each fold measures, then those of the test part.
    ``split`` is the hash of the payload; ``groups`` the column that may not stand on both sides.
    """

    strategy: str
    scheme: Scheme
    blocks: int
    reason: str
    counts: Mapping[str, int]
    split: str
    rejected: tuple[tuple[str, str], ...] = ()
    time: str | None = None
    groups: str | None = None
    stratified: bool = False
    gap_seconds: float = 0.0
    findings: tuple[str, ...] = field(default_factory=tuple)
    class_counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def folds(self, part: npt.NDArray[np.str_], block: npt.NDArray[np.int16]) -> tuple[Fold, ...]:
        """Return the folds over the development rows, given the payload's two columns as arrays."""
        if self.scheme == "holdout":
            return (Fold(train=np.flatnonzero(part == "train"), validation=np.flatnonzero(part == "validation")),)
        if self.scheme == "kfold":
            inside = block >= 0
            return tuple(
                Fold(train=np.flatnonzero(inside & (block != number)), validation=np.flatnonzero(block == number))
                for number in range(self.blocks)
            )
        return tuple(
            Fold(
                train=np.flatnonzero((block >= 0) & (block <= number)),
                validation=np.flatnonzero(block == number + 1),
            )
            for number in range(self.blocks - 1)
        )
