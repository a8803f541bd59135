"""The loss has risen far above its start: the steps are too long."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from tenfold.stages.training.convergence.actions import Rule
from tenfold.stages.training.convergence.look import Look, Reading

FACTOR = 2.0


@dataclass(eq=False, slots=True)
class Divergence:
    """Trips when ``loss(t) > factor * loss(0)`` (``loss(0) + (factor - 1) |loss(0)|``, as some losses are negative).

    ``start`` is the loss of the best constant, which is where a fit begins; without it the first loss seen stands in. A
    step longer than twice the inverse of the curvature moves away from the minimum (Goodfellow, Bengio and Courville
    2016, *Deep Learning*, 8.2.4).

    >>> rule = Divergence(start=0.7)
    >>> rule.update(Look(iteration=1, held=0.6))
    >>> rule.update(Look(iteration=2, held=5.0))
    >>> rule.reading.iteration
    2
    """

    name: ClassVar[Rule] = "divergence"
    start: float | None = None
    factor: float = FACTOR
    reading: Reading | None = None

    def update(self, look: Look) -> None:
        if look.held is None or math.isnan(look.held):
            return
        if self.start is None:
            self.start = look.held
        limit = self.start + (self.factor - 1.0) * abs(self.start)
        if self.reading is None and look.held > limit:
            self.reading = Reading(
                iteration=look.iteration,
                value=look.held,
                limit=limit,
                message=f"the held-out loss is {look.held:.4g}, more than {self.factor:g} times the {self.start:.4g} "
                "that it began with",
            )
