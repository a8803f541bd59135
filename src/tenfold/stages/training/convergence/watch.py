"""The one place where a fit asks whether to go on: it remembers the best iteration, the curve, and what rules found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tenfold.foundation.clock import Deadline
from tenfold.records.model import ConvergenceFinding, LearningCurve
from tenfold.stages.training.convergence.actions import Action, Convergence
from tenfold.stages.training.convergence.curve import CurveRecorder
from tenfold.stages.training.convergence.divergence import Divergence
from tenfold.stages.training.convergence.look import Ended, Look, WatchingRule
from tenfold.stages.training.convergence.network import DeadUnits, ExplodingWeights
from tenfold.stages.training.convergence.not_a_number import NotANumber
from tenfold.stages.training.convergence.overfitting import Overfitting
from tenfold.stages.training.convergence.plateau import Plateau
from tenfold.stages.training.convergence.slow import Slow
from tenfold.stages.training.convergence.turn import Turn

_CUT_OFF: tuple[Ended, ...] = ("deadline", "ceiling")


@dataclass(eq=False, slots=True, kw_only=True)
class Watch:
    """Told what came of each iteration, it says whether to stop.

    Where nothing is held out no rule has a say, every iteration is the best so far, and only the deadline stops.

    Attributes
    ----------
    least, best : float, int
        The least held-out loss so far, and the iteration at which it stood.
    made : int
        Iterations seen.
    unit, loss : str
        What an iteration is, and the name of the loss, for the record.
    """

    deadline: Deadline
    rules: Sequence[tuple[WatchingRule, Action]] = ()
    unit: str = "round"
    loss: str = ""
    least: float = math.inf
    best: int = 0
    made: int = 0
    ended: Ended = ""
    recorder: CurveRecorder = field(default_factory=CurveRecorder)

    def wants_train(self, iteration: int) -> bool:
        """Whether the training loss is to be looked at after this iteration; asked once for each."""
        return self.recorder.wants_train(iteration)

    def stops(self, look: Look) -> bool:
        """Return whether to stop after an iteration."""
        self.made = look.iteration
        if look.held is None:
            self.best = look.iteration
        else:
            if look.held < self.least or self.best == 0:
                self.least, self.best = look.held, look.iteration
            self.recorder.add(look)
            if self._rules_stop(look):
                self.ended = "rule"
                return True
        if self.deadline.expired:
            self.ended = "deadline"
            return True
        return False

    def _rules_stop(self, look: Look) -> bool:
        stop = False
        for rule, action in self.rules:
            rule.update(look)
            stop = stop or (action == "stop" and rule.name != "slow" and rule.reading is not None)
        return stop

    def close(self, *, ceiling: bool) -> None:
        """Tell that the fit is over; ``ceiling``: it would have gone on if it were allowed more iterations."""
        if not self.ended:
            self.ended = "ceiling" if ceiling else "whole"

    @property
    def curve(self) -> LearningCurve | None:
        """The losses by iteration."""
        return self.recorder.curve(unit=self.unit, loss=self.loss, kept=self.best)

    @property
    def findings(self) -> tuple[ConvergenceFinding, ...]:
        """What rules found."""
        found = []
        for rule, action in self.rules:
            reading = rule.reading
            if reading is None or (rule.name == "slow" and self.ended not in _CUT_OFF):
                continue
            found.append(
                ConvergenceFinding(rule=rule.name, action=action, iteration=reading.iteration, message=reading.message)
            )
        return tuple(found)


Rules = tuple[tuple[WatchingRule, Action], ...]


def rules_for_boosting(asked: Convergence, *, patience: int, start: float | None) -> Rules:
    """Return the rules for rounds; ``start`` is the loss of the best constant, where it is known."""
    return _asked(
        asked,
        NotANumber(),
        Plateau(patience=patience if asked.patience is None else asked.patience),
        Divergence(start=start),
        Overfitting(start=start),
        Slow(start=start),
    )


def rules_for_network(asked: Convergence, *, patience: int, start: float | None) -> Rules:
    """Return the rules for epochs."""
    return (
        *rules_for_boosting(asked, patience=patience, start=start),
        *_asked(asked, DeadUnits(), ExplodingWeights()),
    )


def rules_for_path(asked: Convergence, *, factor: float, start: float | None) -> Rules:
    """Return the rules for steps along a path of penalties: its last step is its natural end."""
    rules: tuple[WatchingRule, ...] = (
        NotANumber(),
        Turn(factor=factor),
        Divergence(start=start),
        Overfitting(start=start),
        Slow(start=start),
    )
    if asked.patience is not None:
        rules = (*rules, Plateau(patience=asked.patience))
    return _asked(asked, *rules)


def rules_for_forest(asked: Convergence) -> Rules:
    """Return the rules for trees that are averaged: more of them are never worse, so none stops for long."""
    return _asked(asked, NotANumber())


def _asked(asked: Convergence, *rules: WatchingRule) -> Rules:
    return tuple((rule, asked.of(rule.name)) for rule in rules if asked.of(rule.name) != "off")
