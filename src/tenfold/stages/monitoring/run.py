"""The monitoring stage: one window held against the reference of the version that answered in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tenfold.foundation.context import StageContext
from tenfold.measures.judge import without_more_rows
from tenfold.measures.sequential import Detector
from tenfold.measures.states.column import TableState
from tenfold.measures.states.scan import empty, scan
from tenfold.records.evidence import Verdict
from tenfold.records.health import Health, Judged, Window
from tenfold.records.problem import Problem
from tenfold.stages.monitoring.drift import Drift, find_drift
from tenfold.stages.monitoring.integrity import Past, find_broken
from tenfold.stages.monitoring.live import Bench, is_harmful, judge_live, measure
from tenfold.stages.monitoring.options import MonitoringOptions
from tenfold.stages.monitoring.reference import Reference, said_of
from tenfold.stages.monitoring.rows import Answered, known_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a window left behind.

    Attributes
    ----------
    verdicts : tuple of Verdict
        Of the live requirements; those that could be measured are evidence.
    state : TableState or None
        The window's columns and predictions, counted; None without a reference.
    detectors : mapping of str to Detector
        What the next window goes on from.
    """

    health: Health
    verdicts: tuple[Verdict, ...] = ()
    state: TableState | None = None
    detectors: Mapping[str, Detector] = field(default_factory=dict)


def run(  # noqa: PLR0917 - what a window is held against, then how
    reference: Reference | None,
    rows: Answered,
    window: Window,
    problem: Problem,
    options: MonitoringOptions,
    ctx: StageContext,
    *,
    past: Past,
    detectors: Mapping[str, Detector] | None,
    unknown: str = "",
) -> Seen:
    """Look at a window for the first time: integrity, drift, and the live requirements when outcomes are due.

    Parameters
    ----------
    reference : Reference or None
        None: nothing is known of what is usual for the version; then only its worth is judged.
    detectors : mapping of str to Detector, or None
        Where the window before left them; None for a window that comes after later ones: drift is not judged of it.
    unknown : str
        Why there is no reference.
    """
    if reference is None:
        because = f" ({unknown})" if unknown else ""
        note = f"there is no reference of this version{because}: neither integrity nor drift is judged"
        return judged(Seen(health=Health(window=window, notes=(note,))), rows, None, problem, options, ctx)
    state = count(reference, rows, problem)
    integrity = find_broken(reference, state, window, past, options, rows=rows)
    seen = Seen(health=Health(window=window, integrity=integrity), state=state)
    if detectors is None:
        note = "drift is not judged: the window's rows came after those of later windows"
        seen = replace(seen, health=replace(seen.health, notes=(note,)))
    elif window.rows:
        seen = _drifted(seen, reference, state, detectors, options)
    else:
        seen = replace(seen, detectors=detectors)
    return judged(seen, rows, reference, problem, options, ctx)


def _drifted(
    seen: Seen,
    reference: Reference,
    state: TableState,
    detectors: Mapping[str, Detector],
    options: MonitoringOptions,
) -> Seen:
    integrity = seen.health.integrity
    broken = {finding.column for finding in integrity if finding.severity == "critical" and finding.column}
    inputs = {shape.name for shape in reference.shapes}
    # What a model says of broken rows is no news of its own.
    apart = broken | {shape.name for shape in reference.said} if broken & inputs else broken
    drift = find_drift(reference, state, seen.health.window, detectors, options, apart=apart)
    health = replace(
        seen.health,
        drift=drift.findings,
        evidence=_finite(drift),
        threshold=drift.threshold,
        notes=(*seen.health.notes, *_left_out(broken)),
    )
    return replace(seen, health=health, detectors=drift.detectors)


def judged(  # noqa: PLR0917 - as above
    seen: Seen,
    rows: Answered,
    reference: Reference | None,
    problem: Problem,
    options: MonitoringOptions,
    ctx: StageContext,
) -> Seen:
    """Return what was seen of a window with its worth judged anew on the outcomes known now.

    Outcomes that are not due are not looked at: those that are early are not like the others.
    """
    health = seen.health
    if health.window.status == "waiting":
        return seen
    bench = Bench(
        problem=problem,
        known=known_rows(problem, rows),
        outcomes=None if reference is None else reference.outcomes,
        judgements=max(health.window.judgements, 1),
        options=options,
        seed=ctx.seed,
    )
    verdicts = judge_live(bench)
    if health.window.labelled == health.window.rows:
        verdicts = tuple(without_more_rows(each) for each in verdicts)
    after = replace(
        health,
        metrics=measure(bench),
        verdicts=tuple(_shown(verdict) for verdict in verdicts),
        harmful=is_harmful(bench),
        notes=(*health.notes, *_oddities(bench)),
    )
    return replace(seen, health=after, verdicts=verdicts)


def count(reference: Reference, rows: Answered, problem: Problem) -> TableState:
    """Return the columns and the predictions of a window, counted in one pass."""
    if not rows.n:
        return empty(reference.all_shapes)
    inputs = scan(rows.inputs, reference.shapes)
    said = scan(said_of(problem.task, problem.classes, rows.scores), reference.said)
    return TableState(
        rows=inputs.rows, columns={**inputs.columns, **said.columns}, absent=(*inputs.absent, *said.absent)
    )


def _finite(drift: Drift) -> float | None:
    return None if drift.evidence == -float("inf") else drift.evidence


def _left_out(broken: set[str]) -> tuple[str, ...]:
    if not broken:
        return ()
    return (f"drift is not judged of what is broken: {', '.join(sorted(broken))}",)


def _oddities(bench: Bench) -> tuple[str, ...]:
    if bench.known is None or not bench.known.odd:
        return ()
    return (f"{bench.known.odd:,} outcomes are none of the classes {', '.join(bench.problem.classes)}",)


def _shown(verdict: Verdict) -> Judged:
    return Judged(
        requirement=verdict.requirement,
        verdict=verdict.verdict,
        level=verdict.level,
        metric=verdict.metric,
        text=verdict.text,
        slice=verdict.slice,
        value=verdict.value,
        low=verdict.low,
        high=verdict.high,
        bound=verdict.bound,
        n=verdict.n,
        confidence=verdict.confidence,
        reason=verdict.reason,
    )
