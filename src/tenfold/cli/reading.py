"""A model that a person can read, in a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tenfold.cli.command import Document
from tenfold.cli.table import number, rows

if TYPE_CHECKING:
    from rich.console import Console

_MOST, _STEPS, _NAMED = 12, 5, 4


def show_reading(reading: Document, console: Console) -> None:
    """Print a model's terms, coefficients or rules; nothing for a model that nobody can read."""
    if not reading:
        return
    from rich.text import Text

    scores = [str(score) for score in reading.get("scores") or []]
    console.print()
    if reading.get("kind") == "tree":
        for told in _rules(reading.get("tree") or {}, scores, 0, ""):
            console.print(Text(told))
        return
    start = ", ".join(number(value) for value in reading.get("intercept") or [])
    console.print(Text(f"{reading.get('kind')} ({reading.get('link')}): starts at {start}, then adds"))
    if reading.get("kind") == "additive":
        terms = reading.get("terms") or []
        rows(console, ("column", "up to", "what it adds"), (_term(term, scores) for term in terms[:_MOST]))
        _more(len(terms), console)
        return
    listed = reading.get("coefficients") or []
    rows(
        console,
        ("column", *scores, "for one more of its unit"),
        (
            (
                each.get("column", ""),
                *(f"{value:+.3g}" for value in each.get("values") or []),
                ", ".join(f"{value:+.3g}" for value in each.get("per_unit") or []),
            )
            for each in listed[:_MOST]
        ),
        right=tuple(scores),
    )
    _more(len(listed), console)


def _more(count: int, console: Console) -> None:
    if count > _MOST:
        console.print(f"[dim]{count - _MOST} more: --json[/]")


def _term(term: Mapping[str, Any], scores: Sequence[str]) -> tuple[str, str, str]:
    """Return a column, the most it adds or takes, and a few places of its curve."""
    values, span = term.get("values") or [[]], f"± {float(term.get('span', 0.0)) / 2:.3g}"
    told = []
    for score, own in zip(scores, values, strict=False):
        places = sorted({round(step * (len(own) - 1) / (_STEPS - 1)) for step in range(_STEPS)})
        named = ", ".join(f"{_place(term, place)}: {own[place]:+.3g}" for place in places)
        told.append(f"{score}: {named}" if len(values) > 1 else named)
    return str(term.get("column", "")), span, "; ".join(told)


def _place(term: Mapping[str, Any], place: int) -> str:
    levels, edges = term.get("levels") or [], term.get("edges") or []
    if levels:
        return str(levels[place])
    return f"≤ {number(edges[place])}" if place < len(edges) else "above"


def _rules(branch: Mapping[str, Any], scores: Sequence[str], depth: int, asks: str) -> Iterator[str]:
    if not branch.get("column"):
        values = branch.get("values") or []
        told = (
            number(values[-1])
            if len(scores) == 1
            else ", ".join(f"{name} {number(value)}" for name, value in zip(scores, values, strict=False) if value)
        )
        yield f"{'  ' * depth}{asks} → {told}"
        return
    if asks:
        yield f"{'  ' * depth}{asks}"
    below = depth + 1 if asks else depth
    column, levels = branch["column"], branch.get("levels") or []
    if levels:
        named = ", ".join(levels[:_NAMED]) + (f" or {len(levels) - _NAMED} more" if len(levels) > _NAMED else "")
        yes, no = f"{column} is one of: {named}", f"{column} is any other"
    else:
        yes, no = f"{column} ≤ {number(branch['at_most'])}", f"{column} > {number(branch['at_most'])}"
    yield from _rules(branch["yes"], scores, below, yes)
    yield from _rules(branch["no"], scores, below, no)
