"""The trainer: scores what it is given, remembers all of it, and makes the final ensemble."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import StageContext
from tenfold.records.model import Candidate
from tenfold.stages.training.bench import ALL_ROWS, Bench, Inputs, lay_out_views, set_up
from tenfold.stages.training.ensemble import MOST_MEMBERS, Blend, choose_blend
from tenfold.stages.training.finish import Assembled, common_folds, finish, finishing_seconds, merges
from tenfold.stages.training.fitting import Keep, Limits, score_proposals
from tenfold.stages.training.leaderboard import leaderboard
from tenfold.stages.training.learners import REFERENCES, learner_called
from tenfold.stages.training.references import CONSTANT, references
from tenfold.stages.training.scored import Files, Scored, read_scored

_BLENDED = 16
"""Among how many of the best candidates an ensemble is looked for."""

_KEPT_MODELS = 6
"""Of how many of the best candidates the folds' models are kept for averaging."""


class Trainer:
    """Fits and scores candidates on the folds of one plan.

    Attributes
    ----------
    bench : Bench
        The development rows.
    pool : dict of Scored by key
        Every candidate so far, references included.
    """

    def __init__(self, bench: Bench, ctx: StageContext, known: Sequence[Scored]):
        self.bench = bench
        self.pool: dict[str, Scored] = {scored.key: scored for scored in known}
        self._ctx = ctx
        self._blend: Blend | None = None
        self._members = MOST_MEMBERS

    def alone(self) -> None:
        """Let one model serve alone from now on: an average of models that can be read cannot."""
        self._members = 1

    def fit_and_score(
        self,
        name: str,
        proposals: Sequence[Candidate],
        keep: Keep,
        *,
        folds: int,
        share: float | None = None,
        deadline: Deadline | None = None,
        bars: tuple[float, ...] = (),
    ) -> list[Scored]:
        """Score proposals and remember them; what an interrupted attempt finished under ``name`` is taken over.

        The result is durable when this returns.

        Parameters
        ----------
        keep : callable
            Says after the first fold how many folds a candidate may have.
        folds : int
            How many that usually is.
        share : float or None
            The part of the time until the deadline that all these fits may take.
        deadline : Deadline or None
            When everything must be over.
        bars : tuple of float
            Losses on the first fold above which a boosted candidate gives up, by level of progress.
        """
        saved = self._ctx.checkpoint.load(name)
        if saved is None:
            proposals = [replace(each, view=learner_called(each.learner).view) for each in proposals]
            limits = Limits(folds=folds, share=share, deadline=deadline or Deadline(), bars=bars)
            scored = score_proposals(self.bench, proposals, limits, keep, self._ctx)
            files: dict[str, bytes] = {}
            for one in scored:
                files.update(one.files())
            self._ctx.checkpoint.save(name, files)
        else:
            scored = read_scored(saved)
        self.pool.update({one.key: one for one in scored})
        self._blend = None
        self._forget_models()
        return scored

    def price_of_reading(self) -> str:
        """Return how the one readable model compares with the free choice, on the same out-of-fold rows; else empty."""
        free = next((one for one in self.pool.values() if one.is_reference and one.key not in REFERENCES), None)
        if free is None or free.dropped or not self.complete:
            return ""
        readable, metric = self.complete[0], self.bench.problem.metric.metric
        measure = self.bench.yardstick(folds := common_folds([free, readable]))
        ours, theirs = (measure.score(one.predictions(folds))[0] for one in (readable, free))
        return (
            f"interpretable: '{readable.key}' has {metric} {ours:.4g} out of fold; boosted trees of usual strength "
            f"('{free.key}', not served) have {theirs:.4g}"
        )

    @property
    def complete(self) -> list[Scored]:
        """The models that finished every fold they were given, best first."""
        done = [one for one in self.pool.values() if not one.dropped and one.candidate.origin != "reference"]
        return sorted(done, key=lambda one: (one.candidate.loss, one.key))

    def blend(self) -> Blend:
        """Return the best small ensemble of what is known: of complete models, else of any, else the constant."""
        if self._blend is None:
            self._blend = self._choose_blend()
        return self._blend

    def prepare(self, deadline: Deadline) -> float:
        """Fit the views of the ensemble of now on all development rows, and guess the seconds still to go."""
        chosen = [self.pool[key] for key in self.blend().weights if key != CONSTANT]
        views = {learner_called(one.candidate.learner).view for one in chosen}
        lay_out_views(self.bench, [(view, ALL_ROWS) for view in sorted(views)], self._ctx, deadline)
        return finishing_seconds(self.bench, chosen, self._ctx.map.workers)

    def assemble(self, deadline: Deadline) -> Assembled:
        """Choose the ensemble and make its members."""
        made = finish(self.bench, self.blend(), self.pool, self._ctx, deadline)
        for candidate in made.candidates:
            self.pool[candidate.key] = replace(self.pool[candidate.key], candidate=candidate)
        folds = common_folds([self.pool[member.key] for member in made.members])
        score, _ = self.bench.yardstick(folds).score(made.oof[self.bench.held_rows(folds)])
        return replace(made, candidates=leaderboard(self.bench, self.pool.values(), deadline), score=score)

    def _choose_blend(self) -> Blend:
        chosen = self.complete[:_BLENDED]
        if not chosen:
            unfinished = [one for one in self.pool.values() if one.finished and one.candidate.origin != "reference"]
            chosen = sorted(unfinished, key=lambda one: (one.candidate.loss, one.key))[:1]
        if not chosen:
            return Blend(weights={CONSTANT: 1.0}, loss=self.pool[CONSTANT].candidate.loss)
        folds = common_folds(chosen)
        return choose_blend(
            {one.key: one.predictions(folds) for one in chosen}, self.bench.yardstick(folds).loss, most=self._members
        )

    def _forget_models(self) -> None:
        """Drop the folds' models of all but the best: a member without them is fitted again on all rows."""
        mergeable = [one.key for one in self.complete if merges(self.bench, one)]
        for key in mergeable[_KEPT_MODELS:]:
            self.pool[key] = replace(self.pool[key], folds={})


@contextmanager
def open_trainer(inputs: Inputs, known: Files, ctx: StageContext) -> Iterator[Trainer]:
    """Set up the development rows in a scratch folder, with the candidates that ``known`` files hold."""
    with TemporaryDirectory(prefix="tenfold-training-") as scratch:
        bench = set_up(inputs, Path(scratch), ctx.seed)
        yield Trainer(bench, ctx, [*references(bench), *read_scored(known)])
