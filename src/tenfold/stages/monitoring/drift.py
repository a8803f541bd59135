"""Which columns moved: one test over all of them, window after window."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from tenfold.measures.sequential import Detector, Floats, Reading, mean_evidence, take_in
from tenfold.measures.states.column import BINS, ColumnState, Shape, TableState
from tenfold.records.health import DriftFinding, Window
from tenfold.stages.monitoring.cut import phase_of
from tenfold.stages.monitoring.options import MonitoringOptions
from tenfold.stages.monitoring.reference import Habit, Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What came of one window; ``detectors`` begin anew after an alarm."""

    findings: tuple[DriftFinding, ...]
    evidence: float
    threshold: float
    detectors: Mapping[str, Detector]


def find_drift(
    reference: Reference,
    state: TableState,
    window: Window,
    detectors: Mapping[str, Detector],
    options: MonitoringOptions,
    *,
    apart: Collection[str] = (),
) -> Drift:
    """Take a window into the detectors, and name the columns that moved when all together raise an alarm.

    Columns named in ``apart`` are broken: they are left out this time, and what was known of them stays.
    """
    after = dict(detectors)
    readings: dict[str, tuple[Shape, Reading]] = {}
    tracked = [shape for shape in reference.all_shapes if shape.tracked and shape.bins]
    for shape in tracked:
        now = state.columns.get(shape.name)
        if now is None or shape.name in apart or not now.n:
            continue
        known = reference.state.columns[shape.name]
        after[shape.name], reading = take_in(
            detectors.get(shape.name, Detector()),
            *_by_phase(known, now, reference.habit(shape.name), window, options),
            spread=reference.habit(shape.name).spread,
        )
        readings[shape.name] = shape, reading
    threshold = math.log(options.quiet)
    evidence = np.array([readings[shape.name][1].evidence if shape.name in readings else -np.inf for shape in tracked])
    together = mean_evidence(evidence) if readings else -math.inf
    if together < threshold:
        return Drift(findings=(), evidence=together, threshold=threshold, detectors=after)
    named = [
        _finding(shape, reading, window, threshold, options)
        for shape, reading in _named(readings, threshold + math.log(len(tracked)))
        if reading.distance >= options.least_distance
    ]
    named.sort(key=lambda finding: -finding.value)
    return Drift(findings=tuple(named), evidence=together, threshold=threshold, detectors={})


def _named(readings: Mapping[str, tuple[Shape, Reading]], threshold: float) -> Sequence[tuple[Shape, Reading]]:
    """Return the columns that carry the alarm, the strongest first.

    As in the e-BH procedure (Wang and Ramdas, 2022): the k strongest, for the largest k whose weakest reaches a k-th
    part of what one column alone would need; the strongest in any case.
    """
    ranked = sorted(readings.values(), key=lambda each: -each[1].evidence)
    reached = [k for k, (_, reading) in enumerate(ranked, start=1) if reading.evidence >= threshold - math.log(k)]
    return ranked[: max(reached, default=1)]


def _by_phase(
    known: ColumnState, now: ColumnState, habit: Habit, window: Window, options: MonitoringOptions
) -> tuple[Floats, Floats]:
    """Return the counts of the reference and of the window, by phase and bin."""
    counts = np.array([*now.counts, now.missing], dtype=np.float64)
    if not habit.phases:
        return np.array([[*known.counts, known.missing]], dtype=np.float64), counts[None, :]
    placed = np.zeros((len(habit.phases), len(counts)))
    placed[phase_of(window.start, options.window_seconds)] = counts
    return np.array(habit.phases, dtype=np.float64), placed


def _finding(
    shape: Shape, reading: Reading, window: Window, threshold: float, options: MonitoringOptions
) -> DriftFinding:
    change = reading.since - reading.before
    most = int(np.argmax(np.abs(change)))
    since = window.start - timedelta(seconds=options.window_seconds) * (reading.windows - 1)
    text = (
        f"'{shape.name}' moved: {_bin(shape, most)} went from {reading.before[most]:.1%} to {reading.since[most]:.1%}"
        " of the rows"
    )
    return DriftFinding(
        column=shape.name,
        distance=reading.distance,
        value=reading.evidence,
        threshold=threshold,
        since=since,
        message=text,
    )


def _bin(shape: Shape, number: int) -> str:
    """Return what a bin holds, in words."""
    if number == shape.bins:
        return "missing values"
    if shape.kind in ("categorical", "boolean"):
        if number < min(len(shape.levels), BINS - 1):
            return f"'{shape.levels[number]}'"
        return "new categories" if number == shape.bins - 1 else "rare categories"
    unit = "lengths" if shape.kind == "text" else "values"
    if not shape.edges:
        return unit
    if number == 0:
        return f"{unit} below {shape.edges[0]:.4g}"
    if number == len(shape.edges):
        return f"{unit} from {shape.edges[-1]:.4g} on"
    return f"{unit} from {shape.edges[number - 1]:.4g} to {shape.edges[number]:.4g}"
