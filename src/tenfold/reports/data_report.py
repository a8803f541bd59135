"""A table as one HTML page: what is in it, what is wrong with it, and what was done to each column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import cast

import numpy as np
import polars as pl

from tenfold.records.dataset import Column, Dataset
from tenfold.records.features import FeaturePlan, Step
from tenfold.records.problem import Problem
from tenfold.reports.figures import Figure
from tenfold.reports.pairs import MOST_ROWS, Shift, Strengths, missing_grid, shifts, strengths
from tenfold.reports.svg import box, drawing, text
from tenfold.reports.words import count, number, percent

MOST_COLUMNS = 300
"""So many columns are drawn; of a wider table the first, and those that something was found of."""
_MOST_MISSING = 60
_MOST_SHIFTS = 40
_NOTICEABLE = 0.1
_LONGEST = 26
_NATURAL = 700
_GRAVITY = {"critical": 0, "warning": 1, "info": 2}
_KINDS = {"critical": "bad", "warning": "unsure", "info": "open"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DataFacts:
    """What the page tells of: the record of the data, the rows themselves, and what was made of them.

    Attributes
    ----------
    table : polars.DataFrame
        The canonical rows.
    problem, features : records or None
        Of a run; without them the page is about a table alone.
    earlier : polars.DataFrame or None
        An earlier snapshot, to say what has moved since.
    """

    title: str
    dataset: Dataset
    table: pl.DataFrame
    problem: Problem | None = None
    features: FeaturePlan | None = None
    earlier: pl.DataFrame | None = None
    earlier_name: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One finding: how grave, of which column, what."""

    severity: str
    kind: str
    message: str
    column: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One column: how it is read, what was seen, what was done to it, and the line that overrides it."""

    column: Column
    missing: str
    distinct: str
    picture: str
    seen: tuple[tuple[str, str], ...]
    done: tuple[tuple[str, str], ...]
    override: str
    found: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One column beside an earlier snapshot."""

    name: str
    distance: str
    missing: str
    bar: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPage:
    """Everything the template prints."""

    facts: DataFacts
    tiles: tuple[tuple[str, str, str], ...]
    findings: tuple[Told, ...]
    columns: tuple[Shown, ...]
    more_columns: int
    missing: Figure | None
    pairs: Figure | None
    moved: tuple[Moved, ...] = ()
    moved_note: str = ""
    new_columns: tuple[str, ...] = field(default=())
    gone_columns: tuple[str, ...] = field(default=())


def render_data_report(facts: DataFacts) -> str:
    """Return the page as HTML: no script, no network; everything that comes from data is escaped."""
    from jinja2 import DictLoader, Environment, StrictUndefined
    from markupsafe import Markup

    folder = resources.files("tenfold.reports") / "templates"
    environment = Environment(
        loader=DictLoader({name: (folder / name).read_text(encoding="utf-8") for name in ("data.html", "run.css")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["drawn"] = Markup
    environment.filters["count"] = count
    return environment.get_template("data.html").render(page=_page(facts))


def _page(facts: DataFacts) -> DataPage:
    facts = _over_all_rows(facts)
    dataset = facts.dataset
    findings = _findings(facts)
    named = {told.column for told in findings if told.column}
    listed = [
        column
        for place, column in enumerate(dataset.columns)
        if place < MOST_COLUMNS - len(named) or column.name in named
    ][:MOST_COLUMNS]
    present = [column.name for column in dataset.columns if column.name in facts.table.columns]
    moved = () if facts.earlier is None else shifts(facts.earlier, facts.table)
    return DataPage(
        facts=facts,
        tiles=_tiles(facts),
        findings=findings,
        columns=tuple(_shown(column, facts, findings) for column in listed),
        more_columns=len(dataset.columns) - len(listed),
        missing=_missing_figure(facts, present),
        pairs=_pairs_figure(facts, present),
        moved=tuple(_moved(shift) for shift in moved[:_MOST_SHIFTS]),
        moved_note=_moved_note(moved),
        new_columns=() if facts.earlier is None else _absent(facts.table.columns, facts.earlier.columns),
        gone_columns=() if facts.earlier is None else _absent(facts.earlier.columns, facts.table.columns),
    )


def _over_all_rows(facts: DataFacts) -> DataFacts:
    """Return the facts with columns as they are over all rows, where the run learned from a sample of them."""
    whole = facts.dataset.whole
    if whole is None:
        return facts
    return replace(facts, dataset=replace(facts.dataset, rows=whole.rows, columns=whole.columns))


def _tiles(facts: DataFacts) -> tuple[tuple[str, str, str], ...]:
    dataset = facts.dataset
    cells = dataset.rows * len(dataset.columns)
    missing = sum(column.missing for column in dataset.columns)
    incomplete = sum(column.missing > 0 for column in dataset.columns)
    dropped = ", ".join(f"{count(rows)} {reason}" for reason, rows in dataset.dropped.items())
    notes = [f"left out: {dropped}"] if dropped else []
    if dataset.whole is not None:
        notes.insert(0, f"{count(facts.table.height)} of them are learned from")
    if dataset.quarantined:
        notes.append(f"in quarantine: {count(dataset.quarantined)}")
    return (
        ("rows", count(dataset.rows), "; ".join(notes)),
        ("columns", count(len(dataset.columns)), _kinds(dataset.columns)),
        ("missing", percent(missing / cells) if cells else "–", f"in {count(incomplete)} columns"),
        ("duplicate rows", count(dataset.duplicate_rows), ""),
    )


def _kinds(columns: Sequence[Column]) -> str:
    kinds: dict[str, int] = {}
    for column in columns:
        kinds[column.field.kind] = kinds.get(column.field.kind, 0) + 1
    return ", ".join(f"{number_of} {kind}" for kind, number_of in kinds.items())


def _findings(facts: DataFacts) -> tuple[Told, ...]:
    """Return what a person should know, the gravest first, each once."""
    told = [
        Told(severity=each.severity, kind=_KINDS[each.severity], message=each.message, column=each.column or "")
        for each in facts.dataset.findings
    ]
    feasibility = None if facts.problem is None else facts.problem.feasibility
    leaks = [] if feasibility is None else list(feasibility.leaks)
    told += [_leak(each.severity, each.reason, each.column) for each in leaks]
    if facts.features is not None:
        told += [_leak(each.severity, each.reason, each.column) for each in facts.features.leak_details]
        told += [Told(severity="info", kind="open", message=message) for message in facts.features.findings]
    once = {(each.column, each.message): each for each in told}
    return tuple(sorted(once.values(), key=lambda each: _GRAVITY[each.severity]))


def _leak(severity: str, reason: str, column: str) -> Told:
    grave = "critical" if severity == "block" else "warning"
    return Told(severity=grave, kind=_KINDS[grave], message=f"leak: {reason}", column=column)


def _shown(column: Column, facts: DataFacts, findings: Sequence[Told]) -> Shown:
    rows = facts.dataset.rows
    return Shown(
        column=column,
        missing=percent(column.missing / rows) if rows and column.missing else "none",
        distinct=count(column.distinct),
        picture=_picture(column, rows),
        seen=_seen(column),
        done=() if facts.features is None else _done(column.name, facts.features),
        override=_override(column),
        found=tuple(told for told in findings if told.column == column.name),
    )


def _seen(column: Column) -> tuple[tuple[str, str], ...]:
    """Return what was seen of a column, as (what, how much)."""
    found = []
    if column.low is not None and column.high is not None:
        found.append(("range", f"{number(column.low)} to {number(column.high)}"))
    if column.mean is not None:
        spread = "" if column.deviation is None else f" ± {number(column.deviation)}"
        found.append(("mean", f"{number(column.mean)}{spread}"))
    if column.quartiles:
        found.append(("quartiles", ", ".join(number(value) for value in column.quartiles)))
    return tuple(found)


def _done(name: str, plan: FeaturePlan) -> tuple[tuple[str, str], ...]:
    """Return what was done to a column, as (way, what and why); steps that several ways share stand once."""
    reasons = dict(plan.left_out)
    if name in reasons:
        return (("left out", reasons[name]),)
    told: dict[str, list[str]] = {}
    for view, steps in plan.views.items():
        for step in steps:
            if _reads(step, name):
                told.setdefault(f"{step.kind.replace('_', ' ')}: {step.reason}", []).append(str(view))
    lags = [f"lag: {step.reason}" for step in plan.lags if _reads(step, name)]
    everywhere = len(plan.views)
    found = [("all" if len(views) == everywhere else ", ".join(views), what) for what, views in told.items()]
    return (*found, *(("all", what) for what in lags), *_worth(name, plan))


def _worth(name: str, plan: FeaturePlan) -> list[tuple[str, str]]:
    """Return what the groups of features that a column is in bring and cost: they are measured together."""
    told = []
    for group in plan.groups:
        if not any(each == name or each.startswith(f"{name}__") for each in group.columns):
            continue
        among = f"{group.name}, {count(len(group.columns))} columns" if len(group.columns) > 1 else group.name
        if group.gain is not None:
            span = "" if group.low is None else f" ({number(group.low)} to {number(group.high)})"
            told.append((f"gain of {among}", f"{number(group.gain)} {group.measure}{span}: {group.worth}"))
        each_row = f"{number(group.row_us)} µs for a row alone, {number(group.batch_row_us)} µs among many"
        told.append((f"cost of {among}", f"{each_row}{f'; {group.setting}' if group.setting else ''}"))
    return told


def _reads(step: Step, name: str) -> bool:
    if step.kind == "interactions":
        # All columns that might have been paired are listed; those that were stand among its settings.
        pairs = cast("Sequence[Sequence[str]]", step.settings["pairs"])
        return any(name in pair[1:] for pair in pairs)
    return name in step.columns or any(column.startswith(f"{name}__") for column in step.columns)


def _override(column: Column) -> str:
    return f"data: {{columns: {{{column.name}: {{role: {column.role}, kind: {column.field.kind}}}}}}}"


def _picture(column: Column, rows: int) -> str:
    """Return a small histogram, or bars of the most frequent values."""
    if column.histogram:
        return _histogram(column)
    return _bars(column, rows) if column.top and column.field.kind != "text" else ""


def _histogram(column: Column) -> str:
    width, height = 240, 54
    highest = max(held for _, held in column.histogram) or 1
    step = width / len(column.histogram)
    marks = []
    for place, (_, held) in enumerate(column.histogram):
        # What holds anything is seen, however little.
        tall = max(1.5, height * held / highest) if held else 0.0
        marks.append(box((place * step, height - tall), (step - 1, tall), "bar"))
    marks.append(text((0, height + 13), number(column.low)))
    marks.append(text((width, height + 13), number(column.high), anchor="end"))
    return drawing(width, height + 18, f"histogram of {column.name}", marks)


def _bars(column: Column, rows: int) -> str:
    shown = column.top[:6]
    marks = []
    for place, (value, held) in enumerate(shown):
        share = held / rows if rows else 0.0
        marks.append(box((120, place * 17 + 3), (max(1.0, 80 * share), 10), "bar"))
        marks.append(text((114, place * 17 + 12), _cut(value, 17), anchor="end"))
        marks.append(text((124 + 80 * share, place * 17 + 12), percent(share)))
    return drawing(240, len(shown) * 17 + 4, f"most frequent values of {column.name}", marks)


def _missing_figure(facts: DataFacts, names: Sequence[str]) -> Figure | None:
    """Draw where values are missing: rows from top to bottom, a column for each that has gaps."""
    gaps = {column.name: column.missing for column in facts.dataset.columns if column.missing}
    chosen = [name for name in names if gaps.get(name)]
    chosen = sorted(sorted(chosen, key=lambda name: -gaps[name])[:_MOST_MISSING], key=list(names).index)
    if not chosen or not facts.table.height:
        return None
    grid = missing_grid(facts.table, chosen)
    cell = min(34.0, max(9.0, 620 / len(chosen)))
    tall, top = 230.0 / len(grid), 110.0
    marks = []
    for place, name in enumerate(chosen):
        left = 8 + place * cell
        marks.append(text((left + cell / 2 + 3, top - 6), _cut(name, _LONGEST), turn=-55))
        for band, share in enumerate(grid[:, place]):
            if share > 0:
                style = f"fill-opacity:{0.15 + 0.85 * share:.2f}"
                marks.append(box((left, top + band * tall), (cell - 1, tall), "cell-wrong", style=style))
    width = max(_NATURAL, int(8 + len(chosen) * cell + 110))
    left_out = len(gaps) - len(chosen)
    return Figure(
        title="Where values are missing",
        caption="The table from its first row (above) to its last; the stronger, the more is missing there. Columns"
        f" whose gaps lie on one height are missing together.{f' {left_out} more have gaps.' if left_out else ''}",
        svg=drawing(width, int(top + 236), "where values are missing", marks),
        wide=True,
    )


def _pairs_figure(facts: DataFacts, names: Sequence[str]) -> Figure | None:
    """Draw how strongly columns go together."""
    target = None if facts.problem is None or not facts.problem.target else facts.problem.target
    usable = [name for name in names if facts.dataset.column(name).role not in ("id", "ignored")]
    found = strengths(facts.table, usable, first=target)
    if len(found.names) < 2:
        return None
    return Figure(
        title="What goes together",
        caption=_pairs_caption(found, target, len(usable)),
        svg=_pairs_drawing(found),
        wide=True,
    )


def _pairs_caption(found: Strengths, target: str | None, usable: int) -> str:
    rows = f" on {count(found.rows)} rows" if found.rows < MOST_ROWS else f" on {count(found.rows)} rows of the table"
    which = ""
    if len(found.names) < usable:
        which = f" Of {count(usable)} columns the {len(found.names)} that go" + (
            f" with '{target}' the most." if target else " together with others the most."
        )
    return (
        "0 is nothing, 1 is: one tells the other. Rank correlation of numbers, Cramér's V of categories, correlation"
        f" ratio between the two{rows}.{which}"
    )


def _pairs_drawing(found: Strengths) -> str:
    cell = min(26.0, max(13.0, 560 / len(found.names)))
    left, top = 168.0, 118.0
    marks = []
    for row, name in enumerate(found.names):
        marks.append(text((left - 6, top + (row + 0.5) * cell + 4), _cut(name, _LONGEST), anchor="end"))
        marks.append(text((left + (row + 0.5) * cell + 3, top - 6), _cut(name, 20), turn=-55))
        for column in range(row):
            strength = found.values[row, column]
            if not np.isfinite(strength):
                continue
            corner = (left + column * cell, top + row * cell)
            style = f"fill-opacity:{0.04 + 0.9 * strength:.2f}"
            marks.append(box(corner, (cell - 1, cell - 1), "cell-right", style=style))
            if cell >= 24:
                strong = "cell-strong" if strength > 0.55 else "cell-text"
                place = (corner[0] + cell / 2, corner[1] + cell / 2 + 4)
                marks.append(text(place, f"{strength:.1f}".removeprefix("0"), strong, anchor="middle"))
    size = len(found.names) * cell
    return drawing(max(_NATURAL, int(left + size + 90)), int(top + size + 8), "how strongly columns go together", marks)


def _moved(shift: Shift) -> Moved:
    strength = max(shift.distance, abs(shift.missing_now - shift.missing_before))
    changed = abs(shift.missing_now - shift.missing_before) >= 0.005
    kind = "unsure" if strength >= _NOTICEABLE else "open"
    bar = drawing(
        180,
        12,
        f"distance {shift.distance:.2f}",
        [box((0, 4), (180, 4), "rail-box"), box((0, 2), (180 * shift.distance, 8), f"span {kind}")],
    )
    return Moved(
        name=shift.name,
        distance=f"{shift.distance:.2f}",
        missing=f"{percent(shift.missing_before)} → {percent(shift.missing_now)}" if changed else "",
        bar=bar,
        kind=kind,
    )


def _moved_note(moved: Sequence[Shift]) -> str:
    far = [each for each in moved if each.distance >= _NOTICEABLE]
    left_out = len(moved) - min(len(moved), _MOST_SHIFTS)
    more = f"; the {left_out} nearest are not listed" if left_out else ""
    return f"{count(len(far))} of {count(len(moved))} columns moved by {_NOTICEABLE:g} or more{more}."


def _absent(names: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    known = set(others)
    return tuple(name for name in names if name not in known)


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
