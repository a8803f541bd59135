"""What a person may set for tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Method = Literal["auto", "grid", "random", "bayesian", "hyperband", "asha"]
Value = float | int | str | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRange:
    """Numbers from ``low`` to ``high``, evenly or on a logarithmic scale; a grid takes so many ``points`` of them."""

    low: float | int
    high: float | int
    log: bool = False
    points: int = 3


WrittenSpace = Mapping[str, Mapping[str, tuple[Value, ...] | SettingRange]]
"""By learner and setting: values, or a range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningOptions:
    """How the search goes, and how far.

    Attributes
    ----------
    method : str
        ``grid`` tries every point; ``random`` draws from the space; ``bayesian`` learns from earlier trials;
        ``hyperband`` and ``asha`` give most settings a part of a fit; ``auto`` chooses.
    budget_seconds : float or None
        Wall time that tuning may use, beside the context's deadline.
    budget_trials : int or None
        Trials of training and tuning together. With it no clock decides anything: two runs give the same model.
    space : mapping
        Where to search; empty: our own spaces around the learners that did best.
    fidelity : {'iterations', 'rows'}
        Of what Hyperband and ASHA give a part.
    start_from : str
        The run whose trials are taken over where they lie in this space; empty: none.
    correct : bool
        Whether the best score is corrected for the luck of having been chosen; a search whose score nobody asks for, as
        one inside of a nested estimate, need not.
    """

    method: Method = "auto"
    budget_seconds: float | None = None
    budget_trials: int | None = None
    space: WrittenSpace = field(default_factory=dict)
    fidelity: Literal["iterations", "rows"] = "iterations"
    start_from: str = ""
    correct: bool = True
