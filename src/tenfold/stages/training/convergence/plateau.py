"""The held-out loss has not fallen for a while: nothing is to be gained by going on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from tenfold.stages.training.convergence.actions import Rule
from tenfold.stages.training.convergence.look import Look, Reading


@dataclass(eq=False, slots=True)
class Plateau:
    """Trips ``patience`` iterations after the least loss: early stopping.

    Goodfellow, Bengio and Courville (2016), *Deep Learning*, algorithm 7.1. It does not stay tripped: a loss that falls
    again, where the rule does not stop, ends the plateau.

    >>> rule = Plateau(patience=2)
    >>> for iteration, loss in enumerate((1.0, 0.5, 0.5, 0.6), start=1):
    ...     rule.update(Look(iteration=iteration, held=loss))
    >>> rule.reading.iteration
    4
    """

    name: ClassVar[Rule] = "plateau"
    patience: int
    least: float = math.inf
    best: int = 0
    reading: Reading | None = None

    def update(self, look: Look) -> None:
        if look.held is None:
            return
        if look.held < self.least or self.best == 0:
            self.least, self.best, self.reading = look.held, look.iteration, None
        waited = look.iteration - self.best
        if self.reading is None and waited >= self.patience:
            self.reading = Reading(
                iteration=look.iteration,
                value=float(waited),
                limit=float(self.patience),
                message=f"the held-out loss has not fallen for {waited} iterations",
            )
