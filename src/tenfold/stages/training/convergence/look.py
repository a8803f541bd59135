"""What is seen after an iteration of a fit, and what a rule has to say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from tenfold.stages.training.convergence.actions import Rule

Ended = Literal["", "rule", "whole", "deadline", "ceiling"]
"""How a fit ended: it goes on; a rule stopped it; all that was asked for was made; the deadline passed; as many
iterations were made as any fit may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One iteration (a round, an epoch, a step of a path), counted from 1.

    Attributes
    ----------
    held : float or None
        Loss on held-out rows; None where none are held out.
    train : float or None
        Loss on training rows, where it was looked at.
    dead : float or None
        The greatest share, over the hidden layers, of units that are silent on every row looked at.
    size : float or None
        The Euclidean norm of all weights.
    """

    iteration: int
    held: float | None
    train: float | None = None
    dead: float | None = None
    size: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a rule found: where, the figure, and the figure that it should not pass."""

    iteration: int
    value: float
    limit: float
    message: str


class WatchingRule(Protocol):
    """A rule sees one iteration after the other; ``reading`` is None as long as all is well."""

    @property
    def name(self) -> Rule: ...

    @property
    def reading(self) -> Reading | None: ...

    def update(self, look: Look) -> None:
        """See one iteration."""
        ...
