"""The stages in order: what each needs, which gate stands behind it, and its share of the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.engine.code import code_fingerprint
from tenfold.engine.stage import Stage
from tenfold.foundation.clock import Clock, SystemClock
from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.gates.stops import stop_if_broken, stop_if_infeasible, stop_if_leaking
from tenfold.records.dataset import Dataset, Field, Source
from tenfold.records.evaluation import Evaluation
from tenfold.records.features import FeaturePlan
from tenfold.records.model import Candidates
from tenfold.records.problem import Problem
from tenfold.records.tuning import Tuning
from tenfold.records.validation import ValidationPlan
from tenfold.stages.data.options import DataOptions
from tenfold.stages.evaluation.options import EvaluationOptions
from tenfold.stages.features.options import FeatureOptions
from tenfold.stages.problem.options import ProblemOptions
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.tuning.options import TuningOptions
from tenfold.stages.validation.options import ValidationOptions

if TYPE_CHECKING:
    from tenfold.nested import Search
    from tenfold.stages.evaluation.champion import Champion
    from tenfold.stages.tuning.earlier import EarlierSearch

RECORDS: Mapping[str, type[Any]] = {
    "problem": Problem,
    "data": Dataset,
    "validation": ValidationPlan,
    "features": FeaturePlan,
    "training": Candidates,
    "tuning": Tuning,
    "evaluation": Evaluation,
}
"""What each stage returns, in the order of the stages."""

_TRAINING_SHARE, _TUNING_SHARE = 0.5, 0.3
"""Of the time left, where the search is made again in outer folds: about half is theirs."""

EVALUATION_SECONDS = 6.0
"""Kept back from the search for evaluation, report and registration; a tenth of what is left when that is less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows as they come from the sources: one canonical table, its columns, and where it came from.

    Attributes
    ----------
    whole : Path or None
        All rows, where ``path`` holds a sample of them.
    chosen : str
        How the sample was drawn, and why.
    """

    path: Path
    fields: tuple[Field, ...]
    sources: tuple[Source, ...]
    whole: Path | None = None
    chosen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What each stage was asked for."""

    problem: ProblemOptions
    data: DataOptions
    features: FeatureOptions
    validation: ValidationOptions
    training: TrainingOptions
    tuning: TuningOptions
    evaluation: EvaluationOptions


def lifecycle(options: Options, clock: Clock | None = None) -> tuple[Stage, ...]:
    """Return the graph that turns a table into a judged model; ``clock`` says how old its rows are.

    It needs the external ``table``, and where a requirement speaks of the champion, ``champion``: a
    `tenfold.stages.evaluation.champion.Champion`, or None when nothing is live; where the search goes on from another
    one's trials, ``earlier``: a `tenfold.stages.tuning.earlier.EarlierSearch`.
    """
    clock = clock or SystemClock()
    judged_by: tuple[str, ...] = ("problem", "data", "validation", "features", "tuning")
    if compares_with_champion(options):
        judged_by = (*judged_by, "champion")

    tuned_from: tuple[str, ...] = ("problem", "data", "validation", "features", "training")
    if options.tuning.start_from:
        tuned_from = (*tuned_from, "earlier")

    def stage(name: str, run: Callable[..., StageResult[Any]], **rest: Any) -> Stage:
        code = code_fingerprint(f"tenfold.stages.{name}.run")
        return Stage(name=name, run=run, record=RECORDS[name], options=getattr(options, name), code=code, **rest)

    return (
        stage("problem", _problem, needs=("table",), gate=stop_if_infeasible),
        stage("data", _data, needs=("problem", "table"), gate=lambda data: stop_if_broken(data, now=clock.now())),
        stage("validation", _validation, needs=("problem", "data")),
        stage("features", _features, needs=("problem", "data", "validation"), gate=stop_if_leaking),
        stage("training", _training, needs=("problem", "data", "validation", "features"), timed=True),
        _with_nested(
            stage("tuning", _tuning, needs=tuned_from, timed=True),
            options,
        ),
        stage("evaluation", _evaluation, needs=judged_by),
    )


def _with_nested(tuning: Stage, options: Options) -> Stage:
    """Return the tuning stage; where a nested estimate is asked for, with the searches that it takes."""
    if options.validation.strategy != "nested":
        return tuning
    from tenfold.nested import Search

    search = Search(features=options.features, training=options.training, tuning=options.tuning)
    return replace(
        tuning,
        run=partial(_tuning, search=search),
        # What is kept depends on these too.
        code=f"{tuning.code}-{code_fingerprint('tenfold.nested')}",
    )


def compares_with_champion(options: Options) -> bool:
    """Whether a requirement holds a model against the one in use: only then its judgement depends on that one."""
    return any(requirement.bound.reference == "champion" for requirement in options.problem.requirements)


# A stage's code is imported when the stage runs: a run that finds everything kept imports no learner.


def _problem(table: Table, options: ProblemOptions, ctx: StageContext) -> StageResult[Problem]:
    from tenfold.stages.problem.run import run

    return run(table.path, table.fields, options, ctx)


def _data(problem: Received[Problem], table: Table, options: DataOptions, ctx: StageContext) -> StageResult[Dataset]:
    from tenfold.stages.data.profile import Sampled
    from tenfold.stages.data.run import run

    sampled = None if table.whole is None else Sampled(whole=table.whole, reason=table.chosen)
    return run(problem, table.path, table.fields, table.sources, options, ctx, sampled=sampled)


def _validation(
    problem: Received[Problem], data: Received[Dataset], options: ValidationOptions, ctx: StageContext
) -> StageResult[ValidationPlan]:
    from tenfold.stages.validation.run import run

    return run(problem, data, options, ctx)


def _features(
    *,
    problem: Received[Problem],
    data: Received[Dataset],
    validation: Received[ValidationPlan],
    options: FeatureOptions,
    ctx: StageContext,
) -> StageResult[FeaturePlan]:
    from tenfold.stages.features.run import run

    return run(problem, data, validation, options, ctx)


def _training(
    *,
    problem: Received[Problem],
    data: Received[Dataset],
    validation: Received[ValidationPlan],
    features: Received[FeaturePlan],
    options: TrainingOptions,
    ctx: StageContext,
) -> StageResult[Candidates]:
    from tenfold.stages.training.run import run

    kept = before_evaluation(ctx)
    if validation.record.nested:
        kept = replace(kept, deadline=kept.deadline.share(_TRAINING_SHARE))
    return run(problem, data, validation, features, options, kept)


def _tuning(
    *,
    problem: Received[Problem],
    data: Received[Dataset],
    validation: Received[ValidationPlan],
    features: Received[FeaturePlan],
    training: Received[Candidates],
    options: TuningOptions,
    ctx: StageContext,
    search: Search | None = None,
    earlier: EarlierSearch | None = None,
) -> StageResult[Tuning]:
    from tenfold.stages.training.trainer import open_trainer
    from tenfold.stages.tuning.run import run

    kept = before_evaluation(ctx)
    own = kept if not validation.record.nested else replace(kept, deadline=kept.deadline.share(_TUNING_SHARE))
    result = run(
        problem, data, validation, features, training, options, own, open_trainer=open_trainer, earlier=earlier
    )
    if search is None:
        return result
    from tenfold.nested import nested_predictions

    return replace(result, files={**result.files, **nested_predictions(problem, data, validation, search, kept)})


def _evaluation(
    *,
    problem: Received[Problem],
    data: Received[Dataset],
    validation: Received[ValidationPlan],
    features: Received[FeaturePlan],
    tuning: Received[Tuning],
    options: EvaluationOptions,
    ctx: StageContext,
    champion: Champion | None = None,
) -> StageResult[Evaluation]:
    from tenfold.stages.evaluation.run import run

    return run(problem, data, validation, features, tuning, options, ctx, champion=champion)


def before_evaluation(ctx: StageContext) -> StageContext:
    """Return the context with the time that evaluation needs taken off its deadline."""
    left = ctx.deadline.remaining_seconds()
    kept = min(EVALUATION_SECONDS, 0.3 * left)
    return replace(ctx, deadline=ctx.deadline.less(kept))
