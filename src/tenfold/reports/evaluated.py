"""What was measured of a model, as the rows of a report's tables."""

from __future__ import annotations

from dataclasses import dataclass

from tenfold.measures.names import METRIC_NAMES, find_metric_name
from tenfold.records.evaluation import Estimate, Evaluation, Perturbation, WeakSlice
from tenfold.reports.words import MISSING, between, count, interval, meaning, number, percent, with_unit

_WAYS = {
    "best": "on the rows that chose it: the best of many trials has luck too",
    "corrected": "without the luck of the best of many, by selecting again on resampled rows",
    "nested": "the whole search made again without the rows that measure",
    "sealed": "on the sealed test part",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One metric on the rows that were judged, beside what it is compared with."""

    metric: str
    meaning: str
    value: str
    interval: str
    reason: str
    baseline: str
    chosen: str
    main: bool
    better: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliced:
    """One metric on one slice."""

    name: str
    condition: str
    metric: str
    rows: str
    value: str
    interval: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """The main metric as one way of measuring gives it."""

    way: str
    what: str
    value: str
    interval: str
    rows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Weak:
    """One slice that was found to be weak."""

    condition: str
    rows: str
    metric: str
    value: str
    interval: str
    rest: str
    ratio: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What one change of the input did."""

    what: str
    value: str
    interval: str
    rows: str
    reason: str


def in_order(evaluation: Evaluation, main: str) -> list[Estimate]:
    """Return the estimates of the judged rows: the main metric first, the others in the order of their table."""
    order = {name: place for place, name in enumerate(METRIC_NAMES)}
    found = evaluation.metrics.get(evaluation.judged_on, {}).values()
    return sorted(found, key=lambda each: (each.metric != main, order.get(each.metric, len(order))))


def interval_note(estimate: Estimate) -> str:
    """Return a measurement's interval as a note; empty when it has none of its own."""
    if estimate.low is None or estimate.low == estimate.high:
        return ""
    return f"{interval(estimate)}"


def measured(evaluation: Evaluation, estimate: Estimate, chosen_on: str, *, main: bool) -> Measured:
    """Return one metric on the judged rows beside the baseline and what chose the model."""
    name = estimate.metric
    reference = evaluation.baseline.get(name)
    chosen = evaluation.metrics.get(chosen_on, {}).get(name)
    known = find_metric_name(name)
    return Measured(
        metric=name,
        meaning=meaning(name),
        value=with_unit(name, estimate.value),
        interval=MISSING if estimate.low == estimate.high else interval(estimate),
        reason=estimate.reason,
        baseline=MISSING if reference is None else number(reference.value),
        chosen=MISSING if chosen is None else number(chosen.value),
        main=main,
        better="" if known is None else ("higher is better" if known.greater_is_better else "lower is better"),
    )


def sliced(name: str, condition: str, estimate: Estimate) -> Sliced:
    """Return one metric on one slice."""
    return Sliced(
        name=name,
        condition=condition,
        metric=estimate.metric,
        rows=count(estimate.n),
        value=with_unit(estimate.metric, estimate.value),
        interval=interval(estimate),
        reason=estimate.reason,
    )


def as_measured(way: str, found: Estimate) -> Ways:
    """Return the main metric as one way of measuring gives it."""
    return Ways(
        way=way,
        what=_WAYS[way],
        value=with_unit(found.metric, found.value),
        interval=interval(found),
        rows=count(found.n) if found.n else MISSING,
    )


def weak(found: WeakSlice) -> Weak:
    """Return one slice that was found to be weak."""
    return Weak(
        condition=found.condition,
        rows=f"{count(found.n)} of {count(found.of)}",
        metric=found.estimate.metric,
        value=with_unit(found.estimate.metric, found.estimate.value),
        interval=interval(found.estimate),
        rest=with_unit(found.rest.metric, found.rest.value),
        ratio=f"{found.ratio:.1f}",
    )


def changed(found: Perturbation) -> Changed:
    """Return what one change of the input did."""
    share = found.measure == "share"
    exact = found.low == found.high
    return Changed(
        what=found.what,
        value=MISSING if found.value is None else percent(found.value) if share else number(found.value),
        interval=MISSING if exact else between(found.low, found.high),
        rows=count(found.n),
        reason=found.reason,
    )
