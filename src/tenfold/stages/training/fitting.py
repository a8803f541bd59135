"""Fits of many candidates on many folds, in parallel, each within its time; and what comes of them."""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tenfold.bundle.predictors.protocols import Predictor
from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import CallLost, StageContext
from tenfold.foundation.fingerprint import fingerprint
from tenfold.foundation.stopwatch import Stopwatch
from tenfold.measures.choice import training_loss
from tenfold.records.model import Candidate, ConvergenceFinding, FitDecision, LearningCurve
from tenfold.stages.training.bench import ALL_ROWS, Bench, lay_out_views
from tenfold.stages.training.convergence.actions import Convergence
from tenfold.stages.training.convergence.told import merged_findings
from tenfold.stages.training.fidelity import WHOLE, Part
from tenfold.stages.training.learners import learner_called
from tenfold.stages.training.protocols import Fit, FitFailed, Rows
from tenfold.stages.training.scored import Scored
from tenfold.stages.training.serving_cost import measure_model
from tenfold.stages.training.stopping import fitter

_LOG = logging.getLogger("tenfold.training")
Values = npt.NDArray[np.float64]
_ROWS_TIMED = 10
_LEAST_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldTask:
    """One candidate to be fitted on one fold, by a worker.

    ``seconds`` bounds the fit from the moment it begins; ``deadline`` is the moment when it must be over.
    """

    bench: Bench
    key: str
    learner: str
    params: Mapping[str, object]
    fold: int
    seed: int
    iterations: int | None = None
    seconds: float | None = None
    deadline: Deadline = field(default_factory=Deadline)
    bars: tuple[float, ...] = ()
    part: Part = WHOLE
    measured: bool = False
    convergence: Convergence = field(default_factory=Convergence)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldFit:
    """What a worker sends back.

    ``predictions`` are for the held-out rows of the fold; ``kind`` and ``files`` hold the model, where it can be merged
    or was fitted on all rows. ``failed`` says why there is no model.
    """

    key: str
    fold: int
    iterations: int
    seed: int
    seconds: float
    predictions: Values
    kind: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    curve: tuple[float, ...] = ()
    gave_up: bool = False
    row_cpu_us: float | None = None
    failed: str = ""
    made: int = 0
    measured: Mapping[str, float] = field(default_factory=dict)
    learning: LearningCurve | None = None
    findings: tuple[ConvergenceFinding, ...] = ()


Keep = Callable[[Candidate, float, float], int]
"""Asked after a candidate's first fold, with its seconds and loss there: how many folds in all? 0 drops it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far fits may go.

    Attributes
    ----------
    folds : int
        How many folds each candidate will have if it stays in the race.
    share : float or None
        The part of the time until the deadline that all fits together may take; None does not limit them.
    deadline : Deadline
        When everything must be over; fits that are not are abandoned.
    bars : tuple of float
        Held-out losses on the first fold that a boosted candidate must reach at each level of progress.
    parts : mapping of str to Part
        Candidates whose first fold is fitted in part only; they have no further fold.
    measured : bool
        Whether the time of a row and the size of each model are measured.
    convergence : Convergence
        What the rules do that watch the fits.
    """

    folds: int
    share: float | None = None
    deadline: Deadline = field(default_factory=Deadline)
    bars: tuple[float, ...] = ()
    parts: Mapping[str, Part] = field(default_factory=dict)
    measured: bool = False
    convergence: Convergence = field(default_factory=Convergence)

    def fit_seconds(self, fits: int, workers: int) -> float | None:
        """Return how long one fit may take, beginning now, when so many are to come."""
        left = self.deadline.remaining_seconds()
        if self.share is None or math.isinf(left):
            return None
        waves = math.ceil(fits / workers)
        return max(_LEAST_SECONDS, left * self.share / waves)


def proposal(key: str, learner: str, params: Mapping[str, object], *, search: bool = False) -> Candidate:
    """Return a candidate that waits to be scored."""
    return Candidate(
        key=key,
        learner=learner,
        params=dict(params),
        view=learner_called(learner).view,
        loss=math.inf,
        score=math.nan,
        origin="search" if search else "portfolio",
    )


def score_proposals(
    bench: Bench, proposals: Sequence[Candidate], limits: Limits, keep: Keep, ctx: StageContext
) -> list[Scored]:
    """Fit every proposal on its first fold, ask how many folds it may have, and fit those.

    The result has the order of the proposals and does not depend on the order in which fits end.
    """
    opening = [(place, 0) for place in range(len(proposals))]
    first = _fit(bench, opening, proposals, limits, ctx, to_come=len(proposals) * limits.folds)
    wanted = {
        place: 0
        if proposals[place].key in limits.parts
        else _folds(bench, limits, keep(proposals[place], fit.seconds, bench.yardstick([0]).loss(fit.predictions)))
        for (place, _), fit in sorted(first.items(), key=lambda entry: entry[0])
        if not fit.failed and not fit.gave_up
    }
    others = [(place, fold) for place, folds in wanted.items() for fold in range(1, folds)]
    rest = _fit(bench, others, proposals, replace(limits, bars=()), ctx, to_come=len(others))
    fits = {**first, **rest}
    return [
        _scored(bench, candidate, [fits[at] for at in sorted(fits) if at[0] == place], wanted.get(place, 0))
        for place, candidate in enumerate(proposals)
    ]


def _folds(bench: Bench, limits: Limits, kept: int) -> int:
    """Return how many folds a candidate may have; one row alone is no reason to leave the race."""
    return kept if kept or not bench.single else limits.folds


def fit_folds(tasks: Sequence[FoldTask], ctx: StageContext, deadline: Deadline | None) -> dict[int, FoldFit]:
    """Make fits in parallel; those that the deadline cuts off are missing from the result.

    A fit in which worker processes die again and again has failed, as one that cannot be fitted: it may want more
    memory than there is.
    """
    fits: dict[int, FoldFit] = {}
    places = list(range(len(tasks)))
    while places:
        try:
            for index, fit in ctx.map(fit_fold, [tasks[place] for place in places], deadline=deadline):
                fits[places[index]] = fit
        except CallLost as lost:
            fits[places[lost.index]] = _failed(tasks[places[lost.index]], str(lost), 0.0)
            places = [place for place in places if place not in fits]
        else:
            break
    return fits


def fit_fold(task: FoldTask) -> FoldFit:
    """Make one fit; runs in a worker.

    A learner is the door to somebody else's library, and what comes through it in one candidate must not cost a run the
    models that it has: an error nobody foresaw fails the candidate, with its kind and place told, and no other.
    """
    watch = Stopwatch()
    learner = learner_called(task.learner)
    train, categorical = task.bench.train(learner.view, task.fold)
    train = _some(train, task)
    held = None if task.fold == ALL_ROWS else task.bench.held(learner.view, task.fold)
    limit = Deadline.after(task.seconds, task.deadline.clock)
    if task.deadline.remaining_seconds() < limit.remaining_seconds():
        limit = task.deadline
    asked = Fit(
        train=train,
        held=held,
        categorical=categorical,
        task=task.bench.task,
        outputs=task.bench.outputs,
        params=task.params,
        seed=task.seed,
        iterations=task.iterations,
        deadline=limit,
        bars=task.bars,
        most=task.part.iterations,
        start=task.part.start,
        loss=training_loss(task.bench.problem.metric.metric, task.bench.task),
        convergence=task.convergence,
        told=task.bench.told(learner.view),
    )
    try:
        # What overflows becomes a loss or a prediction that is no number, and that is for the rules to find.
        with np.errstate(over="ignore", invalid="ignore"):
            fitted = fitter(learner, single=task.bench.single and held is not None)(asked)
    except FitFailed as error:
        return _failed(task, str(error), watch.wall_seconds(), error.findings)
    except Exception as error:  # noqa: BLE001 - the door to other people's libraries, see above
        _LOG.warning("%s ended with an error nobody foresaw; the search goes on", task.learner, exc_info=error)
        return _failed(task, _unforeseen(error), watch.wall_seconds())
    with np.errstate(over="ignore", invalid="ignore"):
        predictions = np.empty((0, task.bench.outputs)) if held is None else fitted.predictor.predict(held.values)
    if not np.isfinite(predictions).all():
        # One that a rule did not stop: a prediction that is no number can be neither measured nor served.
        return _failed(task, "it predicts what is no number", watch.wall_seconds(), fitted.findings)
    sent = (learner.merge is not None and task.bench.aligned) or task.fold == ALL_ROWS
    return FoldFit(
        key=task.key,
        fold=task.fold,
        iterations=fitted.iterations,
        seed=task.seed,
        predictions=predictions,
        seconds=watch.wall_seconds(),
        kind=fitted.predictor.kind,
        files=fitted.predictor.files() if sent else {},
        curve=fitted.curve,
        gave_up=fitted.gave_up,
        row_cpu_us=_row_cpu_us(fitted.predictor, train.values),
        made=fitted.made,
        measured=measure_model(fitted.predictor, train.values) if task.measured else {},
        learning=fitted.learning,
        findings=fitted.findings,
    )


def _unforeseen(error: Exception) -> str:
    """Return the kind, the text and the place of an error; the same for the same error in any process."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    said = (str(error).splitlines() or [""])[0]
    return f"an error nobody foresaw: {type(error).__name__}: {said} ({Path(place.filename).name}, {place.name})"


def _failed(task: FoldTask, why: str, seconds: float, findings: tuple[ConvergenceFinding, ...] = ()) -> FoldFit:
    return FoldFit(
        key=task.key,
        fold=task.fold,
        iterations=0,
        seed=task.seed,
        seconds=seconds,
        predictions=np.empty((0, task.bench.outputs)),
        failed=why,
        findings=findings,
    )


def _some(train: Rows, task: FoldTask) -> Rows:
    """Return the share of the rows that the task learns from, the same for every candidate: only settings differ."""
    if task.part.rows >= 1.0:
        return train
    count = max(1, round(task.part.rows * len(train.truth)))
    order = np.random.default_rng([task.bench.seed, task.fold + 1]).permutation(len(train.truth))
    chosen = np.sort(order[:count])
    return Rows(
        values=np.asarray(train.values[chosen]),
        truth=train.truth[chosen],
        weight=None if train.weight is None else train.weight[chosen],
    )


def model_seed(bench: Bench, key: str, fold: int) -> int:
    """Return the seed of one fit: it follows from the project's seed, the candidate and the fold."""
    return int(fingerprint(bench.seed, key, fold)[:7], 16)


def _fit(
    bench: Bench,
    places: Sequence[tuple[int, int]],
    proposals: Sequence[Candidate],
    limits: Limits,
    ctx: StageContext,
    *,
    to_come: int,
) -> dict[tuple[int, int], FoldFit]:
    """Return the fits by (place of the proposal, fold), without those that the deadline cut off."""
    lay_out_views(
        bench,
        [(learner_called(proposals[place].learner).view, fold) for place, fold in places],
        ctx,
        limits.deadline,
    )
    ready = [
        (place, fold) for place, fold in places if bench.ready(learner_called(proposals[place].learner).view, fold)
    ]
    seconds = limits.fit_seconds(to_come, ctx.map.workers) if ready else None
    tasks = [
        FoldTask(
            bench=bench,
            key=proposals[place].key,
            learner=proposals[place].learner,
            params=proposals[place].params,
            fold=fold,
            seed=model_seed(bench, proposals[place].key, fold),
            seconds=seconds,
            deadline=limits.deadline,
            bars=limits.bars,
            part=limits.parts.get(proposals[place].key, WHOLE),
            measured=limits.measured,
            convergence=limits.convergence,
        )
        for place, fold in ready
    ]
    return {ready[index]: fit for index, fit in fit_folds(tasks, ctx, limits.deadline).items()}


def _scored(bench: Bench, candidate: Candidate, fits: Sequence[FoldFit], wanted: int) -> Scored:
    """Put the folds of one candidate together."""
    made = [fit for fit in fits if not fit.failed]
    held = {fit.fold: fit.predictions for fit in made}
    unmeasured = ""
    loss, score, note = math.inf, math.nan, next((fit.failed for fit in fits if fit.failed), "")
    if made:
        measure, predictions = bench.yardstick(list(held)), np.concatenate(list(held.values()))
        loss, (score, note) = measure.loss(predictions), measure.score(predictions)
        if not (math.isfinite(loss) and math.isfinite(score)):
            made, held, loss, score, unmeasured = [], {}, math.inf, math.nan, "its loss is no number"
    costs = sorted(fit.row_cpu_us for fit in made if fit.row_cpu_us is not None)
    return Scored(
        candidate=replace(
            candidate,
            loss=loss,
            score=score,
            seconds=sum(fit.seconds for fit in fits),
            row_cpu_us=costs[len(costs) // 2] if costs else None,
            fits=tuple(FitDecision(fold=fit.fold, iterations=fit.iterations, seed=fit.seed) for fit in made),
            note=note,
            curve=made[0].learning if made else None,
            convergence=merged_findings(fits),
        ),
        held=held,
        first_loss=bench.yardstick([0]).loss(held[0]) if 0 in held else math.inf,
        folds={fit.fold: fit.files for fit in made if fit.files},
        curve=made[0].curve if made else (),
        dropped=unmeasured or _dropped(fits, wanted),
        made=sum(fit.made for fit in fits),
        measured=_greatest(made),
    )


def _greatest(made: Sequence[FoldFit]) -> Mapping[str, float]:
    """Return the operational figures of the dearest fold."""
    return {name: max(fit.measured[name] for fit in made) for name in (made[0].measured if made else {})}


def _dropped(fits: Sequence[FoldFit], wanted: int) -> str:
    failed = next((fit.failed for fit in fits if fit.failed), "")
    if failed or not fits:
        return failed or "time"
    if wanted == 0:
        return "race"
    return "" if len(fits) == wanted else "time"


def _row_cpu_us(predictor: Predictor, values: Values) -> float:
    """Return the processor time of one row's prediction, in microseconds; told, never decided upon."""
    row = np.array(values[:1])
    predictor.predict(row)
    watch = Stopwatch()
    for _ in range(_ROWS_TIMED):
        predictor.predict(row)
    return 1e6 * watch.cpu_seconds() / _ROWS_TIMED
