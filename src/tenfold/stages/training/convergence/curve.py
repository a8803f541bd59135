"""A learning curve while it grows: never more points than can be drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tenfold.records.model import LearningCurve
from tenfold.stages.training.convergence.look import Look

MOST_POINTS = 100
_STEP = 1.25
"""Each look at the training rows comes after so many times the iterations of the one before: 40 looks at 4,000."""


@dataclass(eq=False, slots=True)
class CurveRecorder:
    """Keeps every so many-th iteration, twice as seldom whenever there are too many, and each look at training rows."""

    points: list[Look] = field(default_factory=list)
    _every: int = 1
    _last: Look | None = None
    _next_train: int = 1

    def wants_train(self, iteration: int) -> bool:
        """Whether the training loss is to be looked at after this iteration; asked once for each."""
        if iteration < self._next_train:
            return False
        self._next_train = max(iteration + 1, math.ceil(iteration * _STEP))
        return True

    def add(self, look: Look) -> None:
        """Take one iteration."""
        self._last = look
        if look.train is None and look.iteration % self._every and look.iteration > 1:
            return
        self.points.append(look)
        while len(self.points) > MOST_POINTS - 1:
            self._every *= 2
            self.points = [
                each
                for each in self.points
                if each.train is not None or each.iteration % self._every == 0 or each.iteration == 1
            ]

    def curve(self, *, unit: str, loss: str, kept: int) -> LearningCurve | None:
        """Return what was recorded, with the last iteration; None where no loss was seen."""
        points = list(self.points)
        if self._last is not None and (not points or points[-1].iteration != self._last.iteration):
            points.append(self._last)
        if not points or all(each.held is None for each in points):
            return None
        return LearningCurve(
            unit=unit,
            loss=loss,
            iterations=tuple(each.iteration for each in points),
            held=tuple(_number(each.held) for each in points),
            train=tuple(_number(each.train) for each in points),
            kept=kept,
        )


def _number(value: float | None) -> float | None:
    """Return six digits of a loss; None where there is none, or it is no number."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")
