"""What was decided without being asked, why, what was passed over, and the line of the file that overrides it."""

from __future__ import annotations

from dataclasses import dataclass

from tenfold.records.evaluation import CalibrationCheck, Evaluation, IntervalCheck
from tenfold.records.features import FeaturePlan
from tenfold.records.problem import Problem
from tenfold.records.tuning import Tuning
from tenfold.records.validation import ValidationPlan
from tenfold.reports.words import MISSING, number, percent

_NAMED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One choice; ``rejected`` holds (what, why not), ``override`` the line of ``tenfold.yaml``."""

    subject: str
    chosen: str
    reason: str
    override: str
    rejected: tuple[tuple[str, str], ...] = ()


def decisions(
    problem: Problem, validation: ValidationPlan, features: FeaturePlan, tuning: Tuning, evaluation: Evaluation
) -> tuple[Decision, ...]:
    """Return the choices of a run, in the order in which they were made."""
    made = [
        Decision(
            subject="Task",
            chosen=problem.task,
            reason=problem.reasons.get("task", ""),
            override="problem: {task: binary | multiclass | regression}",
        )
    ]
    if problem.positive is not None:
        made.append(
            Decision(
                subject="Positive class",
                chosen=problem.positive,
                reason=problem.reasons.get("positive", ""),
                override="problem: {positive: …}",
            )
        )
    made += [
        Decision(
            subject="Main metric",
            chosen=problem.metric.metric,
            reason=problem.metric.reason,
            rejected=problem.metric.rejected,
            override="problem: {metric: …}",
        ),
        Decision(
            subject="Split",
            chosen=_split(validation),
            reason=validation.reason,
            rejected=validation.rejected,
            override="validation: {strategy: holdout | kfold | repeated | stratified | group | time | loo | nested}",
        ),
        Decision(
            subject="Features",
            chosen=f"{len(features.inputs)} columns used, {len(features.left_out)} left out",
            reason="",
            rejected=features.left_out[:_NAMED] + _more(len(features.left_out) - _NAMED),
            override="data: {columns: {NAME: {role: feature | ignored}}}, features: {select: off}",
        ),
        Decision(
            subject="Search",
            chosen=tuning.method,
            reason="; ".join(part for part in (tuning.reason, tuning.stopped) if part),
            override="tuning: {method: grid | random | bayesian | hyperband | asha}, training: {budget: 5m}",
        ),
    ]
    if evaluation.threshold is not None:
        made.append(
            Decision(
                subject="Decision threshold",
                chosen=number(evaluation.threshold.value),
                reason=evaluation.threshold.reason,
                override="problem: {value: {true_positive: …, false_positive: …}}",
            )
        )
    check = evaluation.calibration
    if check is not None and check.reason:
        made.append(
            Decision(
                subject="Calibration",
                chosen=f"mended, {check.method}" if check.mended else "left as they are",
                reason="; ".join(part for part in (check.reason, _calibrated(check)) if part),
                override="evaluation: {calibration: auto | off}",
            )
        )
    intervals = evaluation.intervals
    if intervals is not None:
        made.append(
            Decision(
                subject="Prediction intervals",
                chosen=f"{100 * intervals.level:g} %, mean {'size' if problem.classes else 'width'}"
                f" {number(intervals.width)}",
                reason=_held(intervals),
                override="evaluation: {intervals: 0.9}",
            )
        )
    return tuple(made)


def _calibrated(check: CalibrationCheck) -> str:
    """Return what the judged rows show of the probabilities that are served."""
    told = []
    if check.slope is not None:
        told.append(f"slope {number(check.slope)} and intercept {number(check.intercept)} (true: 1 and 0)")
    if check.ece is not None:
        told.append(f"calibration error {number(check.ece)} less what chance adds, no interval claimed")
    return f"on the judged rows {', '.join(told)}" if told else ""


def _held(intervals: IntervalCheck) -> str:
    coverage = intervals.coverage
    held, low, high = (
        MISSING if each is None else percent(each) for each in (coverage.value, coverage.low, coverage.high)
    )
    return (
        f"from out-of-fold predictions; on {intervals.judged_on} rows they hold the truth of {held} ({low} to {high})"
    )


def _split(validation: ValidationPlan) -> str:
    if validation.fold_count <= 1:
        return f"{validation.strategy}, one validation part"
    told = f"{validation.strategy}, {validation.fold_count} folds"
    if validation.repeats > 1:
        told += f" ({validation.blocks} × {validation.repeats})"
    if validation.scheme in {"rolling", "crossed"}:
        told += ", rolling" if validation.scheme == "rolling" else ", groups by time"
    return told


def _more(count: int) -> tuple[tuple[str, str], ...]:
    return ((f"{count} more", ""),) if count > 0 else ()
