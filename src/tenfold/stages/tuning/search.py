"""The search: small batches of trials, as many as the budget allows, with time kept for finishing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import StageContext
from tenfold.foundation.events import Event
from tenfold.foundation.units import format_seconds
from tenfold.records.model import Candidate
from tenfold.records.tuning import Earlier, RungResult, State, Trial
from tenfold.stages.tuning.earlier import EarlierSearch, compare
from tenfold.stages.tuning.methods import FEW_TRIALS, Chosen, choose_method
from tenfold.stages.tuning.options import TuningOptions
from tenfold.stages.tuning.protocols import Attempt, Trainer
from tenfold.stages.tuning.rungs import Asha, Hyperband, Job, Rungs, Whole, affordable
from tenfold.stages.tuning.spaces import Choice, Space, grid_of, space_of, written_space
from tenfold.stages.tuning.study import Asked, Study, StudyPlan, as_proposal, bars

TRIALS_WITHOUT_LIMIT = 60
"""Trials when neither time nor trials are limited."""

JOURNAL = "study.journal"
_CHECKPOINT, _BATCHES = "study", "batches.json"

_BATCH = 2
_FAMILIES = 2
_NEAR = 1.1
"""A second learner is searched too while its best loss is within this factor of the best."""

_SLOWEST_RATE = 0.02
_LAST_BATCH = 0.6
"""The part of a batch for which there must be time: where the deadline cuts it off, its quicker trials count."""
_FIT_SHARE, _BATCH_SHARE = 0.05, 0.5
_FINISH_SLACK, _FINISH_SECONDS = 1.5, 0.3
_CORRECTION_SHARE, _CORRECTION_SECONDS = 0.04, 2.0
_HALVED = 5
"""So many more settings are tried where most get a part of a fit."""


@dataclass(eq=False)
class _UnderWay:
    """A trial, from its first fit to its last."""

    number: int
    study: Study
    asked: Asked
    seconds: float = 0.0
    epochs: int = 0
    rungs: list[RungResult] = field(default_factory=list)
    last: Attempt | None = None
    ended: bool = False


class Search:
    """Asks the studies, has their trials scored, tells them, and keeps the books.

    Parameters
    ----------
    trainer : Trainer
        Who fits.
    facts : mapping
        What training found out: ``folds``, ``usual_seconds``, and ``tried``: candidates that count against a budget in
        trials.
    rows : int
        Development rows.
    earlier : EarlierSearch or None
        A search whose trials are taken over where they lie in this one's space.
    measured_on : mapping of str to str
        Fingerprints of what losses are measured on now, by stage.
    """

    def __init__(
        self,
        trainer: Trainer,
        options: TuningOptions,
        ctx: StageContext,
        *,
        facts: Mapping[str, object],
        rows: int,
        earlier: EarlierSearch | None = None,
        measured_on: Mapping[str, str] | None = None,
    ):
        from tenfold.stages.tuning.journal import History

        self._trainer = trainer
        self._ctx = ctx
        self._options = options
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
        kept = ctx.checkpoint.load(_CHECKPOINT) or {}
        self._sizes: list[int] = json.loads(kept.get(_BATCHES, b"[]"))
        self._history = History(kept.get(JOURNAL))
        self._under_way: dict[int, _UnderWay] = {}
        self._jobs: list[Job] = []
        self._batches = 0
        self._batch_seconds = 0.0
        self._nothing_new = False
        self.stopped = ""
        known = list(trainer.complete)
        spaces = self._spaces(known, rows)
        expected = self._expected(known)
        self.choice = choose_method(
            options.method,
            known=len(known),
            expected=expected,
            points=_listed_points(spaces) if options.space else None,
            lanes=ctx.map.workers if self.timed else 1,
            fit_seconds=self._usual_seconds if self.timed and limited else 0.0,
        )
        self._studies = self._open_studies(spaces, known, few=expected is not None and expected <= FEW_TRIALS)
        self._rungs = self._begin(self.choice.method, expected)
        self.earlier: tuple[Earlier, ...] = (
            () if earlier is None else self._take_over(earlier, earlier.unlike(measured_on or {}))
        )
        self.correction_seconds = self._correction_seconds()

    @property
    def trials(self) -> list[Trial]:
        """Every trial that was asked for, in their order."""
        return [_trial(each) for _, each in sorted(self._under_way.items())]

    @property
    def repeats(self) -> int:
        """Proposals that were tried already, and were not fitted again."""
        return sum(study.repeats for study in self._studies)

    @property
    def space(self) -> Mapping[str, Mapping[str, object]]:
        """Where was searched, by learner and setting."""
        return {
            study.learner: {name: each.described() for name, each in study.space.items()} for study in self._studies
        }

    def goes_on(self) -> bool:
        """Whether another batch is wanted and can be afforded beside the finishing; else ``stopped`` says why."""
        if self._studies and not self._jobs and not self._nothing_new:
            self._jobs = self._next_jobs()
        if not self._studies:
            self.stopped = "no learner that training finished has anything to be tuned"
        elif self._nothing_new:
            self.stopped = f"{len(self._under_way)} trials were made, and the space has nothing else"
        elif not self._jobs:
            self.stopped = f"{len(self._under_way)} trials were made, as many as the budget or the number of rows bears"
        elif self.timed and self.deadline.remaining_seconds() <= self._reserve() + _LAST_BATCH * self._batch_seconds:
            self.stopped = "the time that was left is needed to finish the ensemble"
        return not self.stopped

    def make_batch(self) -> None:
        """Try the next few settings."""
        batch = [(job, each) for job in self._jobs if (each := self._ask(job)) is not None]
        self._jobs = []
        if not batch:
            return
        proposals = [as_proposal(each.study.learner, each.number, each.asked.params) for _, each in batch]
        whole = {proposal.key: each for proposal, (_, each) in zip(proposals, batch, strict=True)}
        halving = self.choice.method in ("hyperband", "asha")

        def keep(candidate: Candidate, seconds: float, loss: float) -> int:
            del seconds
            each = whole[candidate.key]
            return 0 if self._folds > 1 and not halving and each.study.prunes(each.asked, loss) else self._folds

        before = self.deadline.remaining_seconds()
        attempts = self._trainer.fit_and_score(
            f"batch-{self._batches:03d}",
            proposals,
            keep,
            folds=self._folds,
            share=_BATCH_SHARE if self.timed else None,
            deadline=self.deadline.less(self._reserve()) if self.timed else None,
            bars=() if halving else bars(self._trainer.complete),
            shares={proposal.key: job.share for proposal, (job, _) in zip(proposals, batch, strict=True)},
            by_rows=self._options.fidelity == "rows",
        )
        self._batches += 1
        if math.isfinite(before):
            self._batch_seconds = max(0.7 * self._batch_seconds, before - self.deadline.remaining_seconds())
        found = {attempt.candidate.key: attempt for attempt in attempts}
        for proposal, (job, each) in zip(proposals, batch, strict=True):
            self._take(job, each, found.get(proposal.key))
        if len(self._sizes) < self._batches:
            self._sizes.append(len(batch))
            self._save()

    def close(self) -> bytes:
        """End what is still under way, and return the journal: trials that did not reach the last rung are pruned."""
        for each in self._under_way.values():
            if not each.ended and each.last is not None:
                self._end(each, each.last)
        self._save()
        return self._history.content()

    def correction_deadline(self) -> Deadline:
        """Return when the correction of the best score must be over."""
        if not self.timed or self.deadline.at_seconds is None:
            return Deadline()
        return Deadline.after(self.correction_seconds, self._ctx.clock)

    def _spaces(self, known: Sequence[Attempt], rows: int) -> dict[str, Space]:
        """Return the person's spaces; else our own, of each of the best learners that has one."""
        if self._options.space:
            return {learner: written_space(self._options.space, learner) for learner in self._options.space}
        found: dict[str, Space] = {}
        best = known[0].candidate.loss if known else math.inf
        for attempt in known:
            learner = attempt.candidate.learner
            space = space_of(learner, rows, self._slowest_rate())
            if space and learner not in found and attempt.candidate.loss <= _NEAR * best and len(found) < _FAMILIES:
                found[learner] = space
        return found

    def _open_studies(self, spaces: Mapping[str, Space], known: Sequence[Attempt], *, few: bool) -> list[Study]:
        method = self.choice.method
        own = not self._options.space
        learners = list(spaces)
        if own and method in ("hyperband", "asha"):
            # Learners are not comparable after a part of a fit.
            learners = learners[:1]
        return [
            Study(
                StudyPlan(
                    learner=learner,
                    space=spaces[learner],
                    method=method,
                    seed=self._ctx.seed + place,
                    own=own,
                    few=few,
                ),
                self._history,
                [attempt for attempt in known if attempt.candidate.learner == learner],
            )
            for place, learner in enumerate(learners)
        ]

    def _begin(self, method: Chosen, expected: int | None) -> Rungs:
        if method not in ("hyperband", "asha"):
            if method == "grid" and self.timed:
                self._most = sum(study.points or 0 for study in self._studies)
            return Whole()
        if self.timed:
            self._most *= _HALVED
        fits = math.inf if not self.timed or expected is None else float(expected)
        longest = affordable(fits, self._most)
        return Hyperband(longest=longest) if method == "hyperband" else Asha(longest=longest)

    def _take_over(self, earlier: EarlierSearch, unlike: str) -> tuple[Earlier, ...]:
        compared = compare(earlier, {study.learner: (study.space, study.fixed) for study in self._studies}, unlike)
        for study in self._studies:
            taken = [each for each in compared if each.taken and each.learner == study.learner]
            if study.begun or not taken:
                continue
            for each in taken:
                assert each.loss is not None
                study.take_over(each.params, each.loss, earlier.run)
            # Its model is not kept: the best is made again, first of all, so that it can be served.
            study.begin_with(min(taken, key=lambda each: (each.loss or 0.0, each.number)).params)
        return compared

    def _next_jobs(self) -> list[Job]:
        size = self._sizes[self._batches] if self._batches < len(self._sizes) else self._batch_size()
        return self._rungs.next_jobs(size, self._most)

    def _ask(self, job: Job) -> _UnderWay | None:
        """Return the trial of a job; None when no study has anything new for it."""
        if job.number in self._under_way:
            return self._under_way[job.number]
        for study in self._in_turn(job.number):
            asked = study.ask(job.number)
            if asked is not None:
                each = _UnderWay(number=job.number, study=study, asked=asked)
                self._under_way[job.number] = each
                return each
        self._nothing_new = True
        self._rungs.tell(job, math.inf)
        return None

    def _in_turn(self, number: int) -> list[Study]:
        """Return the studies, the one whose turn it is first: two of three batches go to the best learner."""
        count = len(self._studies)
        turn = number % count if self._options.space else number // _BATCH % (_FAMILIES + 1) // _FAMILIES % count
        return self._studies[turn:] + self._studies[:turn]

    def _take(self, job: Job, each: _UnderWay, attempt: Attempt | None) -> None:
        """Write down what came of a job."""
        if attempt is None:
            # An interrupted batch was made of other trials, when there were other workers.
            self._rungs.tell(job, math.inf)
            return
        each.last = attempt
        each.seconds += attempt.candidate.seconds
        each.epochs += attempt.made
        loss = attempt.candidate.loss if job.share >= 1.0 and not attempt.dropped else attempt.first_loss
        if self.choice.method in ("hyperband", "asha"):
            each.study.report(each.asked, attempt.first_loss, round(100 * job.share))
            told = attempt.first_loss if math.isfinite(attempt.first_loss) else None
            each.rungs.append(RungResult(share=job.share, iterations=attempt.made, loss=told))
        self._rungs.tell(job, math.inf if attempt.rejected else attempt.first_loss)
        if job.share >= 1.0 or attempt.rejected or not math.isfinite(attempt.first_loss):
            self._end(each, attempt)
        self._emit(each.study.learner, attempt, loss, job.share)

    def _end(self, each: _UnderWay, attempt: Attempt) -> None:
        each.study.tell(each.asked, attempt)
        each.ended = True

    def _save(self) -> None:
        content = {JOURNAL: self._history.content(), _BATCHES: json.dumps(self._sizes).encode()}
        self._ctx.checkpoint.save(_CHECKPOINT, content)

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

    def _correction_seconds(self) -> float:
        left = self.deadline.remaining_seconds()
        if not self._options.correct:
            return 0.0
        return min(_CORRECTION_SECONDS, _CORRECTION_SHARE * left) if math.isfinite(left) else 0.0

    def _reserve(self) -> float:
        """Return the seconds to keep for finishing the ensemble."""
        return _FINISH_SLACK * self._trainer.prepare(self.deadline) + _FINISH_SECONDS + self.correction_seconds

    def _emit(self, learner: str, attempt: Attempt, loss: float, share: float) -> None:
        found = attempt.candidate
        complete = self._trainer.complete
        left = self.deadline.remaining_seconds()
        came = f"{found.score:.5g}" if not attempt.dropped else attempt.dropped
        if share < 1.0 and not attempt.rejected and math.isfinite(loss):
            came = f"loss {loss:.5g} after {share:.0%} of a fit"
        self._ctx.events.emit(
            Event(
                kind="candidate",
                stage="tuning",
                message=f"{found.key} {learner}: {came}",
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


def _trial(each: _UnderWay) -> Trial:
    """Return a trial as the record has it."""
    attempt = each.last
    if attempt is None:
        return Trial(
            number=each.number,
            learner=each.study.learner,
            params=each.asked.params,
            state="failed",
            reason="lost when the search was interrupted",
        )
    found = attempt.candidate
    loss = attempt.first_loss if attempt.dropped else found.loss
    reason = attempt.dropped
    if each.rungs and each.rungs[-1].share < 1.0 and reason == "race":
        reason = f"left the race after {each.rungs[-1].share:.0%} of a fit"
    return Trial(
        number=each.number,
        learner=each.study.learner,
        params=found.params,
        state=_state(attempt),
        loss=loss if math.isfinite(loss) else None,
        seconds=each.seconds,
        iterations=max((decision.iterations for decision in found.fits), default=0),
        reason=reason,
        epochs=each.epochs,
        rungs=tuple(each.rungs),
        requirement=attempt.rejected,
        measured=attempt.measured,
    )


def _state(attempt: Attempt) -> State:
    if attempt.rejected:
        return "rejected"
    if not attempt.dropped:
        return "complete"
    return "pruned" if math.isfinite(attempt.first_loss) else "failed"


def _listed_points(spaces: Mapping[str, Space]) -> int | None:
    """Return how many points spaces of listed values have; None where one has a range."""
    if not all(isinstance(each, Choice) for space in spaces.values() for each in space.values()):
        return None
    return sum(len(grid_of(space)) for space in spaces.values())


def _deadline(options: TuningOptions, ctx: StageContext) -> Deadline:
    own = Deadline.after(options.budget_seconds, ctx.clock)
    return own if own.remaining_seconds() < ctx.deadline.remaining_seconds() else ctx.deadline
