"""How far the data can go, as figures of a page: the ceiling, the learning curve, and the rows that are needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tenfold.records.problem import Ceiling, Feasibility, LearningCurve
from tenfold.reports.figures import Figure
from tenfold.reports.svg import Frame, Point, dot, drawing, line, path, text, ticks
from tenfold.reports.words import between, count, number, short

_HEADS = {
    "feasible": ("signal found", "good"),
    "inconclusive": ("not decided", "unsure"),
    "infeasible": ("no signal", "bad"),
    "leaking": ("the answer leaks", "bad"),
    "skipped": ("not looked at", "open"),
}
_SHOWN_DOUBLED = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that was found out before training; ``figures`` is its value and interval, ``told`` a sentence."""

    name: str
    figures: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The section about feasibility."""

    status: str
    tone: str
    reason: str
    lines: tuple[Line, ...]
    figure: Figure | None
    ahead: bool


def outlook_of(found: Feasibility | None) -> Outlook | None:
    """Return what is told of the feasibility; None where it was not looked at."""
    if found is None:
        return None
    status, tone = _HEADS[found.status]
    lines = [*_signal(found), *_ceiling(found.ceiling), *_curve(found.curve)]
    if found.gain is not None:
        lines.append(
            Line(
                name="worth",
                figures=f"{number(found.gain)} a row ({between(found.gain_low, found.gain_high)})",
                told="what a quick model's decisions bring over the better of the best constant decision and the rule",
            )
        )
    return Outlook(
        status=status,
        tone=tone,
        reason=found.reason,
        lines=tuple(lines),
        figure=None if found.curve is None else draw_curve(found.curve),
        ahead=found.ceiling is not None or found.curve is not None,
    )


def _signal(found: Feasibility) -> Sequence[Line]:
    if found.value is None:
        return ()
    told = f"chance {number(found.chance)}" + ("" if found.rule is None else f", the rule in use {number(found.rule)}")
    told += "" if found.required is None else f", asked for {number(found.required)}"
    figures = f"{found.metric} {number(found.value)} ({between(found.low, found.high)})"
    return (Line(name="signal", figures=figures, told=f"quick models on {count(found.n)} rows; {told}"),)


def _ceiling(ceiling: Ceiling | None) -> Sequence[Line]:
    if ceiling is None:
        return ()
    name = "share of wrong classes" if ceiling.metric == "error_rate" else "root of the mean squared error"
    told = f"the {name} of the best possible model of these columns, with its 95 % interval"
    if ceiling.out_of_reach:
        told += f"; out of reach: {', '.join(ceiling.out_of_reach)}"
    figures = f"{number(ceiling.value)} ({between(ceiling.low, ceiling.high)})"
    return (Line(name="ceiling", figures=figures, told=told),)


def _curve(curve: LearningCurve | None) -> Sequence[Line]:
    if curve is None:
        return ()
    figures: str = curve.says
    if curve.rows_low is not None and curve.rows_high is not None and curve.says == "range":
        figures = f"{count(curve.rows_low)} to {count(curve.rows_high)}"
    lines = [Line(name="rows needed", figures=figures, told=curve.reason)]
    if curve.doubled is not None:
        told = f"{curve.metric} to be expected of twice the rows that quick models were trained on"
        figures = f"{number(curve.doubled)} ({between(curve.doubled_low, curve.doubled_high)})"
        lines.append(Line(name="twice the rows", figures=figures, told=told))
    return lines


def draw_curve(curve: LearningCurve) -> Figure | None:
    """Return the learning curve on a scale of doublings, with what is asked and the rows that are needed."""
    if len(curve.points) < 2:
        return None
    least, most = curve.points[0].rows, curve.points[-1].rows
    right = max(_SHOWN_DOUBLED * most, curve.rows_high or 0) if curve.says == "range" else _SHOWN_DOUBLED * most
    ends = [end for one in curve.points for end in (one.value - one.error, one.value + one.error)]
    ends += [value for value in (curve.level, curve.doubled_low, curve.doubled_high) if value is not None]
    room = 0.06 * ((max(ends) - min(ends)) or abs(max(ends)) or 1.0)
    frame = Frame(
        low_x=math.log2(least) - 0.2,
        high_x=math.log2(right) + 0.2,
        low_y=min(ends) - room,
        high_y=max(ends) + room,
        width=640,
        height=300,
    )
    places = [(frame.x(math.log2(one.rows)), frame.y(one.value)) for one in curve.points]
    marks = [*_axes(frame, curve, [one.rows for one in curve.points], right), *_asked(frame, curve)]
    for place, one in zip(places, curve.points, strict=True):
        marks.append(
            line((place[0], frame.y(one.value - one.error)), (place[0], frame.y(one.value + one.error)), "whisker")
        )
    marks.append(path(places, "curve"))
    marks += [dot(place, 3.6, "point") for place in places]
    marks += _doubled(frame, curve, places[-1], most)
    told = f"{curve.metric} of the best quick model on {count(least)} to {count(most)} training rows"
    caption = f"{told}, with one standard error; the dashed line is what is asked ({number(curve.level)})."
    if curve.says == "range":
        caption += " The bar on it spans the rows that are needed, at 90 %."
    return Figure(title="Learning curve", caption=caption, svg=drawing(640, 300, told, marks), wide=True)


def _axes(frame: Frame, curve: LearningCurve, rows: Sequence[int], right: float) -> list[str]:
    marks = []
    shown = list(rows)
    while shown[-1] * 2 <= right * 1.01:
        shown.append(shown[-1] * 2)
    step = math.ceil(len(shown) / 9)
    for each in shown[::-1][::step]:
        x = frame.x(math.log2(each))
        marks.append(line((x, frame.top), (x, frame.height - frame.bottom), "grid"))
        marks.append(text((x, frame.height - frame.bottom + 16), count(each), anchor="middle"))
    for value in ticks(frame.low_y, frame.high_y):
        y = frame.y(value)
        marks.append(line((frame.left, y), (frame.width - frame.right, y), "grid"))
        marks.append(text((frame.left - 7, y + 3.5), short(value), anchor="end"))
    middle, upright = (frame.left + frame.width - frame.right) / 2, (frame.top + frame.height - frame.bottom) / 2
    marks.append(text((middle, frame.height - 8), "training rows", "axis", anchor="middle"))
    marks.append(text((12, upright), curve.metric, "axis", anchor="middle", turn=-90))
    return marks


def _asked(frame: Frame, curve: LearningCurve) -> list[str]:
    y = frame.y(curve.level)
    marks = [line((frame.left, y), (frame.width - frame.right, y), "chance")]
    if curve.says == "range" and curve.rows_low and curve.rows_high:
        low, high = (max(frame.x(math.log2(rows)), float(frame.left)) for rows in (curve.rows_low, curve.rows_high))
        marks.append(line((low, y), (high, y), "bound"))
    return marks


def _doubled(frame: Frame, curve: LearningCurve, last: Point, most: int) -> list[str]:
    if curve.doubled is None or curve.doubled_low is None or curve.doubled_high is None:
        return []
    x = frame.x(math.log2(_SHOWN_DOUBLED * most))
    return [
        line(last, (x, frame.y(curve.doubled)), "chance"),
        line((x, frame.y(curve.doubled_low)), (x, frame.y(curve.doubled_high)), "whisker"),
        dot((x, frame.y(curve.doubled)), 3.6, "scatter"),
    ]
