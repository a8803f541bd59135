"""Training rows are learned by heart: their loss falls while the held-out loss rises."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from tenfold.stages.training.convergence.actions import Rule
from tenfold.stages.training.convergence.look import Look, Reading

GAP = 0.1


@dataclass(eq=False, slots=True)
class Overfitting:
    """Trips when all that was gained is lost again, and more than the gap, while the training loss goes on falling.

    ``held(t) - min held > max(gap * held(0), held(0) - min held)``: after the generalisation loss of Prechelt (1998),
    *Early stopping - but when?*, here in parts of the loss at the start, so that the wobble of a loss near zero is no
    alarm; nor is a fit on few rows that learned much and turned, as every such fit does: its best iteration is kept.
    Only iterations whose training loss was looked at count.

    >>> rule = Overfitting()
    >>> for iteration, (held, train) in enumerate(((0.70, 0.60), (0.69, 0.5), (0.80, 0.1)), start=1):
    ...     rule.update(Look(iteration=iteration, held=held, train=train))
    >>> rule.reading.iteration
    3
    """

    name: ClassVar[Rule] = "overfit"
    start: float | None = None
    gap: float = GAP
    least: float = math.inf
    best: int = 0
    reading: Reading | None = None
    _train: float | None = None
    _train_at_best: float | None = None

    def update(self, look: Look) -> None:
        if look.held is None or math.isnan(look.held):
            return
        if self.start is None:
            self.start = look.held
        self._train = self._train if look.train is None else look.train
        if look.held < self.least:
            self.least, self.best, self._train_at_best = look.held, look.iteration, self._train
        if self.reading is not None or look.train is None or self._train_at_best is None:
            return
        limit = self.least + max(self.gap * abs(self.start), self.start - self.least)
        if look.held > limit and look.train < self._train_at_best:
            self.reading = Reading(
                iteration=look.iteration,
                value=look.held,
                limit=limit,
                message=f"the held-out loss rose from {self.least:.4g} (iteration {self.best}) to {look.held:.4g} "
                f"while the training loss fell to {look.train:.4g}",
            )
