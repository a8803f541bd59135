"""Requirements by places: how each stands now, with its number, its interval, and when it was judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tenfold.records.evidence import Evidence, Verdict
from tenfold.records.health import Judged
from tenfold.records.problem import PLACES, Requirement
from tenfold.reports.figures import interval_bar
from tenfold.reports.words import short, unit
from tenfold.store.monitoring import KeptWindow
from tenfold.web.words import Tone, tone

PLACE_NAMES = {
    "test": "Sealed test",
    "ci": "CI",
    "canary": "Canary",
    "ab": "A/B test",
    "live": "Production",
    "retrain": "Retraining",
}
_ALWAYS_SHOWN = ("test", "live")
_SETTLED = frozenset({"pass", "fail", "inconclusive"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One requirement at one place; ``window`` names the window it rests on, ``at`` says when it was judged."""

    verdict: str
    tone: Tone
    metric: str
    value: float | None
    low: float | None
    high: float | None
    asked: str
    n: int
    at: datetime | None
    window: str = ""
    reason: str = ""
    bar: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One requirement, on all rows or on a slice, at every place."""

    requirement: str
    slice: str
    level: str
    text: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The table: ``places`` are its columns."""

    places: tuple[str, ...]
    rows: tuple[Row, ...]

    def at(self, place: str) -> tuple[tuple[Row, Cell], ...]:
        """Return what was judged at one place."""
        if place not in self.places:
            return ()
        column = self.places.index(place)
        return tuple((row, cell) for row in self.rows if (cell := row.cells[column]) is not None)


def standing_of(
    requirements: Sequence[Requirement], evidence: Iterable[Evidence], looks: Iterable[KeptWindow]
) -> Standing:
    """Return how a version stands.

    Parameters
    ----------
    requirements : sequence of Requirement
        Those of today's file; what was judged by others is shown after them.
    evidence : iterable of Evidence
        All there is about the version, oldest first.
    looks : iterable of KeptWindow
        The windows in which the version answered, oldest first.
    """
    cells: dict[tuple[str, str, str], Cell] = {}
    written: dict[tuple[str, str], tuple[str, str]] = {
        (each.id, part): (each.level, each.text) for each in requirements for part in each.slices or ("",)
    }
    for each in evidence:
        verdict = each.verdict
        if verdict.place != "live":
            cells[verdict.requirement, verdict.slice, verdict.place] = _cell(verdict, verdict.direction, each.at)
            written.setdefault((verdict.requirement, verdict.slice), (verdict.level, verdict.text))
    directions = {each.id: each.direction for each in requirements}
    for look in looks:
        for judged in look.health.verdicts:
            key = (judged.requirement, judged.slice, "live")
            # What is settled says more than that a later window still waits.
            if judged.verdict in _SETTLED or key not in cells or cells[key].verdict not in _SETTLED:
                window = look.health.window
                cells[key] = _cell(judged, directions.get(judged.requirement, ""), look.at, window=window.name)
            written.setdefault((judged.requirement, judged.slice), (judged.level, judged.text))
    found = {place for _, _, place in cells}
    places = tuple(place for place in PLACES if place in found or place in _ALWAYS_SHOWN)
    rows = tuple(
        Row(
            requirement=name,
            slice=part,
            level=level,
            text=text,
            cells=tuple(cells.get((name, part, place)) for place in places),
        )
        for (name, part), (level, text) in written.items()
    )
    return Standing(places=places, rows=rows)


def _cell(verdict: Verdict | Judged, direction: str, at: datetime, *, window: str = "") -> Cell:
    colour = tone(verdict.verdict)
    sides = {">=": "≥ ", "<=": "≤ "}.get(direction, "")
    asked = "" if verdict.bound is None else f"{sides}{short(verdict.bound)}{unit(verdict.metric)}"
    return Cell(
        verdict=verdict.verdict,
        tone=colour,
        metric=verdict.metric,
        value=verdict.value,
        low=verdict.low,
        high=verdict.high,
        asked=asked,
        n=verdict.n,
        at=at,
        window=window,
        reason=verdict.reason,
        bar=interval_bar(low=verdict.low, value=verdict.value, high=verdict.high, bound=verdict.bound, kind=colour),
    )
