"""The evaluation stage: build the model that would be served, look once at the sealed rows, judge."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tenfold.bundle.format import Packed
from tenfold.bundle.member import Member
from tenfold.bundle.model import Model
from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.foundation.serial import to_json
from tenfold.measures.choice import accuracy_warning
from tenfold.measures.metrics import metric_called
from tenfold.measures.money import amounts_by_row, money_known
from tenfold.measures.outcome import Outcome
from tenfold.measures.threshold import choose_threshold
from tenfold.records.dataset import Dataset
from tenfold.records.evaluation import (
    CalibrationCheck,
    Conformal,
    Estimate,
    Evaluation,
    Recalibration,
    Threshold,
    WeakSlice,
)
from tenfold.records.features import FeaturePlan
from tenfold.records.problem import Problem
from tenfold.records.tuning import Tuning
from tenfold.records.validation import ValidationPlan
from tenfold.stages.evaluation.assemble import build_model, pack, read_members
from tenfold.stages.evaluation.champion import Champion
from tenfold.stages.evaluation.conformal import check_intervals, fit_intervals
from tenfold.stages.evaluation.importance import permutation_importance
from tenfold.stages.evaluation.label_errors import find_label_errors
from tenfold.stages.evaluation.measured import estimates, find_slices, metric_names, slice_estimates
from tenfold.stages.evaluation.operational import measure_latency, measure_size, operational_of, row_cpu_us
from tenfold.stages.evaluation.options import EvaluationOptions
from tenfold.stages.evaluation.outcomes import Baseline, outcome_of
from tenfold.stages.evaluation.plots import plot_data
from tenfold.stages.evaluation.recalibrate import Mended, crossfitted, measured, mend
from tenfold.stages.evaluation.robustness import judge_behaviour, perturb, subject_of
from tenfold.stages.evaluation.rows import Divided, Floats, Rows, divide, divide_nested
from tenfold.stages.evaluation.verdicts import Bench, judge_requirements
from tenfold.stages.evaluation.weak_slices import Judged, find_weak_slices, told

OPERATIONAL = "operational"


def run(  # noqa: PLR0917 - a stage takes one result of each stage before it
    problem: Received[Problem],
    dataset: Received[Dataset],
    validation: Received[ValidationPlan],
    features: Received[FeaturePlan],
    tuning: Received[Tuning],
    options: EvaluationOptions,
    ctx: StageContext,
    *,
    champion: Champion | None = None,
) -> StageResult[Evaluation]:
    """Assemble the model with its threshold, measure it, and hold every requirement against what was measured.

    Where rows are sealed they are looked at here, once, and verdicts rest on them; else on out-of-fold predictions of
    the development rows, and the record says so.

    Parameters
    ----------
    champion : Champion or None
        The model in use today; without one, or when it is this very model, requirements that refer to it stay pending.
    """
    divided = divide(problem.record, dataset, validation, features, tuning)
    as_trained = divided.scores
    mended = _mended(problem.record, divided, options, ctx.seed)
    if mended is not None:
        divided = replace(divided, scores=mended.scores)
    threshold = _threshold(problem.record, divided)
    chosen = outcome_of(problem.record, divided.predicted, divided.scores, threshold)
    conformal, no_intervals = (None, "") if options.intervals is None else fit_intervals(chosen, options.intervals)
    decided = _Decided(threshold=threshold, recalibration=None if mended is None else mended.step, conformal=conformal)
    served = _serve(problem.record, dataset.record, features.record, tuning, decided, divided.development)
    names = metric_names(problem.record, options.metrics)
    rows, outcome = _judged(problem.record, divided, chosen, served.model)
    slices = find_slices(problem.record, rows)
    baseline = Baseline(problem=problem.record, development=divided.development, rows=rows)
    operational = {
        **measure_latency(served.model, rows.table.select(served.model.signature.names), options.latency_calls),
        "size_mb": measure_size(len(served.content)),
    }
    metrics = {rows.name: estimates(names, outcome, ctx.seed)}
    if rows is not divided.predicted:
        metrics[divided.predicted.name] = estimates(names, chosen, ctx.seed)
    again, again_scores = divide_nested(divided, tuning)
    if again is not None:
        if mended is not None and mended.step is not None:
            again_scores = _mended_again(problem.record, again, again_scores, mended.step, ctx.seed)
        metrics["nested"] = estimates(names, outcome_of(problem.record, again, again_scores, threshold), ctx.seed)
    if champion is not None and champion.bundle == served.packed.name:
        # The champion itself came out again: against itself nothing can be said.
        champion = None
    there, objection = (None, "") if champion is None else champion.outcome(problem.record, rows)
    bench = Bench(
        outcome=outcome,
        slices=slices,
        baseline=baseline,
        operational=operational,
        champion=there,
        champion_operational=None if champion is None or there is None else operational_of(champion, rows),
    )
    changed = subject_of(problem.record, dataset.record, served.model, rows, outcome.scores, ctx.seed)
    verdicts = (
        *judge_requirements(problem.record.requirements, bench, ctx.seed),
        *judge_behaviour(changed, options.behaviour),
    )
    predicted = divided.predicted
    doubtful, doubts = find_label_errors(problem.record, predicted.numbers, predicted.truth, as_trained)
    importance = permutation_importance(served.model, problem.record, rows, ctx.rng)
    weak: tuple[WeakSlice, ...] = ()
    if options.weak_slices:
        judged = [Judged(rows=predicted, outcome=chosen)]
        judged += [Judged(rows=rows, outcome=outcome)] if rows is not predicted else []
        weak = find_weak_slices(problem.record, dataset.record.columns, judged, ctx.seed)
    intervals = None if conformal is None else check_intervals(conformal, outcome, rows.name, ctx.rng)
    if intervals is not None and rows is predicted:
        intervals = replace(intervals, reason="measured on the rows that made them, where they hold by construction")
    references = {name: baseline.against(metric_called(name)) for name in names}
    evaluation = Evaluation(
        judged_on=rows.name,
        metrics={**metrics, OPERATIONAL: operational},
        slices=slice_estimates(problem.record, outcome, slices, ctx.seed),
        baseline={name: estimates((name,), there, ctx.seed)[name] for name, (_, there) in references.items()},
        baseline_name=references[problem.record.metric.metric][0],
        references={name: which for name, (which, _) in references.items()},
        threshold=threshold,
        bundle=served.packed.name,
        plots={
            **plot_data(problem.record, outcome, ctx.rng, threshold=threshold, amounts=_amounts(problem.record, rows)),
            "importance": {"columns": importance},
        },
        findings=(
            *_findings(problem.record, metrics, divided, objection),
            *((doubts,) if doubts else ()),
            *told(weak),
            *((no_intervals,) if no_intervals else ()),
            *((intervals.reason,) if intervals is not None and intervals.reason else ()),
        ),
        row_cpu_us=row_cpu_us(served.members, rows.table),
        weak_slices=weak,
        robustness=perturb(changed, [str(each["column"]) for each in importance]) if options.robustness else (),
        recalibration=decided.recalibration,
        calibration=None if mended is None else measured(mended.check, outcome),
        conformal=conformal,
        intervals=intervals,
    )
    files = {
        "bundle.zip": served.content,
        "verdicts.json": to_json(verdicts),
        "predictions.parquet": _predictions(problem.record, served.model, rows, outcome),
        **doubtful,
    }
    return StageResult(record=evaluation, files=files)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Served:
    members: dict[str, Member]
    model: Model
    packed: Packed
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """What is done to the scores of the ensemble: mended, decided by, and told with an interval."""

    threshold: Threshold | None
    recalibration: Recalibration | None
    conformal: Conformal | None


def _amounts(problem: Problem, rows: Rows) -> Floats | None:
    return amounts_by_row(problem, rows.table) if money_known(problem, rows.table) else None


def _mended(problem: Problem, divided: Divided, options: EvaluationOptions, seed: int) -> Mended | None:
    """Return the out-of-fold probabilities, mended where that helps; None for a number, which has none."""
    if problem.task == "regression":
        return None
    predicted = divided.predicted
    if not options.calibrate:
        off = CalibrationCheck(ece=None, reason="the file says so")
        return Mended(scores=divided.scores, step=None, check=off)
    return mend(
        problem.task,
        predicted.truth.astype(np.int64),
        divided.scores,
        weight=predicted.weight,
        group=predicted.group,
        seed=seed,
    )


def _mended_again(problem: Problem, rows: Rows, scores: Floats, step: Recalibration, seed: int) -> Floats:
    """Return nested predictions as the served model would mend them, by curves that saw none of the rows."""
    truth = rows.truth.astype(np.int64)
    return crossfitted(step.method, problem.task, truth, scores, weight=rows.weight, seed=seed)


def _threshold(problem: Problem, divided: Divided) -> Threshold | None:
    """Return the threshold of a binary task, chosen on out-of-fold predictions: no row decides about itself."""
    if problem.task != "binary":
        return None
    return choose_threshold(
        divided.predicted.truth.astype(np.int64),
        divided.scores[:, 1],
        problem.value,
        problem.metric.metric,
        weight=divided.predicted.weight,
        by_row=amounts_by_row(problem, divided.predicted.table),
    )


def _serve(  # noqa: PLR0917 - all of it is part of a model
    problem: Problem,
    dataset: Dataset,
    features: FeaturePlan,
    tuning: Received[Tuning],
    decided: _Decided,
    development: Rows,
) -> _Served:
    members = read_members([key for key, _ in tuning.record.members], tuning.files)
    model = build_model(
        members,
        problem,
        dataset,
        features,
        decided.threshold,
        recalibration=decided.recalibration,
        conformal=decided.conformal,
    )
    packed = pack(model, development.table)
    return _Served(
        members={member.key: member for member in members}, model=model, packed=packed, content=packed.zipped()
    )


def _judged(problem: Problem, divided: Divided, chosen: Outcome, model: Model) -> tuple[Rows, Outcome]:
    if divided.sealed is None:
        return divided.predicted, chosen
    scores = model.scores(divided.sealed.table.select(model.signature.names))
    return divided.sealed, outcome_of(problem, divided.sealed, scores, model.threshold)


def _findings(
    problem: Problem, metrics: dict[str, dict[str, Estimate]], divided: Divided, objection: str
) -> tuple[str, ...]:
    counts = np.bincount(divided.development.truth.astype(np.int64)) if problem.classes else np.empty(0, dtype=np.int64)
    warning = accuracy_warning(problem.metric.metric, {str(code): int(rows) for code, rows in enumerate(counts)})
    found = [said for said in (objection, f"the metric of the file, {warning}" if warning else "") if said]
    if divided.sealed is None:
        found.append(
            "no rows were sealed (`validation: {test: 0}`): verdicts rest on the cross-validation by which the"
            " model was"
            " also chosen, so they are a little too good"
        )
        return tuple(found)
    name = problem.metric.metric
    sealed, chosen = metrics["test"][name], metrics[divided.predicted.name][name]
    if sealed.value is None or chosen.value is None or chosen.low is None or chosen.high is None:
        return tuple(found)
    if sealed.low is not None and sealed.high is not None and (sealed.high < chosen.low or sealed.low > chosen.high):
        better = (sealed.value > chosen.value) == metric_called(name).greater_is_better
        found.append(
            f"{name} on the test part ({sealed.value:.4g}) is clearly {'better' if better else 'worse'} than in"
            f" {divided.predicted.name} ({chosen.value:.4g}): the rows of the two differ"
        )
    return tuple(found)


def _predictions(problem: Problem, model: Model, rows: Rows, outcome: Outcome) -> bytes:
    truth: pl.Series = pl.Series("truth", outcome.truth)
    if problem.task != "regression":
        truth = pl.Series("truth", problem.classes, dtype=pl.String)[outcome.truth.astype(np.int64)]
    table = pl.DataFrame([pl.Series("row", rows.numbers), truth.alias("truth")]).hstack(
        model.predictions(outcome.scores).get_columns()
    )
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()
