"""The loss is no number any more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from tenfold.stages.training.convergence.actions import Rule
from tenfold.stages.training.convergence.look import Look, Reading


@dataclass(eq=False, slots=True)
class NotANumber:
    """Trips when a loss is infinite or not a number; it stays tripped.

    As the rule *ExplodingTensor* of Amazon SageMaker Debugger does for tensors.

    >>> rule = NotANumber()
    >>> rule.update(Look(iteration=1, held=float("nan")))
    >>> rule.reading.iteration
    1
    """

    name: ClassVar[Rule] = "not_a_number"
    reading: Reading | None = None

    def update(self, look: Look) -> None:
        for what, loss in (("held-out", look.held), ("training", look.train)):
            if self.reading is None and loss is not None and not math.isfinite(loss):
                self.reading = Reading(
                    iteration=look.iteration,
                    value=loss,
                    limit=math.inf,
                    message=f"the {what} loss is {'no number' if math.isnan(loss) else 'infinite'}",
                )
