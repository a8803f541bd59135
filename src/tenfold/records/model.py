"""Models tried, and the decisions from which each can be built again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class FitDecision:
    """What one fit came to: enough to repeat it without a clock.

    ``fold`` -1 is the fit on all development rows. ``iterations`` is the number of boosting rounds or trees kept.
    """

    fold: int
    iterations: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """Losses by iteration on the first fold, thinned; None where a loss was no number, or was not looked at.

    ``unit`` says what an iteration is (round, epoch, step, tree), ``loss`` which loss it is, ``kept`` how many
    iterations the model has.
    """

    unit: str
    loss: str
    iterations: tuple[int, ...]
    held: tuple[float | None, ...]
    train: tuple[float | None, ...]
    kept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvergenceFinding:
    """What a rule found in the fits of a candidate.

    ``iteration`` is where it first did, on ``fold``; ``folds`` in how many it did. ``action`` is what was asked for:
    ``warn``, or ``stop``, which ended the fit there.
    """

    rule: str
    action: Literal["off", "warn", "stop"]
    iteration: int
    message: str
    fold: int = 0
    folds: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One learner with its parameters, cross-validated.

    ``score`` is the main metric on out-of-fold rows, with its interval. ``loss`` is what the search minimises (lower is
    better). Payload of training: ``<key>/scored.json`` and ``<key>/held/<fold>.npy``, the predictions of the fold's
    held-out rows, float64 of shape (n_rows, n_outputs); for the best whose folds can be merged, ``<key>/folds/<fold>/``
    holds the fitted models.
    """

    key: str
    learner: str
    params: Mapping[str, object]
    view: str
    loss: float
    score: float
    low: float | None = None
    high: float | None = None
    seconds: float = 0.0
    row_cpu_us: float | None = None
    fits: tuple[FitDecision, ...] = ()
    origin: Literal["reference", "portfolio", "search"] = "portfolio"
    note: str = ""
    curve: LearningCurve | None = None
    convergence: tuple[ConvergenceFinding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A candidate's part in the ensemble."""

    key: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The training stage's result: what was raced, best first, and the best ensemble so far.

    ``findings`` are sentences about fits that did not converge as they should, those that failed included.
    """

    metric: str
    candidates: tuple[Candidate, ...]
    members: tuple[Member, ...]
    note: str = ""
    complete: bool = True
    facts: Mapping[str, object] = field(default_factory=dict)
    findings: tuple[str, ...] = ()

    def candidate(self, key: str) -> Candidate:
        """Return the candidate called ``key``; KeyError when there is none."""
        for candidate in self.candidates:
            if candidate.key == key:
                return candidate
        raise KeyError(key)
