"""What goes wrong inside a network: units that never answer, weights that explode."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from tenfold.stages.training.convergence.actions import Rule
from tenfold.stages.training.convergence.look import Look, Reading

DEAD, GROWTH = 0.5, 100.0


@dataclass(eq=False, slots=True)
class DeadUnits:
    """Trips when more than half of a hidden layer's rectified units are silent on every row looked at.

    Such a unit has no gradient and cannot come back: Lu, Shin, Su and Karniadakis (2020), *Dying ReLU and
    initialization*.

    >>> rule = DeadUnits()
    >>> rule.update(Look(iteration=3, held=1.0, dead=0.9))
    >>> rule.reading.iteration
    3
    """

    name: ClassVar[Rule] = "dead_units"
    most: float = DEAD
    reading: Reading | None = None

    def update(self, look: Look) -> None:
        if self.reading is None and look.dead is not None and look.dead > self.most:
            self.reading = Reading(
                iteration=look.iteration,
                value=look.dead,
                limit=self.most,
                message=f"{100 * look.dead:.0f} % of the units of a layer answer to no row",
            )


@dataclass(eq=False, slots=True)
class ExplodingWeights:
    """Trips when the norm of the weights is a hundred times what it first was, or no number.

    Pascanu, Mikolov and Bengio (2013), *On the difficulty of training recurrent neural networks*, for its cause.

    >>> rule = ExplodingWeights()
    >>> rule.update(Look(iteration=1, held=1.0, size=2.0))
    >>> rule.update(Look(iteration=2, held=1.0, size=900.0))
    >>> rule.reading.iteration
    2
    """

    name: ClassVar[Rule] = "exploding_weights"
    growth: float = GROWTH
    first: float | None = None
    reading: Reading | None = None

    def update(self, look: Look) -> None:
        if look.size is None or self.reading is not None:
            return
        if self.first is None and math.isfinite(look.size):
            self.first = look.size
        limit = math.inf if self.first is None else self.growth * self.first
        if not math.isfinite(look.size) or look.size > limit:
            self.reading = Reading(
                iteration=look.iteration,
                value=look.size,
                limit=limit,
                message=f"the norm of the weights is {look.size:.3g}"
                + ("" if self.first is None else f", after {self.first:.3g} at first"),
            )
