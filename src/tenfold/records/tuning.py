"""The search: every trial, and why the method was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One point of the search space: what was tried and what came of it."""

    number: int
    learner: str
    params: Mapping[str, object]
    state: Literal["complete", "pruned", "failed", "running"]
    loss: float | None = None
    seconds: float = 0.0
    iterations: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """The tuning stage's result; the candidates it found stand in the Candidates record of the same payload.

    ``members`` holds the final ensemble: (key of the candidate, weight), weights adding up to one.
    """

    method: str
    reason: str
    trials: tuple[Trial, ...] = ()
    members: tuple[tuple[str, float], ...] = ()
    best_before: float | None = None
    best_after: float | None = None
    stopped: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
