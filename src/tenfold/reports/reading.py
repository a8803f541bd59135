"""A model that a person can read, drawn and written out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tenfold.bundle.reading import Branch, Coefficient, Reading, Term
from tenfold.reports.figures import Figure
from tenfold.reports.svg import Frame, Point, axes, box, drawing, line, path, text
from tenfold.reports.words import number

_MOST_TERMS, _MOST_LEVELS, _MOST_SCORES, _MOST_NAMED = 24, 14, 5, 4
_SCORE_KINDS = ("curve", "curve second", "curve third", "curve fourth", "curve fifth")
_ADDS: Mapping[str, str] = {
    "identity": "{target}",
    "exp": "log {target}",
    "logistic": "log odds of {target}",
    "softmax": "score of the class",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One coefficient, ready to be shown."""

    column: str
    values: tuple[str, ...]
    per_unit: tuple[str, ...]
    typical: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of a tree: how deep it stands, what it asks, or what it answers."""

    depth: int
    asks: str
    answers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPage:
    """What the template prints."""

    kind: str
    what: str
    scores: tuple[str, ...]
    intercept: tuple[str, ...]
    figures: tuple[Figure, ...] = ()
    more: int = 0
    recalibrated: bool = False
    rows: tuple[Row, ...] = ()
    rules: tuple[Rule, ...] = ()


def read_page(reading: Reading | None) -> ReadPage | None:
    """Return a reading as it is shown; None where there is nothing to read."""
    if reading is None:
        return None
    what = _ADDS[reading.link].format(target=reading.scores[-1])
    return ReadPage(
        kind=reading.kind,
        what=what,
        scores=reading.scores,
        intercept=tuple(number(value) for value in reading.intercept),
        figures=tuple(_term(term, reading.scores, what) for term in reading.terms[:_MOST_TERMS]),
        more=max(0, len(reading.terms) - _MOST_TERMS),
        recalibrated=reading.recalibrated,
        rows=tuple(_row(each) for each in reading.coefficients),
        rules=() if reading.tree is None else tuple(rules_of(reading.tree, reading.scores)),
    )


def rules_of(tree: Branch, scores: Sequence[str], depth: int = 0, asks: str = "") -> list[Rule]:
    """Return a tree as nested rules, top to bottom."""
    if tree.yes is None or tree.no is None:
        if len(scores) == 1:
            return [Rule(depth=depth, asks=asks, answers=number(tree.values[-1]))]
        told = ", ".join(f"{name} {number(value)}" for name, value in zip(scores, tree.values, strict=True) if value)
        return [Rule(depth=depth, asks=asks, answers=told)]
    own = [Rule(depth=depth, asks=asks, answers="")] if asks else []
    below = depth + 1 if asks else depth
    yes, no = _question(tree)
    return [*own, *rules_of(tree.yes, scores, below, yes), *rules_of(tree.no, scores, below, no)]


def _question(tree: Branch) -> tuple[str, str]:
    if tree.at_most is not None:
        return f"{tree.column} ≤ {number(tree.at_most)}", f"{tree.column} > {number(tree.at_most)}"
    named = ", ".join(tree.levels[:_MOST_NAMED])
    more = f" or {len(tree.levels) - _MOST_NAMED} more" if len(tree.levels) > _MOST_NAMED else ""
    return f"{tree.column} is one of: {named}{more}", f"{tree.column} is any other"


def _row(each: Coefficient) -> Row:
    return Row(
        column=each.column,
        values=tuple(f"{value:+.3g}" for value in each.values),
        per_unit=() if each.per_unit is None else tuple(f"{value:+.3g}" for value in each.per_unit),
        typical="" if each.center is None else f"{number(each.center)} ± {number(each.spread)}",
    )


def _term(term: Term, scores: Sequence[str], what: str) -> Figure:
    """Return the drawing of one column: steps for numbers, bars for levels."""
    missing = ", ".join(f"{value:+.3g}" for value in term.missing[:_MOST_SCORES])
    drawn = _bars(term, scores, what) if term.levels else _steps(term, scores, what)
    caption = f"Missing{' or never seen' if term.levels else ''}: {missing}."
    bars = len(term.levels) * len(scores)
    if bars > _MOST_LEVELS:
        caption += f" The {_MOST_LEVELS} bars that differ most from nothing, of {bars}."
    return Figure(title=term.column, caption=caption, svg=drawn)


def _steps(term: Term, scores: Sequence[str], what: str) -> str:
    values = term.values[:_MOST_SCORES]
    edges = list(term.edges)
    low, high = (edges[0], edges[-1]) if edges else (0.0, 1.0)
    room = 0.06 * (high - low) or abs(low) * 0.1 or 1.0
    frame = _frame(low - room, high + room, [value for score in values for value in score])
    marks = [*axes(frame, term.column, what), _nothing(frame)]
    for place, score in enumerate(values):
        points: list[Point] = []
        bounds = [low - room, *edges, high + room]
        for value, start, end in zip(score, bounds, bounds[1:], strict=False):
            points += [(frame.x(start), frame.y(value)), (frame.x(end), frame.y(value))]
        marks.append(path(points, _SCORE_KINDS[place]))
        if len(values) > 1:
            last = points[-1]
            marks.append(text((last[0] - 4, last[1] - 5), scores[place][:14], anchor="end"))
    return drawing(frame.width, frame.height, f"what {term.column} adds", marks)


def _bars(term: Term, scores: Sequence[str], what: str) -> str:
    entries = [
        (level if len(scores) == 1 else f"{level} · {score}", value)
        for place, level in enumerate(term.levels)
        for score, value in zip(scores, (own[place] for own in term.values), strict=True)
    ]
    entries = sorted(entries, key=lambda entry: -abs(entry[1]))[:_MOST_LEVELS]
    entries.sort(key=lambda entry: -entry[1])
    low, high = min(0.0, *(value for _, value in entries)), max(0.0, *(value for _, value in entries))
    room = 0.2 * (high - low) or 1.0
    height = 52 + 18 * len(entries)
    frame = Frame(
        low_x=low - 0.05 * room,
        high_x=high + room,
        low_y=0,
        high_y=1,
        width=320,
        height=height,
        left=104,
        bottom=38,
        top=8,
    )
    zero = frame.x(0.0)
    marks = []
    for place, (level, value) in enumerate(entries):
        y = 10 + 18 * place
        start, end = sorted((zero, frame.x(value)))
        kind = "bar-positive" if value > 0 else "bar"
        marks.append(box((start, y), (max(end - start, 1.0), 12), kind))
        marks.append(text((98, y + 10), level if len(level) <= 15 else f"{level[:14]}…", anchor="end"))
        # On the free side, where neither a bar nor a name stands.
        marks.append(text((end + 4, y + 10), f"{value:+.3g}"))
    marks.append(line((zero, 6), (zero, height - 38), "chance"))
    marks.append(text(((frame.left + frame.width) / 2, height - 14), what, "axis", anchor="middle"))
    return drawing(frame.width, frame.height, f"what {term.column} adds", marks)


def _frame(low_x: float, high_x: float, values: Sequence[float]) -> Frame:
    low, high = min(0.0, *values), max(0.0, *values)
    room = 0.08 * (high - low) or 1.0
    return Frame(
        low_x=low_x, high_x=high_x, low_y=low - room, high_y=high + room, width=320, height=210, left=62, bottom=40
    )


def _nothing(frame: Frame) -> str:
    """Return the line at which a column adds nothing."""
    return line((frame.left, frame.y(0.0)), (frame.width - frame.right, frame.y(0.0)), "chance")
