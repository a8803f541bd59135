"""From chosen candidates to members that can be served: fold models averaged, or one fit on all development rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import numpy.typing as npt

from tenfold.bundle.member import Member as ServedMember
from tenfold.bundle.predictors.protocols import Predictor
from tenfold.bundle.predictors.table import predictor_from_files
from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import StageContext
from tenfold.foundation.events import Event
from tenfold.records.model import Candidate, FitDecision, Member
from tenfold.stages.training.bench import ALL_ROWS, Bench, lay_out_views
from tenfold.stages.training.ensemble import Blend
from tenfold.stages.training.fitting import FoldTask, fit_folds, model_seed
from tenfold.stages.training.learners import learner_called
from tenfold.stages.training.references import CONSTANT, constant_member
from tenfold.stages.training.scored import Scored

Values = npt.NDArray[np.float64]

MOST_MERGED_BYTES, MOST_MERGED_TREES = 10_000_000, 3_000
"""Fold models larger than this together are replaced by one fit on all rows: a row must walk down every tree."""

_LEAST_CLOSING_SECONDS, _SECONDS_PER_TREE, _SECONDS_PER_CELL = 0.1, 3e-4, 5e-8

_ENOUGH = 0.7
"""A refit that the deadline stopped before this part of its rounds is worse than the models of the folds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """The finished ensemble.

    Attributes
    ----------
    members : tuple of Member
        Keys and weights, adding up to one, heaviest first.
    candidates : tuple of Candidate
        The members' candidates (from ``Trainer.assemble`` all) with the decisions of their last fits.
    files : mapping
        ``<key>/...`` of each member.
    oof : ndarray of shape (n_rows, n_outputs)
        Out-of-fold predictions of the ensemble; NaN where a row was not predicted.
    score : float
        The main metric of these; set by ``Trainer.assemble``.
    """

    members: tuple[Member, ...]
    candidates: tuple[Candidate, ...]
    files: Mapping[str, bytes]
    oof: Values
    score: float = math.nan


def merges(bench: Bench, scored: Scored) -> bool:
    """Whether the models of the folds can be averaged: all are there, together they saw every row, and are small."""
    if learner_called(scored.candidate.learner).merge is None or not bench.merges or len(scored.folds) < bench.folds:
        return False
    if trees_of(bench, scored) > MOST_MERGED_TREES:
        return False
    return sum(len(content) for model in scored.folds.values() for content in model.values()) <= MOST_MERGED_BYTES


def trees_of(bench: Bench, scored: Scored) -> int:
    """Return how many trees the models of a boosted candidate's folds have together."""
    rounds = sum(decision.iterations for decision in scored.candidate.fits)
    return rounds * (bench.outputs if bench.task == "multiclass" else 1)


def finishing_seconds(bench: Bench, chosen: Sequence[Scored], workers: int) -> float:
    """Return a guess at the wall time of finishing these candidates, from what their folds took."""
    refits = sorted(
        (bench.growth * _growth(bench, one) * one.fold_seconds for one in chosen if not merges(bench, one)),
        reverse=True,
    )
    lanes = [0.0] * max(1, min(workers, len(refits)))
    for seconds in refits:
        lanes[lanes.index(min(lanes))] += seconds
    return max(lanes) + closing_seconds(bench, chosen)


def closing_seconds(bench: Bench, chosen: Sequence[Scored]) -> float:
    """Return a guess at the time that is needed after the last fit: to check and write trees and predictions."""
    boosted = [one for one in chosen if learner_called(one.candidate.learner).merge is not None]
    trees = sum(trees_of(bench, one) / (1 if merges(bench, one) else one.finished) for one in boosted)
    return _LEAST_CLOSING_SECONDS + _SECONDS_PER_TREE * trees + _SECONDS_PER_CELL * bench.rows * bench.outputs


def finish(bench: Bench, blend: Blend, pool: Mapping[str, Scored], ctx: StageContext, deadline: Deadline) -> Assembled:
    """Make the members of a blend; one that cannot be made in time is left out, and the others share its weight."""
    if CONSTANT in blend.weights:
        return _only_constant(bench, pool)
    deadline = deadline.less(closing_seconds(bench, [pool[key] for key in blend.weights]))
    learners = {key: learner_called(pool[key].candidate.learner) for key in blend.weights}
    lay_out_views(bench, [(learner.view, ALL_ROWS) for learner in learners.values()], ctx, deadline)
    ready = [key for key in blend.weights if bench.ready(learners[key].view, ALL_ROWS)]
    refitted = _refit(bench, [pool[key] for key in ready if not merges(bench, pool[key])], ctx, deadline)
    made: dict[str, tuple[Predictor, Candidate]] = {}
    for key in ready:
        if key in refitted:
            made[key] = refitted[key]
        elif pool[key].folds:
            # Models of the folds, fewer than all of them when time ran out, still stand for the candidate.
            models = list(pool[key].folds.values())
            made[key] = _average(pool[key].candidate.learner, models), _row_cost(pool[key], len(models))
        else:
            ctx.events.emit(Event(kind="warning", message=f"'{key}' was left out: no time to fit it on all rows"))
    if not made:
        return _only_constant(bench, pool)
    whole = sum(blend.weights[key] for key in made)
    weights = {key: blend.weights[key] / whole for key in sorted(made, key=lambda key: (-blend.weights[key], key))}
    views = {view: bench.fitted_view(view) for view in {learners[key].view for key in made}}
    files: dict[str, bytes] = {}
    for key, weight in weights.items():
        view = learners[key].view
        files.update(
            _files(ServedMember(key=key, weight=weight, view_name=view, view=views[view], predictor=made[key][0]))
        )
    return Assembled(
        members=tuple(Member(key=key, weight=weight) for key, weight in weights.items()),
        candidates=tuple(made[key][1] for key in weights),
        files=files,
        oof=blended(bench, weights, pool),
    )


def rebuild_members(
    bench: Bench, candidates: Mapping[str, Candidate], members: Sequence[Member], ctx: StageContext
) -> dict[str, bytes]:
    """Make the members again from the decisions on record; no clock is looked at."""
    if any(member.key == CONSTANT for member in members):
        return _files(constant_member(bench))
    learners = {member.key: learner_called(candidates[member.key].learner) for member in members}
    tasks = [
        FoldTask(
            bench=bench,
            key=member.key,
            learner=candidates[member.key].learner,
            params=candidates[member.key].params,
            fold=decision.fold,
            seed=decision.seed,
            iterations=decision.iterations,
        )
        for member in members
        for decision in _deciding(candidates[member.key])
    ]
    lay_out_views(bench, [(learners[task.key].view, task.fold) for task in tasks], ctx)
    lay_out_views(bench, [(learner.view, ALL_ROWS) for learner in learners.values()], ctx)
    fits = fit_folds(tasks, ctx, None)
    files: dict[str, bytes] = {}
    for member in members:
        models = [fits[index] for index, task in enumerate(tasks) if task.key == member.key]
        if models[0].fold == ALL_ROWS:
            predictor = predictor_from_files(models[0].kind, models[0].files)
        else:
            predictor = _average(candidates[member.key].learner, [model.files for model in models])
        view = learners[member.key].view
        files.update(
            _files(
                ServedMember(
                    key=member.key,
                    weight=member.weight,
                    view_name=view,
                    view=bench.fitted_view(view),
                    predictor=predictor,
                )
            )
        )
    return files


def blended(bench: Bench, weights: Mapping[str, float], pool: Mapping[str, Scored]) -> Values:
    """Return the ensemble's predictions for every row of the table; NaN where a member has none out of fold."""
    folds = common_folds([pool[key] for key in weights])
    oof = np.full((bench.rows, bench.outputs), np.nan)
    rows = bench.held_rows(folds)
    predictions = sum((weight * pool[key].predictions(folds) for key, weight in weights.items()), np.zeros(()))
    if not bench.repeats:
        oof[rows] = predictions
        return oof
    # A row that is held out in several repeats has as many predictions, of models that did not see it: their mean.
    sums = np.zeros_like(oof)
    np.add.at(sums, rows, predictions)
    held = np.bincount(rows, minlength=bench.rows)
    oof[held > 0] = sums[held > 0] / held[held > 0, None]
    return oof


def common_folds(chosen: Sequence[Scored]) -> list[int]:
    """Return the folds that all of these finished."""
    return sorted(set.intersection(*(set(one.held) for one in chosen)))


def _deciding(candidate: Candidate) -> tuple[FitDecision, ...]:
    """Return the fits that the member was made of: the one on all rows where there was one, else the folds'."""
    last = tuple(decision for decision in candidate.fits if decision.fold == ALL_ROWS)
    return last or candidate.fits


def _refit(
    bench: Bench, chosen: Sequence[Scored], ctx: StageContext, deadline: Deadline
) -> dict[str, tuple[Predictor, Candidate]]:
    """Fit candidates on all development rows; those that were not finished are missing from the result."""
    tasks = [
        FoldTask(
            bench=bench,
            key=one.key,
            learner=one.candidate.learner,
            params=one.candidate.params,
            fold=ALL_ROWS,
            seed=model_seed(bench, one.key, ALL_ROWS),
            iterations=max(1, round(_growth(bench, one) * median(fit.iterations for fit in one.candidate.fits))),
            deadline=deadline,
        )
        for one in chosen
    ]
    made = {}
    for index, fit in fit_folds(tasks, ctx, deadline).items():
        one, wanted = chosen[index], tasks[index].iterations or 1
        if fit.failed or (one.folds and fit.iterations < _ENOUGH * wanted):
            continue
        decision = FitDecision(fold=ALL_ROWS, iterations=fit.iterations, seed=fit.seed)
        candidate = replace(one.candidate, fits=(*one.candidate.fits, decision), row_cpu_us=fit.row_cpu_us)
        made[one.key] = predictor_from_files(fit.kind, fit.files), candidate
    return made


def _growth(bench: Bench, scored: Scored) -> float:
    """Return how many rounds to make on all rows for one that was best in a fold: more rows bear some more rounds."""
    if learner_called(scored.candidate.learner).merge is None:
        return 1.0
    return 1.0 + 0.5 * (bench.growth - 1.0)


def _average(learner: str, models: Sequence[Mapping[str, bytes]]) -> Predictor:
    merge = learner_called(learner).merge
    assert merge is not None
    return merge(models)


def _row_cost(one: Scored, models: int) -> Candidate:
    """Return the candidate with the cost of a row for as many models as were averaged."""
    cost = one.candidate.row_cpu_us
    return replace(one.candidate, row_cpu_us=None if cost is None else cost * models)


def _files(served: ServedMember) -> dict[str, bytes]:
    return {f"{served.key}/{name}": content for name, content in served.files().items()}


def _only_constant(bench: Bench, pool: Mapping[str, Scored]) -> Assembled:
    return Assembled(
        members=(Member(key=CONSTANT, weight=1.0),),
        candidates=(pool[CONSTANT].candidate,),
        files=_files(constant_member(bench)),
        oof=blended(bench, {CONSTANT: 1.0}, pool),
    )
