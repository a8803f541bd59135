"""Times of one source that run hours before or behind the others': another zone, or a clock that was wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.records.dataset import Column, Finding

_MOST_LEVELS = 30
_MOST_KEYS = 6
_FEWEST = 100
_SHIFTED = 0.55
_UNEVEN = 0.02
_ROUNDS = 200
_ALIKE = 0.35
_HALF_A_DAY = 43_200.0
_EXPECTED = 10.0


def find_shifted_hours(table: pl.DataFrame, columns: Sequence[Column], rng: np.random.Generator) -> list[Finding]:
    """Return where the daily course of one level is that of the others, some whole hours moved.

    Compared are shares of rows by hour of the day. A move is told when it takes away more than half of the distance
    between both courses (total variation), and beyond what rows drawn from the others' course differ by.
    """
    keys = _keys(columns)
    found = []
    for column in columns:
        if column.field.kind != "datetime":
            continue
        times = table[column.name].cast(pl.Datetime("us"))
        hours = times.dt.hour()
        if hours.drop_nulls().n_unique() < 6:
            continue
        for key in keys:
            counted = _by_hour(hours, table[key])
            for level, shift in _shifted_levels(counted, rng):
                rows = int(counted[level].sum())
                message = (
                    f"the times '{column.name}' seem {abs(shift)} h {'late' if shift > 0 else 'early'} where '{key}' is"
                    f" '{level}' ({rows:,} rows): in another zone?"
                    f" `data: {{columns: {{{column.name}: {{timezone: ...}}}}}}` names the zone of times without one;"
                    " sources in other zones need columns of their own"
                )
                found.append(
                    Finding(rule="hours-shifted", severity="warning", message=message, column=column.name, rows=rows)
                )
    return found


def find_clocks_ahead(table: pl.DataFrame, columns: Sequence[Column]) -> list[Finding]:
    """Return where the times of one level begin and end later or earlier than the others', by half a day or more.

    Told only where so many of its rows should lie in the stretch that it leaves empty that none is no chance.
    """
    found = []
    for column in columns:
        if column.field.kind != "datetime":
            continue
        times = table[column.name].cast(pl.Datetime("us"))
        for key in _keys(columns):
            for level, seconds, rows in _ahead(times, table[key]):
                message = (
                    f"the times '{column.name}' run {abs(seconds) / 3600:.3g} h {'ahead' if seconds > 0 else 'behind'}"
                    f" where '{key}' is '{level}' ({rows:,} rows): they begin and end by so much"
                    f" {'later' if seconds > 0 else 'earlier'} than the others': a clock that is wrong?"
                )
                found.append(Finding(rule="ahead", severity="warning", message=message, column=column.name, rows=rows))
    return found


def _ahead(times: pl.Series, key: pl.Series) -> Iterator[tuple[str, float, int]]:
    ends = (
        pl.DataFrame({"time": times, "key": key.cast(pl.String)})
        .drop_nulls()
        .group_by("key")
        .agg(pl.col("time").min().alias("first"), pl.col("time").max().alias("last"), pl.len().alias("rows"))
        .filter(pl.col("rows") >= _FEWEST)
        .sort("key")
    )
    if ends.height < 2:
        return
    for level, first, last, rows in ends.iter_rows():
        others = ends.filter(pl.col("key") != level)
        start = (first - others["first"].min()).total_seconds()
        end = (last - others["last"].max()).total_seconds()
        length = (last - first).total_seconds()
        least = min(abs(start), abs(end))
        if start * end <= 0 or least < _HALF_A_DAY or least > 0.5 * length or not _alike(start, end, length / rows):
            continue
        # So many of its rows are to be expected in the stretch that it leaves empty, and of the others' in theirs.
        expected = min(rows, int(others["rows"].sum())) * least / length
        if expected >= _EXPECTED:
            yield level, (start + end) / 2, int(rows)


def _alike(start: float, end: float, between: float) -> bool:
    """Whether both ends moved by as much, but for what lies between two rows, and between days."""
    return abs(start - end) <= _ALIKE * min(abs(start), abs(end)) + 6 * between


def _keys(columns: Sequence[Column]) -> list[str]:
    return [
        column.name
        for column in columns
        if column.field.kind in {"categorical", "boolean"}
        and 2 <= column.distinct <= _MOST_LEVELS
        and column.role not in {"target", "ignored"}
    ][:_MOST_KEYS]


def _by_hour(hours: pl.Series, key: pl.Series) -> dict[str, npt.NDArray[np.float64]]:
    table = pl.DataFrame({"hour": hours, "key": key.cast(pl.String)}).drop_nulls()
    counted: dict[str, npt.NDArray[np.float64]] = {}
    for level, hour, rows in table.group_by("key", "hour").len().sort("key", "hour").iter_rows():
        counted.setdefault(level, np.zeros(24))[hour] = rows
    return counted


def _shifted_levels(counted: dict[str, npt.NDArray[np.float64]], rng: np.random.Generator) -> Iterator[tuple[str, int]]:
    """Yield the levels whose course is moved, the farthest first; each is then taken out of what others are held to."""
    left = dict(counted)
    while len(left) > 1:
        moved = []
        for level, counts in left.items():
            rest = sum((each for name, each in left.items() if name != level), np.zeros(24))
            shift, distance = _shift(counts, rest, rng)
            if shift:
                moved.append((-distance, float(counts.sum()), level, shift))
        if not moved:
            return
        *_, level, shift = min(moved)
        del left[level]
        yield level, shift


def _shift(
    counts: npt.NDArray[np.float64], rest: npt.NDArray[np.float64], rng: np.random.Generator
) -> tuple[int, float]:
    """Return by how many hours the first course lags the second (0: none explains it), and how far apart they are."""
    size = int(counts.sum())
    if size < _FEWEST or rest.sum() < _FEWEST:
        return 0, 0.0
    own, others = counts / size, rest / rest.sum()
    if float(np.abs(others - 1 / 24).sum()) < _UNEVEN:
        return 0, 0.0
    distances = np.array([np.abs(np.roll(own, -move) - others).sum() / 2 for move in range(24)])
    best = int(distances.argmin())
    if best == 0 or distances[0] - distances[best] < _SHIFTED * distances[0]:
        return 0, 0.0
    drawn = rng.multinomial(size, others, _ROUNDS) / size
    chance = float(np.quantile(np.abs(drawn - others).sum(axis=1) / 2, 0.99))
    if distances[0] < 2 * chance:
        return 0, 0.0
    return (best if best <= 12 else best - 24), float(distances[0])
