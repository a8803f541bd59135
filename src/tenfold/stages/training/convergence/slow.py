"""The fit was still improving when it had to end."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from tenfold.stages.training.convergence.actions import Rule
from tenfold.stages.training.convergence.look import Look, Reading

SHARE, LATEST, FEWEST = 0.02, 0.2, 5


@dataclass(eq=False, slots=True)
class Slow:
    """Reads whether the latest fifth of the iterations still gained more than two parts in a hundred.

    A line is laid through the held-out losses of the latest fifth (five at least) by least squares; its fall over that
    stretch is held against all that was gained since the start. Whether this is a finding depends on why the fit ended:
    only the deadline, or a ceiling, cuts an improvement off.

    >>> rule = Slow()
    >>> for iteration in range(1, 21):
    ...     rule.update(Look(iteration=iteration, held=1.0 - 0.01 * iteration))
    >>> rule.reading is None
    False
    """

    name: ClassVar[Rule] = "slow"
    start: float | None = None
    share: float = SHARE
    losses: list[float] = field(default_factory=list)
    last: int = 0

    def update(self, look: Look) -> None:
        if look.held is not None and math.isfinite(look.held):
            self.losses.append(look.held)
            self.last = look.iteration

    @property
    def reading(self) -> Reading | None:
        """What the losses so far say."""
        if len(self.losses) < FEWEST:
            return None
        latest = np.array(self.losses[-max(FEWEST, math.ceil(LATEST * len(self.losses))) :])
        gained = (self.losses[0] if self.start is None else self.start) - min(self.losses)
        places = np.arange(len(latest)) - (len(latest) - 1) / 2
        slope = float(places @ latest / (places @ places))
        fall = -slope * (len(latest) - 1)
        if gained <= 0 or fall <= self.share * gained:
            return None
        return Reading(
            iteration=self.last,
            value=fall / gained,
            limit=self.share,
            message=f"it was still improving when it had to end: the latest {len(latest)} of {len(self.losses)} "
            f"iterations made {100 * fall / gained:.0f} % of the gain",
        )
