"""A few marks of SVG: enough for plots that need no script, no font and no network.

Colours are CSS classes, so that one drawing serves light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from tenfold.reports.words import short

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The area of a plot: what is shown (data), and where (pixels)."""

    low_x: float
    high_x: float
    low_y: float
    high_y: float
    width: int = 360
    height: int = 270
    left: int = 58
    right: int = 14
    top: int = 12
    bottom: int = 44

    def x(self, value: float) -> float:
        """Return the horizontal place of a value."""
        share = (value - self.low_x) / (self.high_x - self.low_x)
        return self.left + share * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        """Return the vertical place of a value; larger values stand higher."""
        share = (value - self.low_y) / (self.high_y - self.low_y)
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)


def drawing(width: int, height: int, label: str, marks: Iterable[str]) -> str:
    """Return an SVG image with a text for those who cannot see it."""
    body = "".join(marks)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">{body}</svg>'


def line(start: Point, end: Point, kind: str) -> str:
    """Return a straight line of a CSS class."""
    return f'<line class="{kind}" x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"/>'


def path(points: Sequence[Point], kind: str, *, close: bool = False) -> str:
    """Return a line through points, or the area that it encloses."""
    steps = " ".join(f"{'M' if place == 0 else 'L'}{x:.1f} {y:.1f}" for place, (x, y) in enumerate(points))
    return f'<path class="{kind}" d="{steps}{" Z" if close else ""}"/>'


def box(corner: Point, size: Point, kind: str, *, style: str = "") -> str:
    """Return a rectangle given by its upper left corner and its size."""
    extra = f' style="{escape(style)}"' if style else ""
    return (
        f'<rect class="{kind}"{extra} x="{corner[0]:.1f}" y="{corner[1]:.1f}"'
        f' width="{max(size[0], 0.0):.1f}" height="{max(size[1], 0.0):.1f}"/>'
    )


def dot(centre: Point, radius: float, kind: str) -> str:
    """Return a filled circle."""
    return f'<circle class="{kind}" cx="{centre[0]:.1f}" cy="{centre[1]:.1f}" r="{radius:g}"/>'


def text(place: Point, content: str, kind: str = "tick", *, anchor: str = "start", turn: float = 0.0) -> str:
    """Return a text; what comes from data is escaped here."""
    turned = f' transform="rotate({turn:g} {place[0]:.1f} {place[1]:.1f})"' if turn else ""
    return (
        f'<text class="{kind}" x="{place[0]:.1f}" y="{place[1]:.1f}" text-anchor="{anchor}"{turned}>'
        f"{escape(content)}</text>"
    )


def axes(frame: Frame, label_x: str, label_y: str) -> list[str]:
    """Return grid lines, ticks and labels of both axes."""
    marks = []
    for value in ticks(frame.low_x, frame.high_x):
        x = frame.x(value)
        marks.append(line((x, frame.top), (x, frame.height - frame.bottom), "grid"))
        marks.append(text((x, frame.height - frame.bottom + 16), short(value), anchor="middle"))
    for value in ticks(frame.low_y, frame.high_y):
        y = frame.y(value)
        marks.append(line((frame.left, y), (frame.width - frame.right, y), "grid"))
        marks.append(text((frame.left - 7, y + 3.5), short(value), anchor="end"))
    middle = (frame.left + frame.width - frame.right) / 2
    marks.append(text((middle, frame.height - 8), label_x, "axis", anchor="middle"))
    upright = (frame.top + frame.height - frame.bottom) / 2
    marks.append(text((12, upright), label_y, "axis", anchor="middle", turn=-90))
    return marks


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers between two others."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    raw = span / about
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]
