"""The features stage: which columns become features, and how; nothing is fitted here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.history import Lag, step_of
from tenfold.bundle.inputs import field_of
from tenfold.bundle.matrix import Floats
from tenfold.bundle.rolling import Rolling, step_of_rolling
from tenfold.bundle.transforms.table import transform_called
from tenfold.bundle.view import encoding_target
from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.foundation.errors import DataError, InputError, did_you_mean
from tenfold.foundation.events import Event
from tenfold.records.dataset import Column, Dataset, Field
from tenfold.records.features import ChosenPair, FeatureLeak, FeaturePlan, Step
from tenfold.records.problem import Problem
from tenfold.records.validation import ValidationPlan
from tenfold.stages.features.calendars import holiday_step
from tenfold.stages.features.candidates import Candidate, candidate, copies, says_nothing, unusable
from tenfold.stages.features.choosing import Choice, Rows, choose_columns, why_not_chosen
from tenfold.stages.features.date_parts import choose_parts
from tenfold.stages.features.encoding import MOST_LISTED, lists_levels
from tenfold.stages.features.ground import Ground
from tenfold.stages.features.lags import past_payload, plan_lags, reason_of
from tenfold.stages.features.leaks import leaks_by_name, near_perfect
from tenfold.stages.features.linting.linter import lint_rows, lint_transforms
from tenfold.stages.features.options import FeatureOptions, TextOptions
from tenfold.stages.features.pairs import choose_pairs, pair_columns
from tenfold.stages.features.payoff import measure_groups
from tenfold.stages.features.views import MOST_CODES, plan_views
from tenfold.stages.features.windows import plan_last_known, plan_rolling, reason_of_rolling

MOST_READ_ROWS = 20_000
"""Up to so many development rows the words of texts are read without being asked: it takes seconds, not minutes."""


def run(
    problem: Received[Problem],
    dataset: Received[Dataset],
    validation: Received[ValidationPlan],
    options: FeatureOptions,
    ctx: StageContext,
) -> StageResult[FeaturePlan]:
    """Plan the transforms of each view, looking at development rows alone; training fits them inside the folds.

    Payload ``lags.parquet``, when lags are asked for: their value for every row of the table, in its order.

    Raises
    ------
    InputError
        When the options speak of columns or ways that do not exist.
    DataError
        When no column is left to predict from.
    """
    task, data = problem.record, dataset.record
    _check_allowed(options, data)
    table = pl.read_parquet(dataset.files["table.parquet"])
    lags, rolling, last = _looks_back(options, task, data)
    past, files = past_payload(lags, (*rolling, *last.values()), table)
    table = table.hstack(past.get_columns())
    development = table.filter(_is_development(validation))

    left_out = {column.name: reason for column in data.columns if (reason := unusable(column, dates=options.dates))}
    usable = [column for column in data.columns if column.name not in left_out]
    found = _described(usable, lags, rolling, _Told(options=options, problem=task, data=data), development)
    if options.select == "auto":
        found, silent = _without_silent(found, development)
        left_out.update(silent)
    vouched = {*(lag.name for lag in lags), *(each.name for each in rolling), *options.allow}
    leaks = _find_leaks([each for each in found if each.name not in vouched], development, task, ctx)
    known = {leak.column for leak in leaks if leak.severity == "block"}
    linted = lint_rows(task, dataset, validation, allowed=options.allow)
    leaks = [*leaks, *(leak for leak in linted if leak.column not in known)]
    blocked = {leak.column: leak.reason for leak in leaks if leak.severity == "block" and leak.column}
    left_out.update(blocked)
    found = [each for each in found if each.name not in blocked]

    by_time = validation.record.time is not None
    dates = {
        each.name: choose_parts(each.name, development, _zone(each, options), split_by_time=by_time)
        for each in found
        if each.kind == "datetime"
    }
    unchanging = {name for name, parts in dates.items() if not (parts.for_trees or parts.for_sums)}
    left_out.update(dict.fromkeys(sorted(unchanging), "no part of the time tells the rows apart"))
    found = [each for each in found if each.name not in unchanging]
    if not found:
        reasons = "; ".join(f"'{name}': {reason}" for name, reason in left_out.items())
        raise DataError(f"no column is left to predict '{task.target}' from ({reasons})")

    ground = Ground(
        candidates=tuple(found),
        dates=dates,
        outputs=_outputs(task),
        holidays=_holidays(found, development, options),
        encode=options.encode,
        bins=_of_numbers(options.bins, found, "bins"),
        splines=_of_numbers(options.splines, found, "splines"),
        pca=options.pca,
        texts=_texts(found, options, development.height),
        last_known={name: each.name for name, each in last.items()},
    )
    rows = _rows(table, validation, task)
    ground, choice = _chosen(ground, rows, task, options, ctx)
    left_out.update(_not_chosen(ground, found, choice))
    ground, pairs = _paired(ground, rows, task, options)
    views = plan_views(ground)
    steps = ((step, transform_called(step.kind)) for view in views.values() for step in view)
    leaks += lint_transforms(steps, task, dataset, validation)
    looks = {lag.name: f"lags of '{lag.column}'" for lag in lags}
    looks |= {each.name: f"rolling windows of '{each.column}'" for each in rolling}

    plan = FeaturePlan(
        inputs=_inputs(ground),
        views=views,
        lags=(
            *(step_of(lag, reason_of(lag)) for lag in lags),
            *(step_of_rolling(each, reason_of_rolling(each)) for each in (*rolling, *last.values())),
        ),
        left_out=tuple(left_out.items()),
        leaks=tuple(leak.reason for leak in leaks),
        findings=_findings(ground, lags, rolling, task, data) + _told_of_choice(choice, pairs, options),
        leak_details=tuple(leaks),
        fold_left_out=() if choice is None else choice.fold_left_out,
        selection=() if choice is None else choice.selected,
        pairs=pairs,
        groups=measure_groups(views["native"], looks, rows, task, ctx.seed) if options.measure else (),
    )
    for message in (*plan.leaks, *plan.findings):
        ctx.events.emit(Event(kind="warning", stage="features", message=message))
    return StageResult(record=plan, files=files)


def _check_allowed(options: FeatureOptions, data: Dataset) -> None:
    names = [column.name for column in data.columns]
    for name in options.allow:
        if name not in names:
            raise InputError(f"'{name}' is vouched for but is not a column.{did_you_mean(name, names)}")


def _is_development(validation: Received[ValidationPlan]) -> pl.Series:
    part = pl.read_parquet(validation.files["split.parquet"], columns=["part"])["part"]
    return part.is_in(["train", "validation"])


def _looks_back(
    options: FeatureOptions, problem: Problem, data: Dataset
) -> tuple[tuple[Lag, ...], tuple[Rolling, ...], dict[str, Rolling]]:
    """Return lags, rolling windows, and the last known value of each number that is filled forward."""
    rolling = plan_rolling(options.rolling, problem, data)
    return plan_lags(options.lags, problem, data), rolling, plan_last_known(problem, data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What is known of the columns before any row is read."""

    options: FeatureOptions
    problem: Problem
    data: Dataset


def _described(
    usable: Sequence[Column],
    lags: Sequence[Lag],
    rolling: Sequence[Rolling],
    told: _Told,
    development: pl.DataFrame,
) -> list[Candidate]:
    """Describe the usable columns by their development rows; then what looks back: lags are filled as their columns."""
    data, problem = told.data, told.problem
    fields = [(column.field, column) for column in usable]
    fields += [(replace(field_of(lag.column, data, problem), name=lag.name), data.column(lag.column)) for lag in lags]
    fields += [
        (Field(name=each.name, kind="numeric"), replace(data.column(each.column), impute=None, scale=None))
        for each in rolling
    ]
    # A lag of what is filled forward is itself a value of the past.
    fields = [
        (field, replace(column, impute=None) if column.impute == "forward" and field.name != column.name else column)
        for field, column in fields
    ]
    described = []
    for field, column in fields:
        most = MOST_LISTED if lists_levels(told.options.encode.get(field.name)) else MOST_CODES
        described.append(candidate(field, development[field.name], column, most_levels=most))
    _check_encoded(told.options, described)
    return described


def _check_encoded(options: FeatureOptions, found: Sequence[Candidate]) -> None:
    kinds = {each.name: each.kind for each in found}
    for name in options.encode:
        if name in kinds and kinds[name] != "categorical":
            raise InputError(
                f"`features: encode` speaks of '{name}', which is {kinds[name]}: only categories are encoded "
                f"(`data: {{columns: {{{name}: {{kind: categorical}}}}}}` makes it one)"
            )


def _without_silent(found: Sequence[Candidate], development: pl.DataFrame) -> tuple[list[Candidate], dict[str, str]]:
    """Return the columns that can tell rows apart, and why each of the others cannot."""
    silent = {each.name: says_nothing(each, development.height) for each in found}
    silent = {name: reason for name, reason in silent.items() if reason}
    speaking = [each for each in found if each.name not in silent]
    for name, original in copies(speaking, development).items():
        silent[name] = f"it is the same as '{original}' in every row"
    return [each for each in speaking if each.name not in silent], silent


def _find_leaks(
    doubtful: Sequence[Candidate], development: pl.DataFrame, problem: Problem, ctx: StageContext
) -> list[FeatureLeak]:
    """Return the columns that may know the answer; where the user asked only to be warned of leaks, none is blocked."""
    leaks = near_perfect(doubtful, development, _truth(development[problem.target], problem), problem, ctx.rng)
    if problem.feasibility is not None and not problem.feasibility.enforce:
        leaks = [replace(leak, severity="warn") for leak in leaks]
    named = {leak.column for leak in leaks}
    return leaks + [leak for leak in leaks_by_name(doubtful, problem) if leak.column not in named]


def _truth(target: pl.Series, problem: Problem) -> npt.NDArray[np.int64] | Floats:
    if problem.task == "regression":
        return target.cast(pl.Float64).to_numpy()
    return target.cast(pl.Enum(problem.classes)).to_physical().cast(pl.Int64).to_numpy()


def _outputs(problem: Problem) -> int:
    """Return how many columns the target has where it is averaged."""
    return len(problem.classes) if problem.task == "multiclass" else 1


def _zone(found: Candidate, options: FeatureOptions) -> str:
    return found.field.timezone or options.timezone or "UTC"


def _holidays(found: Sequence[Candidate], development: pl.DataFrame, options: FeatureOptions) -> tuple[Step, ...]:
    """Return the steps that hold times against a calendar; a time whose values are all missing has none."""
    if options.holidays is None:
        return ()
    return tuple(
        holiday_step(each.name, development, _zone(each, options), options.holidays)
        for each in found
        if each.kind == "datetime" and each.distinct
    )


def _of_numbers(asked: Mapping[str, int], found: Sequence[Candidate], setting: str) -> dict[str, int]:
    """Return what is asked of the columns that are features.

    Raises
    ------
    InputError
        When one of them is not a number.
    """
    kinds = {each.name: each.kind for each in found}
    for name in asked:
        if name in kinds and kinds[name] != "numeric":
            raise InputError(f"`features: {setting}` speaks of '{name}', which is {kinds[name]}: it takes numbers")
    return {name: count for name, count in asked.items() if name in kinds}


def _texts(found: Sequence[Candidate], options: FeatureOptions, rows: int) -> dict[str, TextOptions]:
    """Return the texts whose words are read, and how."""
    asked = {each.name: options.texts.get(each.name, options.text) for each in found if each.kind == "text"}
    read = {}
    for name, text in asked.items():
        if text.method == "auto" and rows <= MOST_READ_ROWS:
            read[name] = replace(text, method="tfidf")
        elif text.method in {"tfidf", "hashing"}:
            read[name] = text
    return read


def _rows(table: pl.DataFrame, validation: Received[ValidationPlan], problem: Problem) -> Rows:
    split = pl.read_parquet(validation.files["split.parquet"], columns=["part", "block"])
    part, block = split["part"].to_numpy().astype(np.str_), split["block"].to_numpy()
    folds = validation.record.folds(part, block)
    target = table[problem.target]
    truth: npt.NDArray[np.int64] | Floats
    if problem.task == "regression":
        truth = target.cast(pl.Float64).fill_null(0.0).to_numpy()
    else:
        coded = target.cast(pl.Enum(problem.classes), strict=False).to_physical()
        truth = coded.cast(pl.Int64).fill_null(0).to_numpy()
    return Rows(
        table=table,
        truth=truth,
        folds=tuple(fold.train for fold in folds),
        held=folds[0].validation if folds else np.empty(0, dtype=np.int64),
        development=np.flatnonzero((part == "train") | (part == "validation")),
    )


def _chosen(
    ground: Ground, rows: Rows, problem: Problem, options: FeatureOptions, ctx: StageContext
) -> tuple[Ground, Choice | None]:
    """Return what is left after the folds have chosen among the columns."""
    if options.choose is None or not rows.folds:
        return ground, None
    # Components and words of other columns are no columns of their own, so they are not chosen among.
    choice = choose_columns(plan_views(replace(ground, pca=0)), rows, problem, options.choose, ctx.seed)
    return ground.without([each.name for each in ground.candidates if each.name not in choice.kept]), choice


def _not_chosen(ground: Ground, found: Sequence[Candidate], choice: Choice | None) -> dict[str, str]:
    if choice is None:
        return {}
    fared = {each.column: each for each in choice.selected}
    kept = {each.name for each in ground.candidates}
    return {each.name: why_not_chosen(fared[each.name]) for each in found if each.name not in kept}


def _paired(
    ground: Ground, rows: Rows, problem: Problem, options: FeatureOptions
) -> tuple[Ground, tuple[ChosenPair, ...]]:
    """Return the ground with the interactions that some fold chose."""
    if not options.interactions or not rows.folds:
        return ground, ()
    columns, _ = pair_columns(ground.candidates)
    if len(columns) < 2:
        return ground, ()
    target = encoding_target(rows.truth, problem.task, len(problem.classes))
    pairs, told = choose_pairs(columns, target, rows, options.interactions)
    return replace(ground, pairs=pairs, pair_columns=columns, most=options.interactions), told


def _inputs(ground: Ground) -> tuple[str, ...]:
    """Return the columns that a prediction needs."""
    names = [each.name for each in ground.candidates]
    return (*names, *(last for name, last in ground.last_known.items() if name in names))


def _told_of_choice(choice: Choice | None, pairs: Sequence[ChosenPair], options: FeatureOptions) -> tuple[str, ...]:
    """Return what a person should know of what the folds chose."""
    told = []
    if choice is not None:
        unsure = [each.column for each in choice.selected if 0 < each.frequency < 1]
        if unsure:
            told.append(
                f"the folds do not agree on {', '.join(map(repr, unsure[:6]))}{', ...' if len(unsure) > 6 else ''}: "
                "`data: {columns: {NAME: {feature: false}}}` leaves one out"
            )
    if options.interactions and not pairs:
        told.append("no pair of columns tells clearly more than its columns alone: no interaction was built")
    return tuple(told)


def _findings(
    ground: Ground, lags: Sequence[Lag], rolling: Sequence[Rolling], problem: Problem, data: Dataset
) -> tuple[str, ...]:
    """Return what a person should know of the plan."""
    findings = [
        f"of the text '{each.name}' only the length is used: what it says is not read (`features: {{text: tfidf}}` "
        "reads it)"
        for each in ground.of("text")
        if each.name not in ground.texts
    ]
    if ground.pairs and (beyond := pair_columns(ground.candidates)[1]):
        findings.append(
            f"of {len(ground.pair_columns)} columns each fold paired the {len(ground.pair_columns) - beyond} that tell"
            " most of its training rows' target, alone or multiplied with another; `features: {interactions: 0}` pairs"
            " none"
        )
    looks: tuple[Lag | Rolling, ...] = (*lags, *rolling)
    sudden = {
        look.column
        for look in looks
        if not look.delay_seconds and (look.column == problem.target or data.column(look.column).available == "later")
    }
    findings += [
        f"the lags of '{name}' take it as known as soon as a later row comes; if it is known only after a time, write "
        "`problem: {labels: {after: ...}}`"
        for name in sorted(sudden)
    ]
    return tuple(findings)
