"""The search: every trial, why the method was chosen, and what the best score is worth once luck is taken off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["complete", "pruned", "failed", "rejected", "running"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RungResult:
    """What a trial came to with a part of a whole fit: ``share`` of it, so many iterations made, the loss there."""

    share: float
    iterations: int
    loss: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One point of the search space: what was tried and what came of it.

    ``iterations`` is what the longest fit kept; ``epochs`` counts the iterations of all fits, kept or not. A trial that
    broke a requirement is ``rejected``: ``requirement`` is its id and ``measured`` what was measured, by metric.
    """

    number: int
    learner: str
    params: Mapping[str, object]
    state: State
    loss: float | None = None
    seconds: float = 0.0
    iterations: int = 0
    reason: str = ""
    epochs: int = 0
    rungs: tuple[RungResult, ...] = ()
    requirement: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A trial of an earlier search: taken over, or not, and then why."""

    number: int
    learner: str
    params: Mapping[str, object]
    loss: float | None
    taken: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The main metric of what was chosen on the rows that chose it, and without the luck of having picked the best.

    ``corrected`` with ``low`` and ``high`` repeats the selection on resampled rows and measures it on the rows left out
    (``method``); None where that could not be done. ``candidates`` were compared.
    """

    metric: str
    naive: float
    corrected: float | None = None
    low: float | None = None
    high: float | None = None
    candidates: int = 0
    resamples: int = 0
    method: str = "bootstrap bias-corrected cross-validation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """The tuning stage's result; the candidates it found stand in the Candidates record of the same payload.

    ``members`` holds the final ensemble: (key of the candidate, weight), weights adding up to one. ``study.journal`` of
    the payload is the whole history in Optuna's own form, one study for each learner.
    """

    method: str
    reason: str
    trials: tuple[Trial, ...] = ()
    members: tuple[tuple[str, float], ...] = ()
    best_before: float | None = None
    best_after: float | None = None
    stopped: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    selection: Selection | None = None
    earlier: tuple[Earlier, ...] = ()
    repeats: int = 0
    space: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Return how many trials came to what; together they are all that were asked for."""
        found: dict[str, int] = {}
        for trial in self.trials:
            found[trial.state] = found.get(trial.state, 0) + 1
        return found
