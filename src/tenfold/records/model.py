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


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A candidate's part in the ensemble."""

    key: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The training stage's result: what was raced, best first, and the best ensemble so far."""

    metric: str
    candidates: tuple[Candidate, ...]
    members: tuple[Member, ...]
    note: str = ""
    complete: bool = True
    facts: Mapping[str, object] = field(default_factory=dict)

    def candidate(self, key: str) -> Candidate:
        """Return the candidate called ``key``; KeyError when there is none."""
        for candidate in self.candidates:
            if candidate.key == key:
                return candidate
        raise KeyError(key)
