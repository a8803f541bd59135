"""What is broken in a window: columns, ranges, units, categories, volume, a feed that stands still."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tenfold.measures.states.column import MAGNITUDES, SKETCH, ColumnState, Shape, TableState
from tenfold.records.health import IntegrityFinding, Severity, Window
from tenfold.stages.monitoring.options import MonitoringOptions
from tenfold.stages.monitoring.overflow import find_overflown
from tenfold.stages.monitoring.reference import Reference
from tenfold.stages.monitoring.rows import Answered
from tenfold.stages.monitoring.slices import find_in_slices
from tenfold.stages.monitoring.stale import find_served_again, find_stale
from tenfold.stages.monitoring.swapped import find_swapped

FEWEST = 20
_FEWEST_BAD = 5
_OUTSIDE = 0.01
_MOSTLY = 0.5
_MORE_MISSING = 0.2
_SCALE = 30.0
_CHANCE = 1e-9
_RICH = 30
_WEEK = timedelta(days=7)
_FEWEST_VOLUMES = 3
_SURE = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The windows before, as far as integrity needs them.

    ``previous`` is the state of the window before of the same version; ``volumes`` the beginnings and rows of all
    earlier windows of the endpoint, whatever the version, oldest first. ``beside`` are the rows of this window that
    other versions answered.
    """

    previous: TableState | None = None
    volumes: tuple[tuple[datetime, int], ...] = ()
    beside: int = 0


def find_broken(
    reference: Reference,
    state: TableState,
    window: Window,
    past: Past,
    options: MonitoringOptions,
    *,
    rows: Answered | None = None,
) -> tuple[IntegrityFinding, ...]:
    """Return what is broken in a window, the gravest first.

    ``rows`` are the window's; without them only what was counted is looked at.
    """
    found = [*_volume(window, past, options)]
    for shape in reference.all_shapes:
        found += _column(shape, reference, state, past, options)
    if rows is not None and rows.n:
        found += _in_rows(reference, state, window, past, rows, found)
    order = ("critical", "warning", "info")
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def _in_rows(  # noqa: PLR0917 - as above, and what is told already
    reference: Reference,
    state: TableState,
    window: Window,
    past: Past,
    rows: Answered,
    told: Sequence[IntegrityFinding],
) -> Iterator[IntegrityFinding]:
    """Yield what only shows in the rows: parts of them in another unit, feeds that stand still, columns swapped.

    Columns whose values tell the time are left out, and a column is told once, by what explains most.
    """
    shapes = [shape for shape in reference.shapes if not reference.habit(shape.name).tells_time]
    # Where single columns were told, the whole needs no word of its own.
    again = [] if any(each.rule == "frozen" for each in told) else list(find_served_again(state, past.previous))
    yield from again
    swapped = list(find_swapped(reference.state, reference.related, shapes, rows.inputs, state, _still_ones(told)))
    yield from swapped
    by_swap = [each.message for each in swapped if each.rule in {"swapped", "renumbered"}]
    explained = {each.column for each in told if each.severity == "critical" and each.rule != "range"}
    left = [shape for shape in shapes if shape.name not in explained]
    left = [shape for shape in left if not any(f"'{shape.name}'" in message for message in by_swap)]
    whole_days = (window.end - window.start) % timedelta(days=1) == timedelta(0)
    known = {(each.rule, each.column) for each in told}
    for finding in find_in_slices(reference.slices, left, rows.inputs, rows.moments, whole_days=whole_days):
        if (finding.rule, finding.column) not in known:
            yield finding
    if not again:
        standing = {each.column for each in told}
        for finding in find_stale(reference.cadence, rows.inputs, rows.moments):
            if finding.column not in standing:
                yield finding


def _still_ones(told: Sequence[IntegrityFinding]) -> set[str]:
    return {each.column for each in told if each.column and each.rule in {"constant", "frozen"}}


def _column(
    shape: Shape, reference: Reference, state: TableState, past: Past, options: MonitoringOptions
) -> Iterator[IntegrityFinding]:
    name = shape.name
    now = state.columns.get(name)
    if now is None:
        if state.rows:
            text = f"'{name}' is not among the columns that arrived"
            yield IntegrityFinding(rule="absent", severity="critical", message=text, column=name)
        return
    known = reference.state.columns[name]
    if now.n < FEWEST:
        return
    if shape in reference.said and now.missing:
        text = f"the model gave no number in {now.missing:,} of {now.n:,} rows"
        yield IntegrityFinding(
            rule="nonsense", severity="critical", message=text, column=name, value=float(now.missing)
        )
    if not now.known:
        if known.known:
            text = (
                f"'{name}' is missing in every one of {now.n:,} rows ({known.missing / known.n:.1%} in the reference)"
            )
            yield IntegrityFinding(
                rule="empty", severity="critical", message=text, column=name, value=1.0, limit=known.missing / known.n
            )
        return
    yield from _missing(name, now, known)
    yield from _still(shape, reference, now, known, None if past.previous is None else past.previous.columns.get(name))
    if not reference.habit(name).tells_time:
        yield from find_overflown(shape, now, known)
        yield from _numbers(shape, now, known)
    yield from _unseen(shape, now, options)


def _missing(name: str, now: ColumnState, known: ColumnState) -> Iterator[IntegrityFinding]:
    share, before = now.missing / now.n, known.missing / max(known.n, 1)
    limit = max(2 * before, before + _MORE_MISSING)
    if share > limit:
        text = f"'{name}' is missing in {share:.0%} of {now.n:,} rows ({before:.0%} in the reference)"
        yield IntegrityFinding(rule="missing", severity="warning", message=text, column=name, value=share, limit=limit)


def _still(
    shape: Shape, reference: Reference, now: ColumnState, known: ColumnState, before: ColumnState | None
) -> Iterator[IntegrityFinding]:
    """Yield that a column stands still: one value throughout, or the very values of the window before."""
    name, habit = shape.name, reference.habit(shape.name)
    severe: Severity = "critical" if reference.parts else "warning"
    if len(now.sketch) == 1 and now.known >= FEWEST and not habit.constant and _one_value_is_news(known, now.known):
        value = f" ({now.low:g})" if now.low is not None and shape.kind == "numeric" else ""
        text = f"'{name}' has one value{value} in all of {now.known:,} rows"
        yield IntegrityFinding(rule="constant", severity=severe, message=text, column=name, value=1.0)
        return
    if before is None or habit.repeats or len(now.sketch) < _RICH:
        return
    same = now.content == before.content and now.known == before.known
    common = _common(now, before)
    if same or (common > _MOSTLY and known.distinct > _MOSTLY * known.known):
        text = f"'{name}' has {'the very' if same else f'{common:.0%} of the'} values of the window before"
        yield IntegrityFinding(
            rule="frozen", severity="critical", message=text, column=name, value=1.0 if same else common, limit=_MOSTLY
        )


def _one_value_is_news(known: ColumnState, rows: int) -> bool:
    """Whether so many rows would never have one value by chance."""
    if len(known.sketch) < 2:
        return False
    if len(known.sketch) >= SKETCH or not known.counts:
        return True
    share = max(known.counts) / known.known
    return share < 1.0 and rows * math.log(share) < math.log(_CHANCE)


def _common(now: ColumnState, before: ColumnState) -> float:
    """Return the share of distinct values that two windows have in common, estimated from their sketches."""
    union = sorted({*now.sketch, *before.sketch})[:SKETCH]
    both = {*now.sketch} & {*before.sketch}
    return sum(each in both for each in union) / max(len(union), 1)


def _numbers(shape: Shape, now: ColumnState, known: ColumnState) -> Iterator[IntegrityFinding]:
    name = shape.name
    if shape.kind != "numeric":
        return
    factor = _factor(now, known)
    if factor is not None:
        size = f"{factor:,.0f} times as large as" if factor > 1 else f"1/{1 / factor:,.0f} of the size"
        text = f"'{name}' is about {size}{'' if factor > 1 else ' that it has'} in the reference: another unit?"
        yield IntegrityFinding(rule="scale", severity="critical", message=text, column=name, value=factor, limit=_SCALE)
    outside = now.below + now.above
    share = outside / now.known
    if outside >= _FEWEST_BAD and share > _OUTSIDE:
        reach = f"{now.low:g} to {now.high:g}"
        ends = (
            ("" if shape.low is None else f"{shape.low:g}") + " to " + ("" if shape.high is None else f"{shape.high:g}")
        )
        text = f"'{name}' lies outside of {ends} in {share:.0%} of the rows ({reach} was found)"
        yield IntegrityFinding(
            rule="range",
            severity="critical" if share > _MOSTLY else "warning",
            message=text,
            column=name,
            value=share,
            limit=_OUTSIDE,
        )


def _factor(now: ColumnState, known: ColumnState) -> float | None:
    """Return by which factor the size of numbers differs, when that is more than a change of their distribution."""
    here, there = _median_power(now), _median_power(known)
    if here is None or there is None or abs(here - there) < math.log2(_SCALE):
        return None
    return float(2.0 ** (here - there))


def _median_power(state: ColumnState) -> float | None:
    """Return the median power of two of the numbers that are not zero, interpolated; None when most are zero."""
    total = sum(state.magnitudes)
    if total < FEWEST or total < _MOSTLY * state.known:
        return None
    passed = 0
    for place, count in enumerate(state.magnitudes):
        if passed + count >= total / 2:
            return place - MAGNITUDES // 2 + (total / 2 - passed) / count
        passed += count
    return None


def _unseen(shape: Shape, now: ColumnState, options: MonitoringOptions) -> Iterator[IntegrityFinding]:
    share = now.unseen / now.known
    limit = max(options.unseen, 3 * shape.novelty)
    if now.unseen >= _FEWEST_BAD and share > limit:
        named = ", ".join(f"'{value}'" for value in now.examples)
        text = f"'{shape.name}' holds categories that the reference does not have in {share:.0%} of the rows: {named}"
        yield IntegrityFinding(
            rule="unseen",
            severity="critical" if share > _MOSTLY else "warning",
            message=text,
            column=shape.name,
            value=share,
            limit=limit,
        )


def _volume(window: Window, past: Past, options: MonitoringOptions) -> Iterator[IntegrityFinding]:
    """Yield that rows are lost: against windows at the same place in the week, once a week was seen."""
    expected = _expected(window, past.volumes)
    # A window in which the champion changed is two, but what arrived is one.
    arrived = window.rows + past.beside
    if expected is None or arrived >= options.volume * expected:
        return
    if expected - arrived < _SURE * math.sqrt(expected):
        return
    text = f"{arrived:,} rows arrived where about {expected:,.0f} were expected"
    yield IntegrityFinding(
        rule="volume",
        severity="critical" if arrived == 0 else "warning",
        message=text,
        value=float(arrived),
        limit=options.volume * expected,
    )


def _expected(window: Window, volumes: Sequence[tuple[datetime, int]]) -> float | None:
    earlier = [(start, rows) for start, rows in volumes if start < window.start]
    # A silence that goes on is no norm.
    while earlier and earlier[-1][1] == 0:
        earlier.pop()
    if len(earlier) < _FEWEST_VOLUMES or window.start - earlier[0][0] < _WEEK:
        return None
    place = [rows for start, rows in earlier if (window.start - start) % _WEEK == timedelta(0)]
    used = sorted((place or [rows for _, rows in earlier])[-8:])
    return float(used[(len(used) - 1) // 2])
