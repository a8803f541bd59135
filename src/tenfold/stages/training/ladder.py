"""The ladder: which candidates are tried next, how much time each may take, and which leave the race early."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import StageContext
from tenfold.foundation.events import Event
from tenfold.foundation.units import format_seconds
from tenfold.records.model import Candidate
from tenfold.stages.training.fitting import Limits
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.training.pace import Pace, affordable_folds, guessed, hurried, measured
from tenfold.stages.training.portfolio import first_rung, free_choice, later_rungs, readable_rungs
from tenfold.stages.training.trainer import Trainer

_FIRST_SHARE = 0.3
_PORTFOLIO_SHARE = 0.6
_RUNG_SHARE = 0.6
_ESSENTIAL = 4
_LAST_SHARE = 0.1
_BOOSTED_SLACK, _OTHER_SLACK = 1.15, 1.4
_NOISE = 0.3
"""Losses, relative to the constant's, of two models on the same n rows differ by about this / sqrt(n) by chance."""


class Ladder:
    """Climbs while there is budget.

    With a budget in trials no clock is looked at: every decision follows from losses alone.
    """

    def __init__(self, trainer: Trainer, options: TrainingOptions, ctx: StageContext):
        self._trainer = trainer
        self._options = options
        self._ctx = ctx
        self.timed = options.budget_trials is None
        self.deadline = _deadline(options, ctx) if self.timed else Deadline()
        self._whole_seconds = self.deadline.remaining_seconds()
        rows = trainer.bench.development
        task = trainer.bench.task
        if options.interpretable:
            self._first = [free_choice(task, rows)]
            self._rungs = readable_rungs(task, rows, options.learners)
        else:
            self._first = first_rung(task, rows, options.learners)
            self._rungs = later_rungs(task, rows, trainer.bench.outputs, options.learners)
        self._climbed = 0
        self._tried = 0
        self._pace: Pace | None = None
        self._folds = trainer.bench.folds
        self._left_out: dict[str, str] = {}

    @property
    def finished(self) -> bool:
        """Whether every rung was climbed."""
        return not self._rungs

    @property
    def note(self) -> str:
        """What was not done, for a person."""
        if self.finished:
            return ""
        return f"the budget ended before {sum(map(len, self._rungs))} candidates of the portfolio were tried"

    def facts(self) -> Mapping[str, object]:
        """Return what tuning and a reader may want to know of the climb."""
        return {
            "folds": self._folds,
            "timed": self.timed,
            "tried": self._tried,
            "workers": self._ctx.map.workers,
            "usual_seconds": None if self._pace is None else self._pace.seconds,
            "left_out": self._left_out,
            "interpretable": self._options.interpretable,
        }

    def climb_first(self) -> None:
        """Fit the quick candidates; the first boosted fit tells how fast this machine is on this table."""
        rung = self._within_trials(self._first)
        if not rung or self.deadline.expired:
            return
        self._pace = guessed(self._trainer.bench)
        rung = self._hurried(rung, _FIRST_SHARE)
        self._pace = None
        self.climb(rung, share=_FIRST_SHARE)

    def next_rung(self) -> list[Candidate]:
        """Return the next candidates to fit, hurried as the time demands; empty when the budget is spent."""
        if not self._rungs:
            return []
        left = self.deadline.remaining_seconds()
        if self.timed and left <= _LAST_SHARE * self._whole_seconds:
            return []
        rung = self._within_trials(self._rungs[0])
        if rung:
            self._rungs = self._rungs[1:]
        return self._hurried(rung, _RUNG_SHARE)

    def climb(self, rung: Sequence[Candidate], share: float = _RUNG_SHARE) -> None:
        """Score a rung, and tell."""
        scored = self._trainer.fit_and_score(
            f"rung-{self._climbed:02d}",
            rung,
            self._keep,
            folds=self._folds,
            share=share if self.timed else None,
            deadline=self.deadline,
        )
        self._climbed += 1
        self._tried += len(rung)
        for one in scored:
            if one.dropped:
                self._left_out[one.key] = one.dropped
            if one.key == "lightgbm-usual" and one.finished:
                self._folds = max(1, one.finished)
                self._pace = self._pace or measured(one.candidate, one.fold_seconds)
        self._tell([one.key for one in scored])

    def _within_trials(self, rung: Sequence[Candidate]) -> list[Candidate]:
        if self._options.budget_trials is None:
            return list(rung)
        return list(rung[: max(0, self._options.budget_trials - self._tried)])

    def _hurried(self, rung: Sequence[Candidate], share: float) -> list[Candidate]:
        """Return candidates that should have learned enough when a share of the time is over."""
        if not self.timed or self._pace is None:
            return list(rung)
        limits = Limits(folds=self._folds, share=share, deadline=self.deadline)
        seconds = limits.fit_seconds(len(rung) * self._folds, self._ctx.map.workers)
        return [each if seconds is None else hurried(self._pace, each, seconds) for each in rung]

    def _keep(self, candidate: Candidate, seconds: float, loss: float) -> int:
        """Return how many folds a candidate may have, after its first."""
        if candidate.key == "lightgbm-usual" and self._pace is None:
            self._set_pace(candidate, seconds)
        others = [one.first_loss for one in self._trainer.complete]
        bench = self._trainer.bench
        slack = _BOOSTED_SLACK if candidate.learner == "lightgbm" else _OTHER_SLACK
        noise = _NOISE / math.sqrt(len(bench.held_rows([0])))
        if others and loss > slack * min(others) + noise:
            return 0
        lanes = max(1, min(self._ctx.map.workers, self._folds - 1))
        if self.timed and others and 0.8 * seconds * (self._folds - 1) / lanes > self.deadline.remaining_seconds():
            return 0
        return self._folds

    def _set_pace(self, candidate: Candidate, seconds: float) -> None:
        self._pace = measured(candidate, seconds)
        if not self.timed:
            return
        essential = [each for rung in self._rungs for each in rung if each.learner == "lightgbm"][:_ESSENTIAL]
        time = self.deadline.remaining_seconds() * self._ctx.map.workers * _PORTFOLIO_SHARE
        self._folds = affordable_folds(self._pace, [candidate, *essential], time, self._trainer.bench.folds)

    def _tell(self, keys: Sequence[str]) -> None:
        complete = self._trainer.complete
        left = self.deadline.remaining_seconds()
        for key in keys:
            one = self._trainer.pool[key]
            self._ctx.events.emit(
                Event(
                    kind="candidate",
                    stage="training",
                    message=f"{key}: {one.dropped or f'{one.candidate.score:.5g}'}",
                    facts={
                        "key": key,
                        "score": one.candidate.score,
                        "loss": one.candidate.loss,
                        "seconds": one.candidate.seconds,
                        "best": complete[0].candidate.score if complete else None,
                        "left": format_seconds(left) if self.timed and left != float("inf") else None,
                    },
                )
            )


def _deadline(options: TrainingOptions, ctx: StageContext) -> Deadline:
    """Return the end of training's own time: its share of what is left, or its own budget where that ends earlier."""
    share = ctx.deadline.share(options.share)
    own = Deadline.after(options.budget_seconds, ctx.clock)
    return own if own.remaining_seconds() < share.remaining_seconds() else share
