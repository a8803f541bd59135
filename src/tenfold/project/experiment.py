"""What a test of a version beside the champion would take, said before it starts: units, days, and what is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from scipy.special import ndtri

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import InputError
from tenfold.foundation.serial import plain
from tenfold.measures.experiment.contrast import METHODS
from tenfold.measures.experiment.mixture import HORIZON
from tenfold.measures.experiment.power import (
    POWER,
    deviation_of_difference,
    effect_found,
    length,
    skewness_of_difference,
)
from tenfold.measures.experiment.question import Question
from tenfold.measures.names import metric_name
from tenfold.project.champion import champion_version
from tenfold.project.document import Document
from tenfold.project.metric_order import main_metric
from tenfold.project.reproduce import kept_results
from tenfold.records.evaluation import Estimate
from tenfold.records.experiment import ExperimentPlan
from tenfold.records.problem import Problem, Requirement
from tenfold.spec.schema import Spec
from tenfold.store.predictions.reader import read_predictions

if TYPE_CHECKING:
    from tenfold.project.open import Project

MOST_DAYS = 28.0
"""A test that takes longer is advised against: what it compares has changed meanwhile."""
_POINTS = 0.03
_PART = 0.05
_DAYS = (7.0, 14.0, 28.0)
_BACK = timedelta(days=14)
_DAY = 86_400.0
_EXACT = frozenset({"accuracy", "precision_micro", "recall_micro", "recall_weighted", "f1_micro"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effect:
    """What is to be found, and of which requirement."""

    requirement: Requirement
    size: float
    told: str


def plan_document(plan: ExperimentPlan) -> Document:
    """Return a plan as JSON-ready values: ``tenfold.experiment-plan/1``."""
    return {"schema": "tenfold.experiment-plan/1", **plain(plan)}


def plan_experiment(
    project: Project,
    *,
    share: float = 0.5,
    effect: float | None = None,
    per_day: float | None = None,
    most_days: float = MOST_DAYS,
    clock: Clock | None = None,
) -> ExperimentPlan:
    """Return how many units and days a test of a version beside the champion takes on the project's endpoint.

    Parameters
    ----------
    share : float
        The share of the units that the version is to get.
    effect : float, optional
        The difference that is to be found, in the metric's unit; by default 3 points of a share, and 5 per cent of the
        champion's value of anything else.
    per_day : float, optional
        Units a day; by default what the endpoint answered in the last two weeks, or ``problem.use.rows_per_day``.
    most_days : float
        More than these are "not enough traffic".

    Raises
    ------
    InputError
        When there is no champion, or nothing is known of how its metric scatters.
    """
    champion = champion_version(project.store, project.spec.name)
    if champion is None:
        raise InputError(f"no version of '{project.spec.name}' is live, so there is nothing to compare with")
    kept = kept_results(champion.run, project.store)
    problem: Problem = kept["problem"].record
    evaluated = kept["evaluation"].record
    measured = evaluated.metrics.get(evaluated.judged_on, {})
    asked = _asked(project, problem)
    estimate = measured.get(asked.metric)
    if estimate is None or estimate.value is None:
        raise InputError(
            f"'{asked.metric}' of {champion.ref} was never measured, so nothing is known of how it scatters"
        )
    wanted = _wanted(asked, estimate, effect)
    row, told = _deviation_of_a_row(estimate)
    deviation = deviation_of_difference(row, row, share)
    units_per_day, units_from = _traffic(project, problem, per_day, clock)
    skewness = skewness_of_difference(min(max(estimate.value, 0.01), 0.99), share) if asked.metric in _EXACT else 0.0
    planned = length(wanted.size, deviation, confidence=asked.confidence, skewness=skewness)
    wait = problem.labels_after_seconds / _DAY
    days = None if planned is None or not units_per_day else planned.units / units_per_day + wait
    expected = None if planned is None or not units_per_day else planned.expected / units_per_day + wait
    found_after = tuple(_found_after(units_per_day, wait, deviation, asked.confidence))
    enough = days is not None and days <= most_days
    exact = asked.metric in _EXACT or (asked.metric == "value_per_row" and not problem.value_by_row)
    return ExperimentPlan(
        endpoint=project.spec.endpoint,
        metric=asked.metric,
        requirement=asked.id,
        effect=wanted.size,
        effect_from=wanted.told,
        share=share,
        confidence=asked.confidence,
        power=POWER,
        deviation=row,
        deviation_from=told,
        units_per_day=units_per_day,
        units_from=units_from,
        labels_after_seconds=problem.labels_after_seconds,
        most_days=most_days,
        enough=enough,
        reason=_reason(enough, days, most_days, units_per_day, wanted, asked.metric),
        units=None if planned is None else planned.units,
        expected_units=None if planned is None else planned.expected,
        days=days,
        expected_days=expected,
        found_after=found_after,
        instead="" if enough else _instead(row, wanted.size, asked.confidence, units_per_day, wait),
        method=METHODS["exact" if exact else "asymptotic"],
        horizon=HORIZON,
    )


def _asked(project: Project, problem: Problem) -> Requirement:
    """Return the requirement by which two versions would be compared."""
    question = Question(
        place="ab",
        task=problem.task,
        metric=compared_by(project.spec, problem),
        requirements=project.spec.requirements,
    )
    return next(each for each in question.asked if each.bound.reference == "champion")


def plan_if_known(project: Project, *, share: float, clock: Clock | None = None) -> ExperimentPlan | None:
    """Return the plan of a test that is about to begin; None where too little is known of the champion to make one."""
    try:
        return plan_experiment(project, share=share, clock=clock)
    except InputError:
        return None


def compared_by(spec: Spec, problem: Problem) -> str:
    """Return the metric that two versions are compared by where no requirement says another."""
    named = [problem.metric.metric, *(each.metric for each in spec.requirements)]
    return main_metric(spec, [name for name in named if not metric_name(name).operational]) or problem.metric.metric


def _wanted(asked: Requirement, estimate: Estimate, effect: float | None) -> _Effect:
    if effect is not None:
        if not effect > 0.0:
            raise InputError(f"the difference to be found must be above 0, found {effect:g}")
        return _Effect(requirement=asked, size=effect, told="as asked")
    if metric_name(asked.metric).unit == "fraction":
        return _Effect(requirement=asked, size=_POINTS, told="3 points; --effect says another")
    assert estimate.value is not None  # the caller asked
    size = _PART * abs(estimate.value)
    return _Effect(requirement=asked, size=size, told="5 % of the champion's value; --effect says another")


def _deviation_of_a_row(estimate: Estimate) -> tuple[float, str]:
    assert estimate.value is not None  # the caller asked
    if estimate.metric in _EXACT:
        share = min(max(estimate.value, 0.01), 0.99)
        return (share * (1.0 - share)) ** 0.5, f"of a share of {estimate.value:.3g}"
    row = deviation_in_the_lab(estimate)
    if row is None:
        raise InputError(f"'{estimate.metric}' was measured without an interval: nothing is known of how it scatters")
    return row, f"from its interval on {estimate.n:,} rows in the lab"


def deviation_in_the_lab(estimate: Estimate) -> float | None:
    """Return the standard deviation of a row's part in a metric, read from its interval; None without one."""
    if estimate.low is None or estimate.high is None or estimate.n < 2 or estimate.high <= estimate.low:
        return None
    quantile = float(ndtri((1.0 + estimate.confidence) / 2.0))
    return float((estimate.high - estimate.low) / (2.0 * quantile) * estimate.n**0.5)


def _traffic(
    project: Project, problem: Problem, per_day: float | None, clock: Clock | None
) -> tuple[float | None, str]:
    if per_day is not None:
        if not per_day > 0.0:
            raise InputError(f"units a day must be above 0, found {per_day:g}")
        return per_day, "as said"
    now = (clock or project.clock).now()
    rows = read_predictions(project.store.folder, project.spec.endpoint).rows
    rows = rows.filter((rows["at"] > now - _BACK) & (rows["at"] <= now))
    if rows.height:
        seconds = max(now.timestamp() - rows["at"].dt.timestamp("us").to_numpy().min() / 1e6, _DAY)
        unit = "assigned" if "assigned" in rows.columns else "id"
        return rows[unit].n_unique() * _DAY / seconds, f"the log of the last {seconds / _DAY:.0f} days"
    if problem.use is not None and problem.use.rows_per_day:
        return float(problem.use.rows_per_day), "problem.use.rows_per_day"
    return None, "nothing was answered yet; --per-day, or problem.use.rows_per_day, says it"


def _found_after(
    per_day: float | None, wait: float, deviation: float, confidence: float
) -> Iterator[tuple[float, float]]:
    for days in _DAYS:
        units = (per_day or 0.0) * (days - wait)
        if units >= 100:
            yield days, effect_found(units, deviation, confidence=confidence)


def _reason(  # noqa: PLR0917 - a sentence of six facts
    enough: bool,
    days: float | None,
    most: float,
    per_day: float | None,
    wanted: _Effect,
    metric: str,
) -> str:
    if per_day is None:
        return "how many units come in a day is not known, so nothing can be promised"
    if days is None:
        return f"a difference of {wanted.size:.3g} in {metric} is not found by any number of units"
    told = f"a difference of {wanted.size:.3g} in {metric} takes {days:,.1f} days at {per_day:,.0f} units a day"
    return f"{told}, and {most:g} are the most" if not enough else told


def _instead(row: float, effect: float, confidence: float, per_day: float | None, wait: float) -> str:
    """Return what else shows which version is better: every row answered by both counts for more than two of one."""
    # Both versions say the same of most rows, so their difference scatters half as much as one of them.
    planned = length(effect, 0.5 * row, confidence=confidence)
    if planned is not None and per_day:
        days = planned.units / per_day + wait
        if days <= MOST_DAYS:
            return (
                f"instead: a shadow answers every row beside the champion, so both are compared on the same rows; about"
                f" {planned.units:,} rows ({days:,.1f} days) if they decide alike on most: deployment.strategy: shadow"
            )
    return (
        "instead: replay what is labelled already, offline, through both versions: `tenfold run` judges a new version"
        " on the same rows as the champion, without waiting for traffic"
    )
