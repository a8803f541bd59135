"""Is there anything to learn, and could it be enough? A quick look before the budget is spent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl

from tenfold.foundation.expression import evaluate
from tenfold.measures.metrics import metric_called
from tenfold.measures.outcome import Outcome
from tenfold.records.problem import Feasibility, Leak, Requirement, Task
from tenfold.stages.problem.association import Association, find_association
from tenfold.stages.problem.encode import Design, Floats, encode
from tenfold.stages.problem.probes import (
    Course,
    Probe,
    constant_probe,
    lay_course,
    linear_probe,
    mean_probe,
    trees_probe,
)
from tenfold.stages.problem.sample import Sample, Truth
from tenfold.stages.problem.signal import fold_ranks, signal_z

METRIC: dict[Task, str] = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
SHUFFLED_P = 0.01
"""p-value of the permutation test from which on the target is taken to hang together with the columns."""
TREES_P = 0.0015
"""The same for the boosted trees' out-of-fold predictions, which see what the permutation test is blind to."""
FORWARD_P = 0.01
"""The same, over all quick models together, when they predict forward in time."""
LIFT_AUC = 0.10
LIFT_LOSS = 0.10
"""What is asked when no requirement says more: an AUC of 0.60, or a loss 10 % below the constant model's."""
FEWEST_ROWS = 500
FEWEST_OF_A_CLASS = 50
"""With less, quick models learn too little for their failure to mean anything."""
_ONE_SIDED_95 = 1.6449
_PLAIN_Z = 10.0


def assess_feasibility(
    sample: Sample,
    requirements: Sequence[Requirement],
    rule: str | None,
    leaks: tuple[Leak, ...],
    *,
    seed: int,
    rng: np.random.Generator,
) -> Feasibility:
    """Measure signal against chance and against the rule in use.

    Infeasible only when nothing beats chance (at about 1 %, over all that is tried) and even the upper bound of what
    quick models reach lies below what is required. Leaking columns are left out of the measurement.
    """
    metric = METRIC[sample.task]
    blocking = frozenset(leak.column for leak in leaks if leak.severity == "block")
    probed = _probe(sample, encode(sample, without=blocking), compared=rule is not None, seed=seed, rng=rng)
    truth, detected = sample.truth[probed.course.rows], probed.detected
    reaches = [_reach(sample.task, truth, one, probed) for one in probed.probes]
    # Without signal the best of several is the luckiest of several: their mean is the fair one to look at.
    reach = max(reaches, key=lambda one: one.quality) if detected else reaches[-1]
    chance = _chance(sample.task, truth, probed.constant.scores)
    level = _rule_level(sample, probed, rule)
    required = _required(sample.task, requirements, chance, truth)
    few = _too_few(sample)
    short = reach.high < required if metric == "roc_auc" else reach.low > required
    if leaks and blocking:
        status, reason = "leaking", _leak_reason([leak for leak in leaks if leak.severity == "block"])
    elif detected:
        status, reason = "feasible", _found(metric, reach, chance, level, len(truth))
    elif few or not short:
        status, reason = "inconclusive", _undecided(metric, reach, chance, required, rows=len(truth), few=few)
    else:
        status, reason = "infeasible", _nothing(metric, reach, chance, required, len(truth))
    return Feasibility(
        status=status,  # type: ignore[arg-type]  # one of the five words above
        reason=reason,
        metric=metric,
        value=reach.value,
        low=reach.low,
        high=reach.high,
        chance=chance,
        rule=level,
        required=required,
        n=len(truth),
        leaks=leaks,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a quick model reaches, with one-sided 95 % bounds; ``quality`` grows with what is good."""

    value: float
    low: float
    high: float
    quality: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What quick models say of the rows of a course, and whether the target hangs together with the columns."""

    course: Course
    constant: Probe
    probes: tuple[Probe, ...]
    detected: bool


def _probe(sample: Sample, design: Design, *, compared: bool, seed: int, rng: np.random.Generator) -> Probed:
    """Try the cheapest first; trees are grown only while there is doubt, or a rule to compare with."""
    course = lay_course(sample, rng)
    constant, linear = constant_probe(sample, course), linear_probe(sample, design, course)
    truth = sample.truth[course.rows]
    z = signal_z(sample.task, truth, linear.scores, course.fold)
    association = Association(p=1.0, plain=z > _PLAIN_Z)
    if sample.time is None:
        association = find_association(sample.task, sample.truth, design.dense, rng)
    if association.plain and not compared:
        return Probed(course=course, constant=constant, probes=(linear,), detected=True)
    trees = trees_probe(sample, design, course, seed=seed)
    probes = (linear, trees, mean_probe(linear, trees))
    z = max(signal_z(sample.task, truth, one.scores, course.fold) for one in probes)
    if sample.time is not None:
        # Neighbours in time resemble each other, so shuffling proves nothing: only what predicts forward counts.
        detected = z > _critical(FORWARD_P / len(probes))
    else:
        # In shuffled folds every pair of rows meets twice, once on either side: the variance doubles.
        detected = association.p <= SHUFFLED_P or z / math.sqrt(2.0) > _critical(TREES_P)
    return Probed(course=course, constant=constant, probes=probes, detected=detected)


def _critical(p: float) -> float:
    return NormalDist().inv_cdf(1.0 - p)


def _outcome(task: Task, truth: Truth, scores: Floats) -> Outcome:
    return Outcome(task=task, truth=truth, scores=scores)


def _reach(task: Task, truth: Truth, one: Probe, probed: Probed) -> Reach:
    metric = metric_called(METRIC[task])
    if task == "binary":
        places = fold_ranks(one.scores[:, 1], probed.course.fold)
        outcome = _outcome(task, truth, np.column_stack([1 - places, places]))
        value = metric.compute(outcome)
        error = float(np.sqrt((metric.influence(outcome) ** 2).sum())) / outcome.n
        reach = _ONE_SIDED_95 * error
        return Reach(value=value, low=max(value - reach, 0.0), high=min(value + reach, 1.0), quality=value)
    model, constant = _outcome(task, truth, one.scores), _outcome(task, truth, probed.constant.scores)
    value, chance = metric.compute(model), metric.compute(constant)
    if value <= 0.0:
        return Reach(value=value, low=value, high=value, quality=-value)
    # The bounds are those of the ratio to the constant model on the same rows: its own scatter is not the question.
    influence = metric.influence(model) / value - metric.influence(constant) / chance
    reach = _ONE_SIDED_95 * float(np.sqrt((influence**2).sum())) / model.n
    return Reach(value=value, low=value * np.exp(-reach), high=value * np.exp(reach), quality=-value)


def _chance(task: Task, truth: Truth, constant: Floats) -> float:
    if task == "binary":
        return 0.5
    return metric_called(METRIC[task]).compute(_outcome(task, truth, constant))


def _rule_level(sample: Sample, probed: Probed, rule: str | None) -> float | None:
    """Return the rule's value of the same metric on the same rows; None when it has none."""
    if rule is None or sample.task == "multiclass":
        return None
    said = evaluate(rule, sample.table).gather(probed.course.rows)
    truth = sample.truth[probed.course.rows]
    known = said.is_not_null().to_numpy()
    if sample.task == "binary":
        known[:] = True
    if not known.any() or len(np.unique(truth[known])) < 2:
        return None
    numbers = said.fill_null(False).cast(pl.Float64).to_numpy() if sample.task == "binary" else said.to_numpy()
    scores = np.column_stack([1 - numbers, numbers]) if sample.task == "binary" else numbers[:, None]
    outcome = _outcome(sample.task, truth[known], scores[known].astype(np.float64))
    return metric_called(METRIC[sample.task]).compute(outcome)


def _required(task: Task, requirements: Sequence[Requirement], chance: float, truth: Truth) -> float:
    """Return the strictest must that the quick look can be compared with, or what is asked by default."""
    levels = []
    for requirement in requirements:
        if requirement.level != "must" or requirement.slices or requirement.bound.reference == "champion":
            continue
        if requirement.metric == METRIC[task]:
            levels.append(requirement.bound.against(chance))
        elif task == "regression" and requirement.metric == "r2" and requirement.bound.reference is None:
            levels.append(float(truth.std()) * np.sqrt(max(1.0 - requirement.bound.offset, 0.0)))
    if task == "binary":
        return max(levels) if levels else chance + LIFT_AUC
    return min(levels) if levels else (1.0 - LIFT_LOSS) * chance


def _too_few(sample: Sample) -> bool:
    if len(sample.truth) < FEWEST_ROWS:
        return True
    return sample.task == "binary" and np.bincount(sample.truth.astype(np.int64)).min() < FEWEST_OF_A_CLASS


def _found(metric: str, reach: Reach, chance: float, rule: float | None, rows: int) -> str:
    against = f", chance {chance:.4g}"
    if rule is not None:
        against += f", the rule in use {rule:.4g}"
    return f"quick models find signal: {metric} {reach.value:.4g} on {rows} rows{against}"


def _undecided(metric: str, reach: Reach, chance: float, required: float, *, rows: int, few: bool) -> str:
    told = f"quick models find no signal ({metric} {reach.value:.4g}, chance {chance:.4g})"
    if few:
        return f"{told}, but {rows} rows are too few to exclude it; more rows would decide"
    bound = reach.high if metric == "roc_auc" else reach.low
    return f"{told}, but with {rows} rows {bound:.4g} is still possible and {required:.4g} is asked for"


def _nothing(metric: str, reach: Reach, chance: float, required: float, rows: int) -> str:
    bound, word = (reach.high, "at least") if metric == "roc_auc" else (reach.low, "at most")
    return (
        f"the columns tell nothing about the target: quick models reach {metric} {reach.value:.4g} on {rows} rows"
        " (chance"
        f" {chance:.4g}, 95 % bound {bound:.4g}) and {word} {required:.4g} is asked for; bring other columns, or go on"
        " anyway with `problem: {feasibility: warn}`"
    )


def _leak_reason(leaks: Sequence[Leak]) -> str:
    named = "; ".join(leak.reason for leak in leaks[:5])
    return named if len(leaks) <= 5 else f"{named}; and {len(leaks) - 5} more"
