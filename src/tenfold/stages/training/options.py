"""What a person may set for training."""

from __future__ import annotations

from dataclasses import dataclass, field

from tenfold.stages.training.convergence.actions import Convergence


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How long the ladder may be climbed, and with which learners.

    Attributes
    ----------
    learners : tuple of str
        Names from the table of learners; empty lets the ladder choose.
    budget_seconds : float or None
        Wall time that training may use, beside the context's deadline.
    budget_trials : int or None
        How many candidates may be tried. With it no clock decides anything: two runs give the same model.
    share : float
        The part of the time left until the context's deadline that training takes; tuning has the rest.
    interpretable : bool
        Race only models that a person can read, serve one of them alone, and say what that costs.
    convergence : Convergence
        What the rules do that watch the fits.
    """

    learners: tuple[str, ...] = ()
    budget_seconds: float | None = None
    budget_trials: int | None = None
    share: float = 0.6
    interpretable: bool = False
    convergence: Convergence = field(default_factory=Convergence)
