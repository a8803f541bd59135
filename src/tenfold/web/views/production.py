"""Production: windows and incidents."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tenfold.foundation.errors import InputError
from tenfold.project.metric_order import in_order, main_metric
from tenfold.records.evidence import VERDICTS
from tenfold.records.health import Incident
from tenfold.reports.figures import interval_bar
from tenfold.spec.schema import Spec
from tenfold.store.monitoring import KeptWindow
from tenfold.web.chart import Trend, trend_of
from tenfold.web.state import State
from tenfold.web.words import tone

_MOST_WINDOWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowLine:
    """One window of the list."""

    look: KeptWindow
    main: str
    verdicts: tuple[tuple[str, int], ...]
    found: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowList:
    """Windows, newest first; ``more`` older ones are left out."""

    lines: tuple[WindowLine, ...]
    more: int
    trend: Trend | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPage:
    """One slice of time: a window for each version that answered in it, with its bars and its metrics in order."""

    name: str
    looks: tuple[tuple[KeptWindow, tuple[str, ...], tuple[str, ...]], ...]
    before: str
    after: str


def windows_of(state: State) -> WindowList:
    """Return the windows, newest first."""
    newest = tuple(reversed(state.looks))
    return WindowList(
        lines=tuple(_line(look, state.project.spec) for look in newest[:_MOST_WINDOWS]),
        more=max(0, len(newest) - _MOST_WINDOWS),
        trend=trend_of(state.looks, state.spans(), state.project.spec),
    )


def window_of(state: State, name: str) -> WindowPage:
    """Return the window that begins at the moment ``name``.

    Raises
    ------
    InputError
        When none begins then.
    """
    names = list(dict.fromkeys(look.health.window.name for look in state.looks))
    if name not in names:
        raise InputError(f"no window begins at '{name}'; the page of windows lists all")
    place = names.index(name)
    return WindowPage(
        name=name,
        looks=tuple(
            (look, _bars(look), tuple(in_order(state.project.spec, look.health.metrics)))
            for look in state.looks
            if look.health.window.name == name
        ),
        before=names[place - 1] if place else "",
        after=names[place + 1] if place + 1 < len(names) else "",
    )


def incidents_of(state: State) -> tuple[tuple[Incident, ...], tuple[Incident, ...]]:
    """Return the incidents that are open, the gravest first, and those that are closed, newest first."""
    closed = tuple(each for each in reversed(state.incidents) if each.closed is not None)
    return state.open_incidents, closed


def _line(look: KeptWindow, spec: Spec) -> WindowLine:
    health = look.health
    counts = Counter(judged.verdict for judged in health.verdicts)
    words = [f"{each.rule} {each.column or ''}".strip() for each in health.integrity]
    words += [f"drift {each.column}" for each in health.drift]
    words += ["worse than the baseline"] if health.harmful else []
    return WindowLine(
        look=look,
        main=main_metric(spec, health.metrics),
        verdicts=tuple((name, counts[name]) for name in VERDICTS if counts[name]),
        found=tuple(dict.fromkeys(words)),
    )


def _bars(look: KeptWindow) -> tuple[str, ...]:
    return tuple(
        interval_bar(low=each.low, value=each.value, high=each.high, bound=each.bound, kind=tone(each.verdict))
        for each in look.health.verdicts
    )
