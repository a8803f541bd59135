"""What a person may set for tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal["auto", "random", "bayesian"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningOptions:
    """How the search goes, and how far.

    Attributes
    ----------
    method : str
        ``random`` draws from the space; ``bayesian`` learns from earlier trials (TPE); ``auto`` chooses.
    budget_seconds : float or None
        Wall time that tuning may use, beside the context's deadline.
    budget_trials : int or None
        Trials of training and tuning together. With it no clock decides anything: two runs give the same model.
    """

    method: Method = "auto"
    budget_seconds: float | None = None
    budget_trials: int | None = None
