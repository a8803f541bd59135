"""A metric over the windows of production, with its intervals, drawn without a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tenfold.project.metric_order import in_order
from tenfold.reports.svg import Frame, dot, drawing, line, path, text, ticks
from tenfold.reports.words import number, short
from tenfold.spec.schema import Spec
from tenfold.store.monitoring import KeptWindow
from tenfold.web.state import Span

_WIDTH, _HEIGHT = 1000, 250
_MOST_DAYS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The drawing of one metric in so many windows; ``bound`` is what is asked of all rows, where something is.

    ``intervals``, ``failed`` and ``released`` say whether there is such a mark in it: only these are explained.
    """

    metric: str
    svg: str
    windows: int
    bound: float | None
    intervals: bool
    failed: bool
    released: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    at: float
    value: float
    low: float | None
    high: float | None
    verdict: str


def trend_of(looks: Sequence[KeptWindow], spans: Sequence[Span], spec: Spec) -> Trend | None:
    """Return the main metric over time; None where fewer than two windows measured it."""
    measured = [look.health.metrics for look in looks if look.health.metrics]
    if not measured:
        return None
    metric = in_order(spec, measured[-1])[0]
    points = [point for look in looks if (point := _point(look, metric)) is not None]
    if len(points) < 2:
        return None
    bounds = [
        judged.bound
        for look in looks
        for judged in look.health.verdicts
        if judged.metric == metric and not judged.slice and judged.bound is not None
    ]
    bound = bounds[-1] if bounds else None
    low, high = _edges(points)
    inside = [span for span in spans if low <= span.since.timestamp() <= high]
    return Trend(
        metric=metric,
        svg=_drawn(metric, points, bound, inside),
        windows=len(points),
        bound=bound,
        intervals=any(each.low is not None and each.high is not None for each in points),
        failed=any(each.verdict == "fail" for each in points),
        released=bool(inside),
    )


def _edges(points: Sequence[_Point]) -> tuple[float, float]:
    """Return the first and the last moment of the drawing: there is some room beside the points."""
    side = 0.02 * (points[-1].at - points[0].at)
    return points[0].at - side, points[-1].at + side


def _point(look: KeptWindow, metric: str) -> _Point | None:
    measured = look.health.metrics.get(metric)
    if measured is None or measured.value is None:
        return None
    words = [each.verdict for each in look.health.verdicts if each.metric == metric and not each.slice]
    return _Point(
        at=look.health.window.start.timestamp(),
        value=measured.value,
        low=measured.low,
        high=measured.high,
        verdict=words[0] if words else "",
    )


def _drawn(metric: str, points: Sequence[_Point], bound: float | None, spans: Sequence[Span]) -> str:
    known = [each for point in points for each in (point.low, point.value, point.high) if each is not None]
    known += [] if bound is None else [bound]
    room = 0.08 * ((max(known) - min(known)) or abs(known[0]) or 1.0)
    first, last = points[0].at, points[-1].at
    low, high = _edges(points)
    frame = Frame(
        low_x=low,
        high_x=high,
        low_y=min(known) - room,
        high_y=max(known) + room,
        width=_WIDTH,
        height=_HEIGHT,
        left=62,
        right=16,
        top=22,
        bottom=30,
    )
    foot = frame.height - frame.bottom
    marks = []
    for value in ticks(frame.low_y, frame.high_y):
        marks.append(line((frame.left, frame.y(value)), (frame.width - frame.right, frame.y(value)), "grid"))
        marks.append(text((frame.left - 8, frame.y(value) + 4), short(value), anchor="end"))
    step = max(1, -(-len(points) // _MOST_DAYS))
    marks += [text((frame.x(each.at), foot + 19), _day(each.at), anchor="middle") for each in points[::step]]
    free = 0.0
    for span in spans:
        at = span.since.timestamp()
        marks.append(line((frame.x(at), frame.top - 6), (frame.x(at), foot), "released"))
        # Names that would lie on each other are left to the page of history.
        if frame.x(at) < free:
            continue
        free = frame.x(at) + 8.0 * len(span.release.ref)
        anchor = "end" if frame.x(at) > 0.9 * _WIDTH else "start"
        gap = -5 if anchor == "end" else 5
        marks.append(text((frame.x(at) + gap, frame.top - 8), span.release.ref, anchor=anchor))
    if bound is not None:
        marks.append(line((frame.left, frame.y(bound)), (frame.width - frame.right, frame.y(bound)), "asked"))
    marks += [
        line((frame.x(each.at), frame.y(each.low)), (frame.x(each.at), frame.y(each.high)), "whisker")
        for each in points
        if each.low is not None and each.high is not None
    ]
    marks.append(path([(frame.x(each.at), frame.y(each.value)) for each in points], "curve"))
    for each in points:
        centre = (frame.x(each.at), frame.y(each.value))
        # A window that fails has another shape, not only another colour.
        if each.verdict == "fail":
            marks.append(line((centre[0] - 6, centre[1] - 6), (centre[0] + 6, centre[1] + 6), "cross"))
            marks.append(line((centre[0] - 6, centre[1] + 6), (centre[0] + 6, centre[1] - 6), "cross"))
        else:
            marks.append(dot(centre, 4, "point"))
    told = (
        f"{metric} in {len(points)} windows from {_day(first)} to {_day(last)}: from {number(points[0].value)}"
        f" to {number(points[-1].value)}, lowest {number(min(each.value for each in points))},"
        f" highest {number(max(each.value for each in points))}"
    )
    return drawing(_WIDTH, _HEIGHT, told if bound is None else f"{told}; asked: {number(bound)}", marks)


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, tz=UTC):%d %b %Y}"
