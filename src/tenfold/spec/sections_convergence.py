"""The setting ``training.convergence``: what happens when a rule finds that a fit does not converge as it should."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tenfold.spec.section import Section

Action = Literal["off", "warn", "stop"]


class ConvergenceSection(Section):
    """``warn`` tells, ``stop`` ends the fit there too; what cannot be switched off has no ``off``."""

    not_a_number: Literal["warn", "stop"] = "stop"
    divergence: Action = "warn"
    plateau: Action = "stop"
    turn: Action = "stop"
    overfit: Action = "warn"
    slow: Literal["off", "warn"] = "warn"
    dead_units: Action = "warn"
    exploding_weights: Action = "warn"
    patience: int | None = Field(default=None, ge=1)
