"""What the file's ``retraining`` section asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LOOKS = 3
"""How often one challenger may be held against the champion; the error allowed is shared among the looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainingOptions:
    """How a model renews itself.

    Attributes
    ----------
    when : str
        ``auto``: on a failed live requirement or harm. ``off``: only when a person asks. Anything else is a schedule in
        cron's notation, which adds its moments to those of ``auto``.
    promote : str
        ``ask``: a person promotes. ``auto``: a challenger that is better and passes its requirements is promoted.
    budget_per_week : int
        At most so many trainings begin in any seven days.
    confidence : float
        Of the claim that a challenger is better, over all looks at it together.
    looks : int
        After so many looks without a result a challenger is refused.
    """

    when: str = "auto"
    promote: Literal["ask", "auto"] = "ask"
    budget_per_week: int = 3
    confidence: float = 0.95
    looks: int = LOOKS

    @property
    def confidence_per_look(self) -> float:
        """Each look's share of the error, so that looking again costs nothing (Bonferroni)."""
        return 1.0 - (1.0 - self.confidence) / self.looks
