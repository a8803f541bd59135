"""Feeds that stand still: values older than they ever were, the same value for too long, yesterday's rows again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import polars as pl

from tenfold.measures.states.column import Shape, TableState
from tenfold.records.health import IntegrityFinding

_MOST_KEYS = 4
_MOST_LEVELS = 40
_FEWEST = 30
_FEWEST_KNOWN = 200
_FEWEST_ALIKE = 5
_FEWEST_NEW = 20
_LONGER = 2.0
_OFTEN = 0.02
_REPEATED = 0.3

Stretch = tuple[float, str, datetime, int]
"""Seconds, the level of the key, when it began, rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """How often values change and how old they are, in the reference.

    Attributes
    ----------
    stretches : mapping of str to mapping of str to float
        By column and key (``""``: none): the longest time in seconds for which a column kept one value in the rows of
        one level of the key. Only keys within which values mostly repeat from row to row.
    ages : mapping of str to (float, float)
        By column of times: the smallest and the largest age in seconds of its values at the moment of their row, but
        for one per cent at each end.
    """

    stretches: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    ages: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def cadence_of(table: pl.DataFrame, shapes: Sequence[Shape], moments: pl.Series) -> Cadence:
    """Return how often the columns of a reference change, by the moments of its rows."""
    if table.height < _FEWEST_KNOWN:
        return Cadence()
    keys = [
        "",
        *[
            shape.name
            for shape in shapes
            if shape.kind in {"categorical", "boolean"} and 2 <= len(shape.levels) <= _MOST_LEVELS
        ][:_MOST_KEYS],
    ]
    stretches: dict[str, dict[str, float]] = {}
    for key in keys:
        for name, longest in _stretches(table, [each.name for each in shapes if _steady(each)], key, moments).items():
            stretches.setdefault(name, {})[key] = longest
    ages = {}
    for name in _times(table, shapes):
        old = _ages(table[name], moments)
        if len(old) >= _FEWEST_KNOWN:
            low, high = np.quantile(old, [0.01, 0.99])
            ages[name] = (float(low), float(high))
    return Cadence(stretches=stretches, ages=ages)


def find_stale(known: Cadence, table: pl.DataFrame, moments: pl.Series | None) -> Iterator[IntegrityFinding]:
    """Yield the columns that kept a value for longer than they ever did, and times that are too old or lie ahead."""
    if moments is None or table.height < _FEWEST:
        return
    told: set[str] = set()
    keys = list(dict.fromkeys(key for longest in known.stretches.values() for key in longest))
    for key in keys:
        names = [name for name, longest in known.stretches.items() if key in longest and name in table.columns]
        if key and key not in table.columns:
            continue
        for name, (seconds, level, since, rows) in _longest(table, names, key, moments).items():
            usual = known.stretches[name][key]
            if name in told or seconds <= _LONGER * usual or (usual == 0.0 and rows < _FEWEST_NEW):
                continue
            told.add(name)
            where = f" where '{key}' is '{level}'" if key else ""
            text = (
                f"'{name}' kept one value for {_spoken(seconds)}{where} from {since:%Y-%m-%d %H:%M} on; in the"
                f" reference for {_spoken(usual)} at most: its source stands still?"
            )
            # A quiet week is possible too: it is told, and stops no training.
            yield IntegrityFinding(
                rule="stale", severity="warning", message=text, column=name, value=seconds, limit=_LONGER * usual
            )
    yield from _by_age(known, table, moments)


def _by_age(known: Cadence, table: pl.DataFrame, moments: pl.Series) -> Iterator[IntegrityFinding]:
    for name, (low, high) in known.ages.items():
        if name not in table.columns:
            continue
        old = _ages(table[name], moments)
        if len(old) < _FEWEST:
            continue
        room = max(high - low, 60.0)
        ahead = float((old < low - 0.5 * room).mean())
        if ahead > _OFTEN and low - 0.5 * room - float(old.min()) > 60:
            text = (
                f"'{name}' lies {_spoken(abs(float(np.median(old[old < low - 0.5 * room]))))}"
                f" {'after' if np.median(old[old < low - 0.5 * room]) < 0 else 'before'} the moment of the row in"
                f" {ahead:.0%} of the rows; in the reference it is {_spoken(abs(low))} {'old' if low >= 0 else 'ahead'}"
                " or older: from the future?"
            )
            yield IntegrityFinding(rule="future", severity="critical", message=text, column=name, value=ahead)
        newest, middle = float(old.min()), float(np.median(old))
        if middle > high + 0.5 * room:
            text = (
                f"'{name}' is {_spoken(middle)} old in the middle of the rows ({_spoken(newest)} at the newest);"
                f" in the reference {_spoken(high)} at most: its source stands still?"
            )
            yield IntegrityFinding(
                rule="stale", severity="critical", message=text, column=name, value=middle, limit=high
            )


def find_served_again(state: TableState, previous: TableState | None) -> Iterator[IntegrityFinding]:
    """Yield that a window holds the rows of the window before, column by column the same values."""
    if previous is None or state.rows < _FEWEST or state.rows != previous.rows:
        return
    same = [
        name
        for name, now in state.columns.items()
        if name in previous.columns and now.content == previous.columns[name].content and now.n
    ]
    varying = [name for name in same if len(state.columns[name].sketch) > 1]
    if len(varying) >= 3 and len(same) == len(state.columns):
        text = f"all {len(same)} columns have the very values of the window before: its {state.rows:,} rows came again"
        yield IntegrityFinding(rule="repeated", severity="critical", message=text, value=1.0)


def _steady(shape: Shape) -> bool:
    return shape.kind in {"numeric", "categorical", "boolean"}


def _times(table: pl.DataFrame, shapes: Sequence[Shape]) -> list[str]:
    return [
        shape.name
        for shape in shapes
        if shape.kind == "datetime" and shape.name in table.columns and table.schema[shape.name].is_temporal()
    ]


def _stretches(table: pl.DataFrame, names: Sequence[str], key: str, moments: pl.Series) -> dict[str, float]:
    """Return the longest stretch of each column whose values mostly repeat from one row of a level to the next."""
    order = _ordered(table, [name for name in names if name != key], key, moments)
    repeating = []
    for name in order.columns[2:]:
        head = order[name].head(20_000)
        kept = (head == head.shift(1)) & (order["\0key"].head(20_000) == order["\0key"].head(20_000).shift(1))
        if float(kept.mean() or 0.0) > _REPEATED:  # type: ignore[arg-type]  # a mean of truths
            repeating.append(name)
    found = {name: seconds for name, (seconds, _, _, _) in _longest_of(order, repeating).items()}
    if not key:
        # What differs from row to row has no stretches to speak of; then a long one is news.
        others = [name for name in order.columns[2:] if name not in repeating]
        longest = _longest_of(order, others)
        found |= {name: longest[name][0] if name in longest else 0.0 for name in others}
    return found


def _longest(table: pl.DataFrame, names: Sequence[str], key: str, moments: pl.Series) -> dict[str, Stretch]:
    return _longest_of(_ordered(table, names, key, moments), names)


def _ordered(table: pl.DataFrame, names: Sequence[str], key: str, moments: pl.Series) -> pl.DataFrame:
    """Return columns by level and time, the first two named for the level and the moment."""
    level = table[key].cast(pl.String) if key else pl.Series([""], dtype=pl.String).new_from_index(0, table.height)
    columns = [level.alias("\0key"), moments.cast(pl.Datetime("us", "UTC")).alias("\0moment")]
    columns += [table[name] for name in names if name in table.columns]
    return pl.DataFrame(columns).drop_nulls(["\0key", "\0moment"]).sort(["\0key", "\0moment"], maintain_order=True)


def _longest_of(order: pl.DataFrame, names: Sequence[str]) -> dict[str, Stretch]:
    """Return for each column its longest stretch: seconds, level, beginning, rows."""
    found: dict[str, Stretch] = {}
    for name in names:
        runs = (
            order.lazy()
            .filter(pl.col(name).is_not_null())
            .select("\0key", "\0moment", pl.struct("\0key", name).rle_id().alias("\0run"))
            .group_by("\0run")
            .agg(
                pl.col("\0key").first(),
                pl.col("\0moment").min().alias("\0since"),
                (pl.col("\0moment").max() - pl.col("\0moment").min()).dt.total_microseconds().alias("\0long"),
                pl.len().alias("\0rows"),
            )
            .filter(pl.col("\0rows") >= _FEWEST_ALIKE)
            .sort(["\0long", "\0run"], descending=[True, False])
            .head(1)
            .collect()
        )
        if runs.height:
            key, since, long = runs["\0key"][0], runs["\0since"][0], runs["\0long"][0]
            found[name] = (float(long) / 1e6, str(key), since, int(runs["\0rows"][0]))
    return found


def _ages(values: pl.Series, moments: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    age = moments.cast(pl.Datetime("us", "UTC")).dt.timestamp("us") - _utc(values).dt.timestamp("us")
    seconds: np.ndarray[tuple[int], np.dtype[np.float64]] = age.drop_nulls().to_numpy().astype(np.float64) / 1e6
    return seconds


def _utc(values: pl.Series) -> pl.Series:
    return values.cast(pl.Datetime("us", "UTC"))


def _spoken(seconds: float) -> str:
    for size, unit in ((86_400.0, "days"), (3_600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
