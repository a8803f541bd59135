"""Along a path of penalties, the held-out loss has turned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from tenfold.stages.training.convergence.actions import Rule
from tenfold.stages.training.convergence.look import Look, Reading


@dataclass(eq=False, slots=True)
class Turn:
    """Trips when ``loss(t) > factor * least loss``.

    The criterion GL of Prechelt (1998), *Early stopping - but when?*, with ``factor = 1 + alpha / 100``. It suits a
    path, whose losses are smooth; boosting and networks want patience.

    >>> rule = Turn(factor=1.002)
    >>> rule.update(Look(iteration=1, held=1.0))
    >>> rule.update(Look(iteration=2, held=1.01))
    >>> rule.reading.iteration
    2
    """

    name: ClassVar[Rule] = "turn"
    factor: float
    least: float = math.inf
    reading: Reading | None = None

    def update(self, look: Look) -> None:
        if look.held is None:
            return
        self.least = min(self.least, look.held)
        if self.reading is None and look.held > self.least * self.factor:
            self.reading = Reading(
                iteration=look.iteration,
                value=look.held,
                limit=self.least * self.factor,
                message=f"the held-out loss has turned: {look.held:.4g} after {self.least:.4g}",
            )
