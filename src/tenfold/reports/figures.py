"""The plots that people expect, drawn from the plain numbers of the evaluation record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tenfold.reports.svg import Frame, Point, axes, box, dot, drawing, line, path, text
from tenfold.reports.words import count, number, percent

Numbers = Mapping[str, Any]

_MOST_COLUMNS = 15
_LONGEST_NAME = 20
_KINDS = ("", "second", "third", "fourth", "fifth")
"""Colours of lines that are drawn together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A drawing, its title, and one sentence on how to read it."""

    title: str
    caption: str
    svg: str
    wide: bool = False


def draw_figures(plots: Mapping[str, object]) -> tuple[Figure, ...]:
    """Return the figures whose numbers are on record, in the order in which they are read."""
    found = []
    for name, draw in FIGURES.items():
        numbers = plots.get(name)
        if isinstance(numbers, Mapping):
            figure = draw(numbers)
            if figure is not None:
                found.append(figure)
    return tuple(found)


def interval_bar(*, low: float | None, value: float | None, high: float | None, bound: float | None, kind: str) -> str:
    """Return a small bar: the interval, the value in it, and the bound to be met."""
    known = [number for number in (low, value, high, bound) if number is not None]
    if value is None or not known:
        return ""
    span = (max(known) - min(known)) or abs(value) or 1.0
    frame = Frame(
        low_x=min(known) - 0.12 * span,
        high_x=max(known) + 0.12 * span,
        low_y=0,
        high_y=1,
        width=220,
        height=26,
        left=4,
        right=4,
        top=2,
        bottom=2,
    )
    marks = [line((4, 13), (216, 13), "rail")]
    if low is not None and high is not None:
        marks.append(box((frame.x(low), 9), (max(frame.x(high) - frame.x(low), 1.5), 8), f"span {kind}"))
    marks.append(dot((frame.x(value), 13), 4, f"mark {kind}"))
    told = f"value {number(value)}, interval {number(low)} to {number(high)}"
    if bound is not None:
        marks.append(line((frame.x(bound), 1), (frame.x(bound), 25), "bound"))
        told += f", bound {number(bound)}"
    return drawing(220, 26, told, marks)


def interval_strip(*, low: float | None, value: float, high: float | None, scale: Point) -> str:
    """Return an interval on a scale that it shares with others."""
    span = (scale[1] - scale[0]) or abs(scale[0]) or 1.0
    frame = Frame(
        low_x=scale[0] - 0.04 * span,
        high_x=scale[1] + 0.04 * span,
        low_y=0,
        high_y=1,
        width=180,
        height=18,
        left=4,
        right=4,
        top=2,
        bottom=2,
    )
    marks = [line((4, 9), (176, 9), "rail")]
    if low is not None and high is not None:
        marks.append(line((frame.x(low), 9), (frame.x(high), 9), "whisker"))
    marks.append(dot((frame.x(value), 9), 3.6, "point"))
    return drawing(180, 18, f"{number(value)}, interval {number(low)} to {number(high)}", marks)


def _roc(numbers: Numbers) -> Figure:
    frame = Frame(low_x=0, high_x=1, low_y=0, high_y=1)
    curve = _points(frame, numbers["false_positive_rate"], numbers["true_positive_rate"])
    floor = [(frame.x(1), frame.y(0)), (frame.x(0), frame.y(0))]
    marks = [
        *axes(frame, "false positive rate", "true positive rate"),
        path([*curve, *floor], "area", close=True),
        line((frame.x(0), frame.y(0)), (frame.x(1), frame.y(1)), "chance"),
        path(curve, "curve"),
    ]
    return Figure(
        title="ROC curve",
        caption="Share of positives found against share of negatives wrongly taken; the dashed line is chance.",
        svg=drawing(frame.width, frame.height, "ROC curve", marks),
    )


def _precision_recall(numbers: Numbers) -> Figure:
    frame = Frame(low_x=0, high_x=1, low_y=0, high_y=1)
    share = float(numbers["share"])
    marks = [
        *axes(frame, "recall", "precision"),
        line((frame.x(0), frame.y(share)), (frame.x(1), frame.y(share)), "chance"),
        path(_points(frame, numbers["recall"], numbers["precision"]), "curve"),
    ]
    return Figure(
        title="Precision and recall",
        caption=f"What share of the rows taken are positive; {percent(share)} of all rows are (dashed).",
        svg=drawing(frame.width, frame.height, "precision against recall", marks),
    )


def _roc_classes(numbers: Numbers) -> Figure:
    frame = Frame(low_x=0, high_x=1, low_y=0, high_y=1)
    named = [f"{_short(str(one['class']), 14)} {number(float(one['area']))}" for one in numbers["classes"]]
    marks = [
        *axes(frame, "false positive rate", "true positive rate"),
        line((frame.x(0), frame.y(0)), (frame.x(1), frame.y(1)), "chance"),
        *_curves(frame, numbers["classes"], "false_positive_rate", "true_positive_rate"),
        *_key(frame, named),
    ]
    return Figure(
        title="ROC curve of each class",
        caption="Each class against all others, with the area under its curve; the dashed line is chance."
        + _left_out(numbers),
        svg=drawing(frame.width, frame.height, "ROC curve of each class against all others", marks),
    )


def _precision_recall_classes(numbers: Numbers) -> Figure:
    frame = Frame(low_x=0, high_x=1, low_y=0, high_y=1)
    named = [f"{_short(str(one['class']), 14)} ({percent(float(one['share']))})" for one in numbers["classes"]]
    marks = [
        *axes(frame, "recall", "precision"),
        *_curves(frame, numbers["classes"], "recall", "precision"),
        *_key(frame, named),
    ]
    return Figure(
        title="Precision and recall of each class",
        caption="What share of the rows taken for a class belong to it; in brackets its share of all rows."
        + _left_out(numbers),
        svg=drawing(frame.width, frame.height, "precision against recall of each class", marks),
    )


def _curves(frame: Frame, classes: Sequence[Numbers], across: str, up: str) -> list[str]:
    return [
        path(_points(frame, one[across], one[up]), f"curve {kind}".strip())
        for one, kind in zip(classes, _KINDS, strict=False)
    ]


def _key(frame: Frame, names: Sequence[str]) -> list[str]:
    """Return which line is which, in a corner of the plot on a ground of its own."""
    longest = max(len(name) for name in names)
    width, height = 30 + 6.4 * longest, 8 + 15 * len(names)
    left = frame.width - frame.right - width - 6
    top = frame.height - frame.bottom - height - 6
    marks = [box((left, top), (width, height), "ground")]
    for place, (name, kind) in enumerate(zip(names, _KINDS, strict=False)):
        y = top + 12 + 15 * place
        marks.append(line((left + 6, y), (left + 20, y), f"curve {kind}".strip()))
        marks.append(text((left + 25, y + 3.5), name))
    return marks


def _left_out(numbers: Numbers) -> str:
    left_out = int(numbers.get("left_out", 0))
    return f" {left_out} classes that are told apart better are not shown." if left_out else ""


def _calibration(numbers: Numbers) -> Figure | None:
    bins = numbers["bins"]
    if not bins:
        return None
    top = min(1.0, 1.1 * max(max(one["said"], one["high"]) for one in bins) + 0.02)
    frame = Frame(low_x=0, high_x=top, low_y=0, high_y=top)
    marks = [
        *axes(frame, "probability said", "share that happened"),
        line((frame.x(0), frame.y(0)), (frame.x(top), frame.y(top)), "chance"),
    ]
    for one in bins:
        x = frame.x(one["said"])
        marks.append(line((x, frame.y(min(one["low"], top))), (x, frame.y(min(one["high"], top))), "whisker"))
        marks.append(dot((x, frame.y(min(one["happened"], top))), 3.6, "point"))
    return Figure(
        title="Calibration",
        caption="When the model says 30 %, does it happen in 30 of 100 cases? On the dashed line it does.",
        svg=drawing(frame.width, frame.height, "share that happened against probability said", marks),
    )


def _scores(numbers: Numbers) -> Figure:
    edges, negative, positive = numbers["edges"], numbers["negative"], numbers["positive"]
    shares = [[value / max(sum(part), 1) for value in part] for part in (negative, positive)]
    top = max(max(part) for part in shares) * 1.08 or 1.0
    frame = Frame(low_x=0, high_x=1, low_y=0, high_y=top)
    marks = axes(frame, "probability of the positive class", "share of rows")
    for part, kind in zip(shares, ("bar-negative", "bar-positive"), strict=True):
        for place, value in enumerate(part):
            left, right = frame.x(edges[place]), frame.x(edges[place + 1])
            marks.append(box((left, frame.y(value)), (right - left - 0.6, frame.y(0) - frame.y(value)), kind))
    # In the middle: the scores of a good model crowd at both ends.
    left = (frame.left + frame.width - frame.right) / 2 - 50
    marks += [
        box((left - 6, 13), (112, 38), "ground"),
        box((left, 18), (10, 10), "bar-negative"),
        text((left + 14, 27), "negative rows"),
        box((left, 34), (10, 10), "bar-positive"),
        text((left + 14, 43), "positive rows"),
    ]
    return Figure(
        title="Scores by class",
        caption="How the scores of the two classes lie; the less they overlap, the better they are told apart.",
        svg=drawing(frame.width, frame.height, "histogram of scores by class", marks),
    )


def _gain(numbers: Numbers) -> Figure:
    frame = Frame(low_x=0, high_x=1, low_y=0, high_y=1)
    marks = [
        *axes(frame, "share of rows, best scores first", "share of positives found"),
        line((frame.x(0), frame.y(0)), (frame.x(1), frame.y(1)), "chance"),
        path(_points(frame, numbers["rows"], numbers["found"]), "curve"),
    ]
    return Figure(
        title="Gain",
        caption="If only so many rows can be acted on, how many of the positives are among them.",
        svg=drawing(frame.width, frame.height, "share of positives found against share of rows", marks),
    )


def _money(numbers: Numbers) -> Figure:
    cuts, brought = numbers["threshold"], numbers["per_row"]
    chosen, reached = min(float(numbers["chosen"]), 1.0), float(numbers["chosen_per_row"])
    low, high = min(*brought, reached), max(*brought, reached)
    room = 0.08 * ((high - low) or abs(high) or 1.0)
    frame = Frame(low_x=0, high_x=1, low_y=low - room, high_y=high + room, left=74)
    constant = max(float(numbers["all"]), float(numbers["none"]))
    marks = [
        *axes(frame, "threshold", "money per row"),
        line((frame.x(0), frame.y(constant)), (frame.x(1), frame.y(constant)), "chance"),
        path(_points(frame, cuts, brought), "curve"),
        dot((frame.x(chosen), frame.y(reached)), 4, "point"),
    ]
    lift = reached - constant
    return Figure(
        title="Money by threshold",
        caption=f"At the threshold chosen out of fold ({number(chosen)}, the dot) a row brings {number(reached)},"
        f" {number(abs(lift))} {'more' if lift >= 0 else 'less'} than the best constant decision (dashed).",
        svg=drawing(frame.width, frame.height, "money per row against the decision threshold", marks),
    )


def _confusion(numbers: Numbers) -> Figure:
    names, counts = [str(name) for name in numbers["classes"]], numbers["counts"]
    size = len(names)
    room = 92 if size > 2 else 80
    cell = max(22.0, min(78.0, 300.0 / size))
    # As wide as the other plots, so that its words are as large.
    width, height = max(360, int(room + size * cell + 16)), int(38 + size * cell + 8)
    marks = [text((room + size * cell / 2, 14), "decided", "axis", anchor="middle")]
    for row in range(size):
        total = max(sum(counts[row]), 1)
        marks.append(text((room - 8, 38 + (row + 0.5) * cell + 4), _short(names[row], 12), anchor="end"))
        marks.append(text((room + (row + 0.5) * cell, 31), _short(names[row], 3 + int(cell / 8)), anchor="middle"))
        for column in range(size):
            share = counts[row][column] / total
            corner = (room + column * cell, 38 + row * cell)
            kind = "cell-right" if row == column else "cell-wrong"
            marks.append(box(corner, (cell - 2, cell - 2), kind, style=f"fill-opacity:{0.06 + 0.84 * share:.3f}"))
            if cell >= 34 or counts[row][column]:
                label = count(counts[row][column]) if cell >= 34 else _brief(counts[row][column])
                strong = "cell-strong" if share > 0.55 else "cell-text"
                marks.append(text((corner[0] + cell / 2 - 1, corner[1] + cell / 2 + 4), label, strong, anchor="middle"))
    marks.append(text((12, 38 + size * cell / 2), "truth", "axis", anchor="middle", turn=-90))
    left_out = int(numbers.get("left_out", 0))
    return Figure(
        title="Confusion",
        caption="What the rows of each class were decided to be; strength is the share of the class."
        + (f" {left_out} rarer classes are not shown." if left_out else ""),
        svg=drawing(width, height, "counts of decisions by true class", marks),
        wide=size > 8,
    )


def _predicted(numbers: Numbers) -> Figure | None:
    said, truth = numbers["predicted"], numbers["truth"]
    if not said:
        return None
    low, high = min(*said, *truth), max(*said, *truth)
    if not low < high:
        return None
    frame = Frame(low_x=low, high_x=high, low_y=low, high_y=high, left=74)
    marks = [
        *axes(frame, "predicted", "truth"),
        *(dot((frame.x(x), frame.y(y)), 2.2, "scatter") for x, y in zip(said, truth, strict=True)),
        line((frame.x(low), frame.y(low)), (frame.x(high), frame.y(high)), "chance"),
    ]
    return Figure(
        title="Truth against prediction",
        caption=f"{count(len(said))} rows drawn by chance; on the dashed line the prediction is right.",
        svg=drawing(frame.width, frame.height, "truth against prediction", marks),
    )


def _residuals(numbers: Numbers) -> Figure:
    edges, counts = numbers["edges"], numbers["counts"]
    frame = Frame(low_x=edges[0], high_x=edges[-1], low_y=0, high_y=max(counts) * 1.08 or 1.0)
    marks = axes(frame, "truth minus prediction", "rows")
    for place, value in enumerate(counts):
        left, right = frame.x(edges[place]), frame.x(edges[place + 1])
        marks.append(box((left, frame.y(value)), (right - left - 0.8, frame.y(0) - frame.y(value)), "bar"))
    if edges[0] < 0 < edges[-1]:
        marks.append(line((frame.x(0), frame.top), (frame.x(0), frame.height - frame.bottom), "chance"))
    return Figure(
        title="Residuals",
        caption=f"Mean {number(float(numbers['mean']))}; the outermost hundredths stand in the outer bars.",
        svg=drawing(frame.width, frame.height, "histogram of truth minus prediction", marks),
    )


def _residual_spread(numbers: Numbers) -> Figure | None:
    bins = numbers["bins"]
    if len(bins) < 2 or not bins[0]["said"] < bins[-1]["said"]:
        return None
    low, high = min(0.0, *(one["low"] for one in bins)), max(0.0, *(one["high"] for one in bins))
    if not low < high:
        return None
    room = 0.05 * (high - low)
    across = 0.04 * (bins[-1]["said"] - bins[0]["said"])
    frame = Frame(
        low_x=bins[0]["said"] - across,
        high_x=bins[-1]["said"] + across,
        low_y=low - room,
        high_y=high + room,
        left=74,
    )
    marks = [
        *axes(frame, "predicted", "truth minus prediction"),
        line((frame.x(frame.low_x), frame.y(0)), (frame.x(frame.high_x), frame.y(0)), "chance"),
    ]
    for one in bins:
        x = frame.x(one["said"])
        marks.append(line((x, frame.y(one["low"])), (x, frame.y(one["high"])), "whisker"))
        marks.append(dot((x, frame.y(one["middle"])), 3.6, "point"))
    return Figure(
        title="Residuals by prediction",
        caption="Nine of ten rows with predictions about there lie on the line, half below the dot. Dots off the dashed"
        " line are a bias there, longer lines larger errors.",
        svg=drawing(frame.width, frame.height, "residuals against predictions", marks),
    )


def _importance(numbers: Numbers) -> Figure | None:
    columns = [one for one in numbers["columns"] if one["added_loss"] > 0][:_MOST_COLUMNS]
    if not columns:
        return None
    top = max(one["added_loss"] for one in columns)
    height = 16 + 22 * len(columns)
    marks = []
    for place, one in enumerate(columns):
        y = 8 + 22 * place
        length = 132 * one["added_loss"] / top
        marks.append(text((158, y + 14), _short(str(one["column"]), _LONGEST_NAME), "name", anchor="end"))
        marks.append(box((164, y + 3), (max(length, 1.5), 14), "bar"))
        marks.append(text((164 + length + 6, y + 14), number(one["added_loss"])))
    return Figure(
        title="What the model leans on",
        caption="Loss added when the values of one column are shuffled among rows; columns that say the same share it.",
        svg=drawing(360, height, "columns by the loss that shuffling them adds", marks),
    )


def _points(frame: Frame, xs: list[float], ys: list[float]) -> list[Point]:
    return [(frame.x(x), frame.y(y)) for x, y in zip(xs, ys, strict=True)]


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else name[: max(most - 1, 1)] + "…"


def _brief(value: int) -> str:
    return str(value) if value < 1000 else f"{value / 1000:.0f}k"


FIGURES: Mapping[str, Callable[[Numbers], Figure | None]] = {
    "roc": _roc,
    "precision_recall": _precision_recall,
    "roc_classes": _roc_classes,
    "precision_recall_classes": _precision_recall_classes,
    "calibration": _calibration,
    "scores": _scores,
    "gain": _gain,
    "money": _money,
    "predicted": _predicted,
    "residuals": _residuals,
    "residual_spread": _residual_spread,
    "confusion": _confusion,
    "importance": _importance,
}
