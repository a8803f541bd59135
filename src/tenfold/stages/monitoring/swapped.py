"""Columns that hold something else under the same name and type: swapped, renamed, re-numbered, no longer related."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.measures.states.column import ColumnState, Shape, TableState
from tenfold.measures.states.scan import scan_column
from tenfold.records.health import IntegrityFinding

Floats = npt.NDArray[np.float64]

_FEWEST = 50
_FEWEST_PARTS = 5
_MOST_NUMBERS = 40
_MOST_MOVED = 24
_MOVED = 0.2
_MOVED_CODES = 0.1
_EXPLAINED = 0.5
_FITS = 0.15
_MOSTLY = 0.5
_LEAST_CHANGE = 0.25
_SURE = 6.0
_TWIN_ROWS = 5
_RENAMED_SHARE = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """How the numbers of a reference go together.

    Attributes
    ----------
    names : tuple of str
        The columns.
    ranks : tuple of float
        Rank correlations of their pairs, in the order of `itertools.combinations`.
    wander : tuple of float
        By how much (standard deviation) those of windows differ from them, in the reference itself; empty where it is
        not known.
    rows : float
        Rows of one window of the reference, on average; all rows where ``wander`` is empty.
    """

    names: tuple[str, ...] = ()
    ranks: tuple[float, ...] = ()
    wander: tuple[float, ...] = ()
    rows: float = 0.0


def related(table: pl.DataFrame, shapes: Sequence[Shape], starts: pl.Series | None) -> Related:
    """Return how the numbers of a reference go together; ``starts`` are the beginnings of its windows."""
    chosen = _numbers(shapes)
    names = tuple(shape.name for shape in chosen)
    if len(names) < 2 or table.height < _FEWEST:
        return Related()
    codes = _codes(table, chosen)
    ranks = _correlations(codes)
    parts = []
    sizes = []
    if starts is not None:
        whose = starts.to_physical().fill_null(-1).to_numpy()
        for start in np.unique(whose):
            inside = whose == start
            if inside.sum() >= _FEWEST:
                parts.append(_correlations(codes[inside]))
                sizes.append(int(inside.sum()))
    if len(parts) < _FEWEST_PARTS:
        return Related(names=names, ranks=_tuple(ranks), rows=float(table.height))
    wander = np.sqrt(((np.stack(parts) - ranks) ** 2).mean(axis=0))
    return Related(names=names, ranks=_tuple(ranks), wander=_tuple(wander), rows=float(np.mean(sizes)))


def find_swapped(  # noqa: PLR0917 - what was, then what is
    known: TableState,
    together: Related,
    shapes: Sequence[Shape],
    table: pl.DataFrame,
    state: TableState,
    broken: set[str],
) -> Iterator[IntegrityFinding]:
    """Yield the columns that hold another's values, whose categories changed names, or that lost their relations.

    Parameters
    ----------
    known, state : TableState
        The reference's and the window's counts.
    broken : set of str
        Columns of which something graver is told already.
    """
    if table.height < _FEWEST:
        return
    present = [shape for shape in shapes if shape.name in table.columns and shape.name not in broken]
    moved = {
        shape.name: _apart(known.columns[shape.name], state.columns[shape.name])
        for shape in present
        if shape.bins and state.columns[shape.name].known >= _FEWEST
    }
    told: set[str] = set()
    for group, left in _by_margins(known, present, table, moved):
        told.update(group)
        yield _swapped(
            group,
            f"their values fit the other's place (distance {left:.2f} instead of"
            f" {sum(moved[name] for name in group) / len(group):.2f})",
        )
    for finding in _renamed(known, present, table, state, moved, told):
        told.add(finding.column or "")
        yield finding
    yield from _unrelated(together, [shape for shape in present if shape.name not in told], table)


def _swapped(group: Sequence[str], why: str) -> IntegrityFinding:
    named = " and ".join(f"'{name}'" for name in group)
    text = f"{named} seem to hold each other's values: {why}"
    return IntegrityFinding(rule="swapped", severity="critical", message=text, column=group[0])


def _by_margins(
    known: TableState, shapes: Sequence[Shape], table: pl.DataFrame, moved: Mapping[str, float]
) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield groups of columns whose values, put in another order, fit the reference again: the best permutation."""
    for kinds in (("numeric",), ("categorical", "boolean")):
        chosen = [shape for shape in shapes if shape.kind in kinds and moved.get(shape.name, 0.0) >= _MOVED]
        chosen = sorted(chosen, key=lambda shape: -moved[shape.name])[:_MOST_MOVED]
        if len(chosen) < 2:
            continue
        # Imported where it is needed: it takes longer than all else here.
        from scipy.optimize import linear_sum_assignment

        cost = np.array(
            [
                [_apart(known.columns[shape.name], scan_column(table[name.name], shape)) for name in chosen]
                for shape in chosen
            ]
        )
        places, holds = linear_sum_assignment(cost)
        for cycle in _cycles(dict(zip(places.tolist(), holds.tolist(), strict=True))):
            before = float(np.mean([cost[place, place] for place, _ in cycle]))
            after = float(np.mean([cost[place, held] for place, held in cycle]))
            rows = table.height
            noise = math.sqrt(12 / rows) / 2
            if after < _EXPLAINED * before and after <= max(_FITS, 2 * noise, _MOSTLY * before):
                yield tuple(chosen[place].name for place, _ in cycle), after


def _cycles(holds: Mapping[int, int]) -> Iterator[list[tuple[int, int]]]:
    left = set(holds)
    while left:
        start = min(left)
        cycle, at = [], start
        while at in left:
            left.remove(at)
            cycle.append((at, holds[at]))
            at = holds[at]
        if len(cycle) > 1:
            yield cycle


def _renamed(  # noqa: PLR0917 - likewise
    known: TableState,
    shapes: Sequence[Shape],
    table: pl.DataFrame,
    state: TableState,
    moved: Mapping[str, float],
    told: set[str],
) -> Iterator[IntegrityFinding]:
    for shape in shapes:
        if shape.kind != "categorical" or shape.name in told or not shape.closed:
            continue
        now, before = state.columns[shape.name], known.columns[shape.name]
        if now.known < _FEWEST:
            continue
        if now.unseen >= _TWIN_ROWS:
            yield from _new_names(shape, before, table[shape.name], now)
        elif len(shape.levels) <= 11 and moved.get(shape.name, 0.0) >= _MOVED_CODES:
            here, there = _shares(now), _shares(before)
            # So far apart lie the shares of rows that come from the same categories (mean total variation).
            chance = float(np.sqrt(there * (1 - there) / now.known).sum()) * math.sqrt(2 / math.pi) / 2
            if moved[shape.name] < 3 * chance:
                continue
            alike = 0.5 * float(np.abs(np.sort(here) - np.sort(there)).sum())
            if alike <= 0.5 * moved[shape.name] and alike < 2 * chance:
                text = (
                    f"the categories of '{shape.name}' are as frequent as before but under other names (distance"
                    f" {moved[shape.name]:.2f}, sorted {alike:.2f}): were its codes numbered anew?"
                )
                yield IntegrityFinding(rule="renumbered", severity="critical", message=text, column=shape.name)


def _new_names(shape: Shape, before: ColumnState, values: pl.Series, now: ColumnState) -> Iterator[IntegrityFinding]:
    words = values.cast(pl.String)
    counted = dict(words.drop_nulls().value_counts(name="rows").rows())
    folded = {_folded(level): level for level in shape.levels}
    new = {level: rows for level, rows in counted.items() if level not in set(shape.levels)}
    twins = {level: folded[_folded(level)] for level in new if _folded(level) in folded}
    rows = sum(new[level] for level in twins)
    if rows >= _TWIN_ROWS:
        named = ", ".join(f"'{level}' for '{twins[level]}'" for level in sorted(twins)[:3])
        text = f"'{shape.name}' writes known categories in another way in {rows / now.known:.0%} of the rows: {named}"
        yield IntegrityFinding(
            rule="twins", severity="warning", message=text, column=shape.name, value=rows / now.known
        )
    share = dict(zip(shape.levels, np.array(before.counts[: len(shape.levels)]) / max(before.known, 1), strict=False))
    for level, found in sorted(new.items()):
        here = found / now.known
        if level in twins or here < _RENAMED_SHARE:
            continue
        noise = 3 * math.sqrt(here * (1 - here) / now.known)
        for old, there in share.items():
            if there >= _RENAMED_SHARE and counted.get(old, 0) < 0.1 * found and abs(here - there) <= noise:
                text = (
                    f"'{shape.name}' holds '{level}' in {here:.0%} of the rows, as '{old}' was, which is gone: renamed?"
                )
                yield IntegrityFinding(rule="renamed", severity="critical", message=text, column=shape.name, value=here)
                break


def _unrelated(known: Related, shapes: Sequence[Shape], table: pl.DataFrame) -> Iterator[IntegrityFinding]:
    """Yield the columns whose rank correlations with others changed for sure, while each alone looks as it did."""
    chosen = [shape for shape in _numbers(shapes) if shape.name in known.names]
    if len(chosen) < 2 or not known.ranks:
        return
    pairs = {pair: place for place, pair in enumerate(combinations(known.names, 2))}
    names = [shape.name for shape in chosen]
    now = _correlations(_codes(table, chosen))
    places = np.array([pairs[pair] for pair in combinations(names, 2)])
    before = np.array(known.ranks)[places]
    noise = np.full(
        len(places), math.sqrt(1 / table.height + 1 / max(known.rows, 1.0)) * (1.0 if known.wander else 2.0)
    )
    if known.wander:
        noise = np.maximum(noise, np.array(known.wander)[places] * math.sqrt(max(1.0, known.rows / table.height)))
    change = now - before
    sure = np.abs(change) / noise
    news = (sure > _SURE) & (np.abs(change) > _LEAST_CHANGE)
    if not news.any():
        return
    group = _exchange(names, before, now)
    if group is not None:
        yield _swapped(group, "their relations to other columns are the other's")
        return
    weight = dict.fromkeys(names, 0.0)
    for (first, second), changed, is_news in zip(combinations(names, 2), change, news, strict=True):
        weight[first] += abs(changed) * is_news
        weight[second] += abs(changed) * is_news
    column = max(names, key=lambda name: weight[name])
    most = int(np.argmax(np.where(news, np.abs(change), 0)))
    first, second = list(combinations(names, 2))[most]
    text = (
        f"'{column}' goes together with other columns in another way: the rank correlation of '{first}' and '{second}'"
        f" was {before[most]:.2f} and is {now[most]:.2f}, while each alone looks as it did"
    )
    yield IntegrityFinding(rule="relations", severity="warning", message=text, column=column, value=float(change[most]))


def _exchange(names: Sequence[str], before: Floats, now: Floats) -> tuple[str, str] | None:
    """Return the two columns whose exchange explains most of what changed between correlations; None without any."""
    size = len(names)
    there, here = np.eye(size), np.eye(size)
    upper = np.triu_indices(size, 1)
    there[upper], here[upper] = before, now
    there, here = there + there.T - np.eye(size), here + here.T - np.eye(size)
    plain = float(((here - there) ** 2).sum())
    best: tuple[float, tuple[str, str]] | None = None
    for first, second in combinations(range(size), 2):
        order = np.arange(size)
        order[[first, second]] = second, first
        left = float(((here[np.ix_(order, order)] - there) ** 2).sum())
        if best is None or left < best[0]:
            best = left, (names[first], names[second])
    return best[1] if best is not None and best[0] < 0.3 * plain else None


def _numbers(shapes: Sequence[Shape]) -> list[Shape]:
    return [shape for shape in shapes if shape.kind == "numeric" and len(shape.edges) >= 1][:_MOST_NUMBERS]


def _codes(table: pl.DataFrame, shapes: Sequence[Shape]) -> Floats:
    """Return the bins of numbers, of shape (n, columns); missing ones lie in the middle."""
    columns = []
    for shape in shapes:
        values = table[shape.name].cast(pl.Float64).to_numpy()
        code = np.searchsorted(np.array(shape.edges), values, side="right").astype(np.float64)
        known = np.isfinite(values)
        code[~known] = code[known].mean() if known.any() else 0.0
        columns.append(code)
    return np.column_stack(columns)


def _correlations(codes: Floats) -> Floats:
    centred = codes - codes.mean(axis=0)
    size = np.sqrt((centred**2).sum(axis=0))
    size[size == 0] = 1.0
    matrix = (centred / size).T @ (centred / size)
    found: Floats = matrix[np.triu_indices(codes.shape[1], 1)]
    return found


def _apart(known: ColumnState, now: ColumnState) -> float:
    """Return the total variation between two columns' shares by bin, missing values among them."""
    here, there = np.array([*now.counts, now.missing], float), np.array([*known.counts, known.missing], float)
    if here.sum() == 0 or there.sum() == 0:
        return 0.0
    return 0.5 * float(np.abs(here / here.sum() - there / there.sum()).sum())


def _shares(state: ColumnState) -> Floats:
    counts = np.array(state.counts, dtype=np.float64)
    shares: Floats = counts / max(float(counts.sum()), 1.0)
    return shares


def _folded(level: str) -> str:
    return " ".join(level.casefold().split()).strip(" .,;:-_")


def _tuple(values: Floats) -> tuple[float, ...]:
    return tuple(round(float(each), 6) for each in values)
