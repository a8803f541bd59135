"""How the rows are divided: what trains, what chooses, what judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Scheme = Literal["holdout", "kfold", "repeated", "expanding", "rolling", "crossed"]
FORWARD: frozenset[str] = frozenset({"expanding", "rolling", "crossed"})
"""Schemes whose folds move forward in time: the last fold is the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Row numbers of one fold: fit on ``train``, measure on ``validation``."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimism:
    """How much better a quick model looks on shuffled folds than on rows that are newer than those it learned from.

    ``shuffled`` less ``forward`` is ``optimism``, for a ``metric`` that grows with skill; ``rows`` were used.
    """

    metric: str
    shuffled: float
    forward: float
    rows: int

    @property
    def optimism(self) -> float:
        """What a shuffled split promises and the future does not keep."""
        return self.shuffled - self.forward


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationPlan:
    """The validation stage's result. Payload ``split.parquet``: one row for each row of the table.

    Its columns: ``part`` (String: train, validation, test or out) and ``block`` (Int16, or an array of Int16).
    The *development* rows are train and validation together; ``test`` is sealed and looked at once, by evaluation.

    - ``holdout``: one fold, train against validation;
    - ``kfold``: fold i validates on block i and trains on the other blocks of the development rows; block -1 is
      outside the folds;
    - ``repeated``: ``block`` holds one block for each of the ``repeats``, each of them as in ``kfold``;
    - ``expanding``: fold i trains on blocks 0..i and validates on block i + 1 (time);
    - ``rolling`` and ``crossed``: ``block`` holds for each fold 0 where the row trains, 1 where it is measured and -1
      where it does neither; one more place holds 0 for the rows that train the final model.

    ``class_counts`` holds for each class the rows that each fold measures, then those of the test part.
    ``split`` is the hash of the payload; ``groups`` the column that may not stand on both sides. ``gap_seconds`` lies
    between what trains and what measures, ``embargo_seconds`` of it as embargo; ``window_seconds`` is how far back the
    rows of a fold reach that train (rolling). ``observed`` says what the choice saw in the data. ``optimism`` is
    measured where a split was allowed that lets the future train the past. ``nested`` is the number of outer folds in
    which the whole search is made again; 0: it is not.
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
    repeats: int = 1
    embargo_seconds: float = 0.0
    window_seconds: float | None = None
    observed: tuple[str, ...] = ()
    optimism: Optimism | None = None
    nested: int = 0
    class_counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def fold_count(self) -> int:
        """How many folds there are."""
        if self.scheme == "holdout":
            return 1
        if self.scheme == "repeated":
            return self.blocks * self.repeats
        return self.blocks - 1 if self.scheme == "expanding" else self.blocks

    def folds(self, part: npt.NDArray[np.str_], block: npt.NDArray[np.int16]) -> tuple[Fold, ...]:
        """Return the folds over the development rows, given the payload's two columns as arrays."""
        if self.scheme == "holdout":
            return (Fold(train=np.flatnonzero(part == "train"), validation=np.flatnonzero(part == "validation")),)
        if self.scheme == "kfold":
            return _rotating(block, self.blocks)
        if self.scheme == "repeated":
            return tuple(fold for repeat in range(self.repeats) for fold in _rotating(block[:, repeat], self.blocks))
        if self.scheme in {"rolling", "crossed"}:
            return tuple(
                Fold(train=np.flatnonzero(block[:, number] == 0), validation=np.flatnonzero(block[:, number] == 1))
                for number in range(self.blocks)
            )
        return tuple(
            Fold(
                train=np.flatnonzero((block >= 0) & (block <= number)),
                validation=np.flatnonzero(block == number + 1),
            )
            for number in range(self.blocks - 1)
        )

    def final(self, part: npt.NDArray[np.str_], block: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
        """Return the rows that train the final model: all of development, or with a rolling window the newest."""
        if self.scheme in {"rolling", "crossed"}:
            return np.flatnonzero(block[:, self.blocks] == 0)
        return np.flatnonzero((part == "train") | (part == "validation"))


def _rotating(block: npt.NDArray[np.int16], blocks: int) -> tuple[Fold, ...]:
    """Return the folds that each measure one block and train on the others."""
    inside = block >= 0
    return tuple(
        Fold(train=np.flatnonzero(inside & (block != number)), validation=np.flatnonzero(block == number))
        for number in range(blocks)
    )
