"""What the search needs from outside: somebody who fits, scores, and makes the final ensemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import Received, StageContext
from tenfold.records.dataset import Dataset
from tenfold.records.features import FeaturePlan
from tenfold.records.model import Candidate, Member
from tenfold.records.problem import Problem
from tenfold.records.validation import ValidationPlan

Inputs = tuple[Received[Problem], Received[Dataset], Received[ValidationPlan], Received[FeaturePlan]]

Keep = Callable[[Candidate, float, float], int]
"""Asked after a candidate's first fold, with its seconds and loss there: how many folds in all? 0 drops it."""


class Attempt(Protocol):
    """A candidate that was tried."""

    @property
    def candidate(self) -> Candidate:
        """The candidate, with loss and decisions."""
        ...

    @property
    def first_loss(self) -> float:
        """Its loss on the first fold; infinite when there was none."""
        ...

    @property
    def curve(self) -> tuple[float, ...]:
        """Losses on the first fold at fixed levels of progress, where the learner boosts."""
        ...

    @property
    def dropped(self) -> str:
        """Why it was not finished; empty when it was."""
        ...

    @property
    def made(self) -> int:
        """Iterations made in all its fits, kept or not."""
        ...

    @property
    def measured(self) -> Mapping[str, float]:
        """What it costs where it serves, by metric, where requirements ask for that."""
        ...

    @property
    def rejected(self) -> str:
        """The id of the requirement that it breaks; empty when none."""
        ...


class Assembled(Protocol):
    """The final ensemble, and everything that was tried for it."""

    @property
    def members(self) -> tuple[Member, ...]:
        """Keys and weights, adding up to one."""
        ...

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All candidates, best first, the members with the decisions of their last fits."""
        ...

    @property
    def files(self) -> Mapping[str, bytes]:
        """``<key>/...`` of each member."""
        ...

    @property
    def score(self) -> float:
        """The main metric of the ensemble on the rows that were predicted out of fold."""
        ...

    @property
    def oof(self) -> npt.NDArray[np.float64]:
        """Out-of-fold predictions of the ensemble."""
        ...


class Corrected(Protocol):
    """The score of the selection without the luck of having picked the best."""

    @property
    def value(self) -> float | None:
        """The main metric; None where nothing can be said."""
        ...

    @property
    def low(self) -> float | None: ...

    @property
    def high(self) -> float | None: ...

    @property
    def resamples(self) -> int: ...


class Trainer(Protocol):
    """Fits and scores candidates, remembers them, and makes the final ensemble of the best."""

    @property
    def complete(self) -> Sequence[Attempt]:
        """What finished all its folds, best first."""
        ...

    def fit_and_score(
        self,
        name: str,
        proposals: Sequence[Candidate],
        keep: Keep,
        *,
        folds: int,
        share: float | None = None,
        deadline: Deadline | None = None,
        bars: tuple[float, ...] = (),
        shares: Mapping[str, float] | None = None,
        by_rows: bool = False,
    ) -> Sequence[Attempt]:
        """Score proposals, durably under ``name``; what an interrupted attempt finished under it is taken over.

        A candidate usually has ``folds`` folds. All fits together may take a ``share`` of the time until the
        ``deadline``. A boosted candidate whose loss on the first fold is above a bar at a level of progress gives up.
        One with a share below 1, by its key, gets that part of its iterations, or rows, on the first fold alone.
        """
        ...

    def alone(self) -> None:
        """Let one model serve alone from now on."""
        ...

    def findings(self) -> tuple[str, ...]:
        """Return what is to be known about fits that did not converge as they should."""
        ...

    def price_of_reading(self) -> str:
        """Return what serving a readable model costs; empty where any model may serve."""
        ...

    def prepare(self, deadline: Deadline) -> float:
        """Do what can be done already for the ensemble of now, and return a guess at the seconds that are then left."""
        ...

    def correct(self, deadline: Deadline) -> Corrected:
        """Estimate the score of the ensemble of now without the luck of having picked it from many."""
        ...

    def assemble(self, deadline: Deadline) -> Assembled:
        """Choose the ensemble and make its members, before the deadline."""
        ...


OpenTrainer = Callable[[Inputs, Mapping[str, Path], StageContext], AbstractContextManager[Trainer]]
"""From the stages' results and the payload of training to a trainer that knows what training tried."""
