"""The trainer: scores what it is given, remembers all of it, and makes the final ensemble."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import StageContext
from tenfold.foundation.events import Event
from tenfold.foundation.memory import give_back
from tenfold.foundation.serial import from_json
from tenfold.records.model import Candidate
from tenfold.stages.training.bench import ALL_ROWS, Bench, Inputs, lay_out_views, read_columns, set_up
from tenfold.stages.training.convergence.actions import Convergence
from tenfold.stages.training.convergence.told import alarming, sentences
from tenfold.stages.training.ensemble import MOST_MEMBERS, Blend, choose_blend
from tenfold.stages.training.fidelity import Part, part_of
from tenfold.stages.training.finish import Assembled, common_folds, finish, finishing_seconds, merges
from tenfold.stages.training.fitting import Keep, Limits, score_proposals
from tenfold.stages.training.judging import Yardstick
from tenfold.stages.training.leaderboard import leaderboard
from tenfold.stages.training.learners import REFERENCES, learner_called
from tenfold.stages.training.optimism import Corrected, Values, correct, row_losses
from tenfold.stages.training.references import CONSTANT, references
from tenfold.stages.training.scored import Files, Scored, content, read_scored
from tenfold.stages.training.serving_cost import broken, limits_of, measure_view, together
from tenfold.stages.training.unread import together_unread

CONVERGENCE_FILE = "convergence.json"
"""In the payload of training: what was asked of the rules, for whoever goes on from its candidates."""

_BLENDED = 16
"""Among how many of the best candidates an ensemble is looked for."""

_KEPT_MODELS = 6
"""Of how many of the best candidates the folds' models are kept for averaging."""

_CELLS_CORRECTED = 400_000
"""Rows times candidates that are looked at to correct the best score; on many rows only the best few come near it."""

_FEWEST_CORRECTED = 16


class Trainer:
    """Fits and scores candidates on the folds of one plan.

    Attributes
    ----------
    bench : Bench
        The development rows.
    pool : dict of Scored by key
        Every candidate so far, references included.
    """

    def __init__(
        self, bench: Bench, ctx: StageContext, known: Sequence[Scored], convergence: Convergence | None = None
    ):
        self.bench = bench
        self._convergence = convergence or Convergence()
        self.pool: dict[str, Scored] = {scored.key: scored for scored in known}
        self._ctx = ctx
        self._blend: Blend | None = None
        self._limits = limits_of(bench.problem)
        self._view_costs: dict[str, Mapping[str, float]] = {}
        self._members = MOST_MEMBERS
        self._parted: set[str] = set()

    def alone(self) -> None:
        """Let one model serve alone from now on: an average of models that can be read cannot."""
        self._members = 1

    def watch_by(self, convergence: Convergence) -> None:
        """Let these settings of the rules hold from now on."""
        self._convergence = convergence

    def findings(self) -> tuple[str, ...]:
        """Return what rules found in all fits, one sentence for each rule, the models that serve first."""
        listed = sorted(self.pool.values(), key=lambda one: (bool(one.dropped), one.candidate.loss, one.key))
        return sentences([(one.key, one.candidate.convergence) for one in listed], self.blend().weights)

    def _tell_findings(self, scored: Sequence[Scored]) -> None:
        for one in scored:
            for each in alarming(one.candidate.convergence):
                self._ctx.events.emit(
                    Event(
                        kind="note",
                        message=f"{one.key}: {each.rule} at iteration {each.iteration}: {each.message}",
                        facts={"key": one.key, "rule": each.rule, "iteration": each.iteration, "action": each.action},
                    )
                )

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
        shares: Mapping[str, float] | None = None,
        by_rows: bool = False,
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
        shares : mapping of str to float, optional
            By key, the share of a whole fit that a candidate gets, on the first fold alone; those not named get a
            whole fit of each fold. One that had a smaller share before goes on from there, where its learner can.
        by_rows : bool
            Whether that is a share of the rows; else of the iterations.
        """
        saved = self._ctx.checkpoint.load(name)
        if saved is None:
            proposals = [replace(each, view=learner_called(each.learner).view) for each in proposals]
            limits = Limits(
                folds=folds,
                share=share,
                deadline=deadline or Deadline(),
                bars=bars,
                parts=self._parts(proposals, shares or {}, by_rows=by_rows),
                measured=bool(self._limits),
                convergence=self._convergence,
            )
            scored = score_proposals(self.bench, proposals, limits, keep, self._ctx)
            scored = [self._within_limits(one) for one in scored]
            self._ctx.checkpoint.save(name, together_unread(one.files() for one in scored))
        else:
            scored = read_scored(saved)
        self.pool.update({one.key: one for one in scored})
        self._parted.update(key for key, part in (shares or {}).items() if part < 1.0)
        self._tell_findings(scored)
        self._blend = None
        self._forget_models()
        give_back()
        return scored

    def _parts(self, proposals: Sequence[Candidate], shares: Mapping[str, float], *, by_rows: bool) -> dict[str, Part]:
        """Return what part of a fit each proposal gets that has a share; a boosted one goes on from its last part."""
        parts: dict[str, Part] = {}
        for each in proposals:
            if shares.get(each.key, 1.0) >= 1.0:
                continue
            part = part_of(each.learner, each.params, shares[each.key], rows=by_rows)
            before = self.pool.get(each.key)
            if not by_rows and each.learner == "lightgbm" and before is not None and 0 in before.folds:
                part = replace(part, start=dict(before.folds[0]))
            parts[each.key] = part
        return parts

    def _within_limits(self, one: Scored) -> Scored:
        """Return the candidate with what it would cost where it serves, out of the race when that is too much."""
        if not self._limits or not one.measured:
            return one
        models = float(len(one.held)) if merges(self.bench, one) else self.bench.growth
        model = {name: value * models for name, value in one.measured.items()}
        measured = together([model, self._view_cost(one)])
        limit = broken(self._limits, measured)
        if limit is None or (one.dropped and not one.held):
            return replace(one, measured=measured)
        why = f"requirement {limit.requirement}: {limit.metric} is {measured[limit.metric]:.3g}, at most {limit.most:g}"
        return replace(one, measured=measured, rejected=limit.requirement, dropped=why)

    def _view_cost(self, one: Scored) -> Mapping[str, float]:
        view = learner_called(one.candidate.learner).view
        if view not in self._view_costs:
            lay_out_views(self.bench, [(view, ALL_ROWS)], self._ctx)
            rows = read_columns(self.bench, [view]).head(_FEWEST_CORRECTED).to_dicts()
            self._view_costs[view] = measure_view(self.bench.fitted_view(view), rows)
        return self._view_costs[view]

    def correct(self, deadline: Deadline) -> Corrected:
        """Return the score of the selection without its luck: see `tenfold.stages.training.optimism`."""
        most = max(_FEWEST_CORRECTED, _CELLS_CORRECTED // max(self.bench.development, 1))
        known = [one for one in self.complete[:most] if len(one.held) > 0]
        if not known:
            return Corrected()
        folds = common_folds(known)
        measure = self.bench.yardstick(folds)
        predictions = {one.key: measure.averaged(one.predictions(folds)) for one in known}
        losses = {
            key: row_losses(measure.name, self.bench.task, measure.truth, values, measure.ceiling)
            for key, values in predictions.items()
        }

        def score(rows: npt.NDArray[np.int64], outputs: Values) -> float | None:
            value, objection = measure.of(rows).score(outputs)
            return None if objection else value

        return correct(
            predictions,
            losses,
            loss=lambda rows: measure.of(rows).loss,
            score=score,
            ranks=(measure.ranks, measure.truth == 1) if measure.ranks else None,
            measures=self._measuring(folds, measure),
            rng=np.random.default_rng([self.bench.seed, 5]),
            deadline=deadline,
        )

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

    def _measuring(self, folds: Sequence[int], measure: Yardstick) -> npt.NDArray[np.bool_] | None:
        """Return which held-out rows did not decide who stays in the race: candidates are dropped on the first fold."""
        raced = any(one.dropped and one.finished for one in self.pool.values())
        if not raced or len(folds) < 2:
            return None
        flags = np.concatenate([np.full(len(self.bench.row_numbers(fold)[1]), fold != 0) for fold in folds])
        if measure.places is None:
            return flags
        # Rows that are measured several times stand once: out is a row that decided in any of them.
        distinct = np.ones(len(measure.truth), dtype=np.bool_)
        distinct[measure.places[~flags]] = False
        return distinct

    def _choose_blend(self) -> Blend:
        chosen = self.complete[:_BLENDED]
        if not chosen:
            chosen = self._unfinished()[:1]
        if not chosen:
            return Blend(weights={CONSTANT: 1.0}, loss=self.pool[CONSTANT].candidate.loss)
        folds = common_folds(chosen)
        oof = {one.key: one.predictions(folds) for one in chosen}
        # Members answer one after the other, and each is within the limits: alone the best one always is.
        for most in range(self._members, 0, -1):
            blend = choose_blend(oof, self.bench.yardstick(folds).loss, most=most)
            if not broken(self._limits, together(self.pool[key].measured for key in blend.weights)):
                break
        return blend

    def _unfinished(self) -> list[Scored]:
        """Return the models that finished a fold at least and may serve, best first."""
        found = [
            one
            for one in self.pool.values()
            if one.finished and one.candidate.origin != "reference" and not one.rejected
        ]
        return sorted(found, key=lambda one: (one.candidate.loss, one.key))

    def _forget_models(self) -> None:
        """Drop the folds' models of all but the best: a member without them is fitted again on all rows.

        Of the best that cannot be averaged one model is kept, should there be no time to fit them again; so is what a
        trial that had a part of a fit goes on from.
        """
        best = [one.key for one in self.complete[:_KEPT_MODELS]] or [one.key for one in self._unfinished()[:1]]
        for key, one in self.pool.items():
            if not one.folds or key in self._parted:
                continue
            kept = one.folds if merges(self.bench, one) else dict(list(one.folds.items())[:1])
            self.pool[key] = replace(one, folds=kept if key in best else {})


@contextmanager
def open_trainer(inputs: Inputs, known: Files, ctx: StageContext) -> Iterator[Trainer]:
    """Set up the development rows in a scratch folder, with the candidates that ``known`` files hold."""
    with TemporaryDirectory(prefix="tenfold-training-") as scratch:
        bench = set_up(inputs, Path(scratch), ctx.seed)
        asked = known.get(CONVERGENCE_FILE)
        convergence = None if asked is None else from_json(Convergence, content(asked))
        yield Trainer(bench, ctx, [*references(bench), *read_scored(known)], convergence)
