"""When boosting has come far enough: patience that suits the learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tenfold.foundation.clock import Deadline

USUAL_RATE = 0.1
_PATIENCE = 50


@dataclass(eq=False, slots=True, kw_only=True)
class Progress:
    """Told the held-out loss after each round, it says whether to stop and remembers the best round.

    Attributes
    ----------
    rate : float
        Learning rate: slower learners get more rounds to show that they still improve.
    least, best : float, int
        The least loss so far, and the number of rounds at which it stood.
    """

    deadline: Deadline
    rate: float
    least: float = math.inf
    best: int = 0
    rounds: int = 0

    def stops(self, rounds: int, loss: float | None) -> bool:
        """Return whether to stop after so many rounds; ``loss`` is None where nothing is held out."""
        self.rounds = rounds
        if loss is None:
            self.best = rounds
            return self.deadline.expired
        if loss < self.least or self.best == 0:
            self.least, self.best = loss, rounds
        return rounds - self.best >= patience(self.rate) or self.deadline.expired


def patience(rate: float) -> int:
    """Return after how many rounds without a gain boosting stops."""
    return max(20, min(150, round(_PATIENCE * math.sqrt(USUAL_RATE / rate))))
