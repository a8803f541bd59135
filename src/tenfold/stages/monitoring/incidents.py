"""From findings to incidents: one for each cause, opened, updated, closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tenfold.records.health import Health, Incident, IncidentChange, IncidentKind, Judged, Severity
from tenfold.stages.monitoring.integrity import FEWEST
from tenfold.stages.monitoring.options import MonitoringOptions

_NAMED = 3
_RANK: Mapping[Severity, int] = {"info": 0, "warning": 1, "critical": 2}
INPUTS = "inputs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What a window says is wrong; findings of one kind and cause are one problem."""

    kind: IncidentKind
    cause: str
    severity: Severity
    title: str
    details: Mapping[str, str] = field(default_factory=dict)


def follow(
    open_incidents: Sequence[Incident], health: Health, options: MonitoringOptions, *, next_number: int
) -> tuple[IncidentChange, ...]:
    """Return what a window does to the incidents of its endpoint.

    A finding of a cause that has an open incident updates it; else it opens one. An incident whose cause a window could
    see and did not show grows calm, and is closed after so many calm windows. A window that was seen before (a later
    revision of it) neither calms nor counts again.
    """
    window = health.window
    causes = {(cause.kind, cause.cause): cause for cause in causes_of(health)}
    changes: list[IncidentChange] = []
    for incident in open_incidents:
        cause = causes.pop((incident.kind, incident.cause), None)
        if cause is not None:
            changes += _shown_again(incident, cause, window.start)
        elif window.start > _newest(incident, options) and _could_show(incident, health):
            changes.append(_calmer(incident, health, options))
    for number, cause in enumerate(causes.values(), start=next_number):
        incident = Incident(
            id=f"i{number}",
            endpoint=window.endpoint,
            kind=cause.kind,
            cause=cause.cause,
            opened=window.start,
            last=window.start,
            title=cause.title,
            severity=cause.severity,
            details=cause.details,
        )
        changes.append(IncidentChange(change="opened", incident=incident))
    return tuple(changes)


def causes_of(health: Health) -> tuple[Cause, ...]:
    """Return what a window says is wrong, each cause once."""
    found: list[Cause] = []
    rules = dict.fromkeys(finding.rule for finding in health.integrity)
    for rule in rules:
        same = [finding for finding in health.integrity if finding.rule == rule]
        worst = max((finding.severity for finding in same), key=lambda each: _RANK[each])
        details = {finding.column or "window": finding.message for finding in same}
        found.append(Cause(kind="data", cause=rule, severity=worst, title=_title(details), details=details))
    if health.drift:
        details = {finding.column: finding.message for finding in health.drift}
        found.append(Cause(kind="drift", cause=INPUTS, severity="info", title=_title(details), details=details))
    # A broken feed explains what a model is worth on it: that is one problem, not two.
    if not health.broken:
        found += _of_worth(health)
    return tuple(found)


def _of_worth(health: Health) -> Iterable[Cause]:
    for verdict in health.verdicts:
        if verdict.verdict == "fail":
            name = _name(verdict)
            text = f"'{name}' fails live: {verdict.reason}"
            yield Cause(
                kind="performance",
                cause=name,
                severity="critical" if verdict.level == "must" else "warning",
                title=text,
                details={name: text},
            )
    if health.harmful:
        text = "the model does worse than its baseline"
        yield Cause(kind="performance", cause="harm", severity="critical", title=text, details={"harm": text})


def _shown_again(incident: Incident, cause: Cause, start: datetime) -> Iterable[IncidentChange]:
    details = {**incident.details, **cause.details}
    severity = max(incident.severity, cause.severity, key=lambda each: _RANK[each])
    newer = start > incident.last
    after = replace(
        incident,
        last=max(incident.last, start),
        windows=incident.windows + newer,
        calm=0 if newer else incident.calm,
        details=details,
        severity=severity,
        title=_title(details) if incident.kind != "performance" else cause.title,
    )
    if after != incident:
        yield IncidentChange(change="updated", incident=after)


def _calmer(incident: Incident, health: Health, options: MonitoringOptions) -> IncidentChange:
    start, calm = health.window.start, incident.calm + 1
    enough = 1 if incident.kind == "data" or _passes(incident, health) else options.calm
    if calm < enough:
        return IncidentChange(change="updated", incident=replace(incident, calm=calm))
    return IncidentChange(change="closed", incident=replace(incident, calm=calm, closed=start))


def _passes(incident: Incident, health: Health) -> bool:
    """Whether the requirement that failed is now surely kept."""
    return any(_name(verdict) == incident.cause and verdict.verdict == "pass" for verdict in health.verdicts)


def _name(verdict: Judged) -> str:
    return f"{verdict.requirement} ({verdict.slice})" if verdict.slice else verdict.requirement


def _newest(incident: Incident, options: MonitoringOptions) -> datetime:
    return incident.last + incident.calm * timedelta(seconds=options.window_seconds)


def _could_show(incident: Incident, health: Health) -> bool:
    """Whether the window would have shown the cause, were it still there."""
    if incident.kind == "drift":
        return health.evidence is not None
    if incident.kind == "performance":
        return any(verdict.verdict in ("pass", "fail", "inconclusive") for verdict in health.verdicts)
    return incident.cause == "volume" or health.window.rows >= FEWEST


def _title(details: Mapping[str, str]) -> str:
    texts = tuple(details.values())
    more = len(texts) - 1
    return texts[0] + (f" (and {more} more: {', '.join(list(details)[1 : 1 + _NAMED])})" if more else "")
