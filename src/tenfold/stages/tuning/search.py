"""The search: small batches of trials, as many as the budget allows, with time kept for finishing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import StageContext
from tenfold.foundation.events import Event
from tenfold.foundation.units import format_seconds
from tenfold.records.model import Candidate
from tenfold.records.tuning import Trial
from tenfold.stages.tuning.methods import choose_method
from tenfold.stages.tuning.options import TuningOptions
from tenfold.stages.tuning.protocols import Attempt, Trainer
from tenfold.stages.tuning.spaces import space_of
from tenfold.stages.tuning.study import Study, as_proposal, bars

TRIALS_WITHOUT_LIMIT = 60
"""Trials when neither time nor trials are limited."""

_BATCH = 2
_FAMILIES = 2
_NEAR = 1.1
"""A second learner is searched too while its best loss is within this factor of the best."""

_SLOWEST_RATE = 0.02
_FIT_SHARE, _BATCH_SHARE = 0.05, 0.5
_FINISH_SLACK, _FINISH_SECONDS = 1.5, 0.3


class Search:
    """Asks the studies, has their trials scored, tells them, and keeps the books.

    Parameters
    ----------
    trainer : Trainer
        Who fits.
    tried : int
        Candidates that training tried; they count against a budget in trials.
    facts : mapping
        What training found out: ``folds``, ``usual_seconds``.
    rows : int
        Development rows.
    """

    def __init__(
        self,
        trainer: Trainer,
        options: TuningOptions,
        ctx: StageContext,
        *,
        facts: Mapping[str, object],
        rows: int,
    ):
        self._trainer = trainer
        self._ctx = ctx
        self.timed = options.budget_trials is None
        self.deadline = _deadline(options, ctx) if self.timed else Deadline()
        limited = self.deadline.at_seconds is not None
        self._folds = int(str(facts.get("folds", 1)))
        self._usual_seconds = float(str(facts.get("usual_seconds") or 0.0))
        tried = int(str(facts.get("tried", 0)))
        if options.budget_trials is not None:
            self._most = max(0, options.budget_trials - tried)
        else:
            # On few rows a long search finds settings that suit the chance in them.
            self._most = max(10, min(400, rows // 25)) if limited else TRIALS_WITHOUT_LIMIT
        self.trials: list[Trial] = []
        self._batches = 0
        self._batch_seconds = 0.0
        self.stopped = ""
        known = list(trainer.complete)
        self.choice = choose_method(options.method, len(known), self._expected(known))
        self._studies = self._open_studies(known, rows)

    def goes_on(self) -> bool:
        """Whether another batch is wanted and can be afforded beside the finishing; else ``stopped`` says why."""
        if not self._studies:
            self.stopped = "no learner that training finished has anything to be tuned"
        elif len(self.trials) >= self._most:
            self.stopped = f"{len(self.trials)} trials were made, as many as the budget or the number of rows bears"
        elif self.timed and self.deadline.remaining_seconds() <= self._reserve() + 1.2 * self._batch_seconds:
            self.stopped = "the time that was left is needed to finish the ensemble"
        return not self.stopped

    def make_batch(self) -> None:
        """Try the next few settings."""
        study = self._studies[self._batches % (_FAMILIES + 1) // _FAMILIES % len(self._studies)]
        count = min(self._batch_size(), self._most - len(self.trials))
        numbers = range(len(self.trials), len(self.trials) + count)
        asked = [study.ask() for _ in numbers]
        proposals = [
            as_proposal(study.learner, number, params) for number, (_, params) in zip(numbers, asked, strict=True)
        ]
        under_way = {proposal.key: trial for proposal, (trial, _) in zip(proposals, asked, strict=True)}

        def keep(candidate: Candidate, seconds: float, loss: float) -> int:
            del seconds
            return 0 if self._folds > 1 and study.prunes(under_way[candidate.key], loss) else self._folds

        before = self.deadline.remaining_seconds()
        attempts = self._trainer.fit_and_score(
            f"batch-{self._batches:03d}",
            proposals,
            keep,
            folds=self._folds,
            share=_BATCH_SHARE if self.timed else None,
            deadline=self.deadline.less(self._reserve()) if self.timed else None,
            bars=bars(self._trainer.complete) if study.learner == "lightgbm" else (),
        )
        self._batches += 1
        if math.isfinite(before):
            self._batch_seconds = max(0.7 * self._batch_seconds, before - self.deadline.remaining_seconds())
        for number, (trial, _), attempt in zip(numbers, asked, attempts, strict=True):
            study.tell(trial, attempt)
            self._write_down(number, study.learner, attempt)

    def _open_studies(self, known: Sequence[Attempt], rows: int) -> list[Study]:
        """Return a study for each of the best learners that has a space."""
        studies: list[Study] = []
        best = known[0].candidate.loss if known else math.inf
        for learner in dict.fromkeys(attempt.candidate.learner for attempt in known):
            own = [attempt for attempt in known if attempt.candidate.learner == learner]
            space = space_of(learner, rows, self._slowest_rate())
            if space and own[0].candidate.loss <= _NEAR * best and len(studies) < _FAMILIES:
                studies.append(Study(learner, space, self.choice.method, self._ctx.seed + len(studies), own))
        return studies

    def _expected(self, known: Sequence[Attempt]) -> int | None:
        """Return how many trials the budget allows; None when no trial's time is known."""
        if not self.timed or self.deadline.at_seconds is None:
            return self._most
        seconds = sorted(attempt.candidate.seconds for attempt in known)
        if not seconds:
            return None
        lanes = self._ctx.map.workers
        return min(self._most, int(self.deadline.remaining_seconds() * lanes / max(seconds[len(seconds) // 2], 1e-3)))

    def _slowest_rate(self) -> float:
        """Return the learning rate at which one trial takes no more than a small part of the time."""
        if not self.timed or self.deadline.at_seconds is None or not self._usual_seconds:
            return _SLOWEST_RATE
        lanes = max(1.0, self._ctx.map.workers / _BATCH)
        trial_seconds = self._usual_seconds * self._folds / lanes
        rate = 0.1 * trial_seconds / max(_FIT_SHARE * self.deadline.remaining_seconds(), 1e-6)
        return round(min(0.15, max(_SLOWEST_RATE, rate)), 3)

    def _batch_size(self) -> int:
        return max(_BATCH, self._ctx.map.workers) if self.timed else _BATCH

    def _reserve(self) -> float:
        """Return the seconds to keep for finishing the ensemble."""
        return _FINISH_SLACK * self._trainer.prepare(self.deadline) + _FINISH_SECONDS

    def _write_down(self, number: int, learner: str, attempt: Attempt) -> None:
        found = attempt.candidate
        lost = not attempt.dropped or math.isfinite(attempt.first_loss)
        loss = found.loss if not attempt.dropped else attempt.first_loss
        self.trials.append(
            Trial(
                number=number,
                learner=learner,
                params=found.params,
                state=_state(attempt),
                loss=loss if lost and math.isfinite(loss) else None,
                seconds=found.seconds,
                iterations=max((decision.iterations for decision in found.fits), default=0),
                reason=attempt.dropped,
            )
        )
        complete = self._trainer.complete
        left = self.deadline.remaining_seconds()
        self._ctx.events.emit(
            Event(
                kind="candidate",
                stage="tuning",
                message=f"{found.key} {learner}: {attempt.dropped or f'{found.score:.5g}'}",
                facts={
                    "key": found.key,
                    "score": found.score,
                    "loss": loss,
                    "seconds": found.seconds,
                    "best": complete[0].candidate.score if complete else None,
                    "left": format_seconds(left) if math.isfinite(left) else None,
                },
            )
        )


def _state(attempt: Attempt) -> Any:
    if not attempt.dropped:
        return "complete"
    return "pruned" if math.isfinite(attempt.first_loss) else "failed"


def _deadline(options: TuningOptions, ctx: StageContext) -> Deadline:
    own = Deadline.after(options.budget_seconds, ctx.clock)
    return own if own.remaining_seconds() < ctx.deadline.remaining_seconds() else ctx.deadline
