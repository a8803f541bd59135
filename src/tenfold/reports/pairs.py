"""How strongly columns go together, and how far one table lies from another, for pages that people look at.

All strengths are between 0 (nothing) and 1 (one tells the other): the absolute rank correlation of two numbers
(Spearman, 1904), the correlation ratio of the ranks of a number between categories (Pearson, 1905), and Cramér's V of
two categories without its upward bias (Bergsma, 2013).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]

MOST_ROWS = 5_000
MOST_LEVELS = 50
_FEWEST_PAIRS = 20
_BINS = 12
_TIMES = (pl.Date, pl.Datetime)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strengths:
    """``values`` has a row and a column for each name; NaN where two columns have too few rows in common."""

    names: tuple[str, ...]
    values: Floats
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How far a column lies from what it was: total variation between 0 (alike) and 1, and missing shares."""

    name: str
    distance: float
    missing_before: float
    missing_now: float


def strengths(table: pl.DataFrame, names: Sequence[str], *, first: str | None = None, most: int = 30) -> Strengths:
    """Return how strongly columns go together, of at most ``most`` columns.

    Parameters
    ----------
    first : str, optional
        The column by which the others are chosen when there are too many, and which stands first: the target.
        Without one, those are kept that go together with others the most.
    """
    sample = table.gather_every(max(1, -(-table.height // MOST_ROWS)))
    coded = {name: made for name in names if (made := _coded(sample[name])) is not None}
    if first is not None and first in coded:
        found = {name: _strength(coded[first], coded[name]) for name in coded if name != first}
        chosen = [first, *_strongest(found, most - 1)]
    else:
        chosen = list(coded)
    values = _matrix([coded[name] for name in chosen[: 4 * most]])
    chosen = chosen[: 4 * most]
    if len(chosen) > most:
        likeness = np.nan_to_num(values - np.eye(len(chosen)))
        kept = np.sort(np.argsort(-likeness.max(axis=1), kind="stable")[:most])
        chosen, values = [chosen[place] for place in kept], values[np.ix_(kept, kept)]
    return Strengths(names=tuple(chosen), values=values, rows=sample.height)


def missing_grid(table: pl.DataFrame, names: Sequence[str], *, bands: int = 48) -> Floats:
    """Return the share of missing values in bands of neighbouring rows, of shape (bands, len(names))."""
    bands = max(1, min(bands, table.height))
    band = (pl.int_range(pl.len(), dtype=pl.Int64) * bands // pl.len()).alias("__band__")
    shares = (
        table.lazy()
        .select(band, *(pl.col(name).is_null().alias(name) for name in names))
        .group_by("__band__")
        .agg(pl.all().mean())
        .sort("__band__")
        .drop("__band__")
        .collect()
    )
    return shares.to_numpy().astype(np.float64)


def shifts(before: pl.DataFrame, now: pl.DataFrame) -> tuple[Shift, ...]:
    """Return how far each column that both tables have has moved, the farthest first."""
    both = [name for name in now.columns if name in before.columns]
    found = [shift for name in both if (shift := _shift(name, before[name], now[name])) is not None]
    return tuple(sorted(found, key=lambda each: -max(each.distance, abs(each.missing_now - each.missing_before))))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Coded:
    """A column as ranks or as codes; ``present`` says where it has a value."""

    values: Floats
    present: npt.NDArray[np.bool_]
    ordered: bool


def _coded(values: pl.Series) -> _Coded | None:
    """Return a column ready for comparison; None where it is a text, a constant, or has too many categories."""
    present = ~values.is_null().to_numpy()
    if int(present.sum()) < _FEWEST_PAIRS or values.n_unique() < 2:
        return None
    if values.dtype.is_numeric() or values.dtype in _TIMES:
        ranks = values.to_physical().cast(pl.Float64).rank("average").fill_null(0.0).to_numpy()
        return _Coded(values=ranks, present=present, ordered=True)
    if values.n_unique() > MOST_LEVELS:
        return None
    codes = values.cast(pl.String).rank("dense").fill_null(0).to_numpy().astype(np.float64)
    return _Coded(values=codes, present=present, ordered=False)


def _matrix(columns: Sequence[_Coded]) -> Floats:
    values = np.eye(len(columns))
    for place, one in enumerate(columns):
        for other in range(place):
            values[place, other] = values[other, place] = _strength(one, columns[other])
    return values


def _strength(one: _Coded, other: _Coded) -> float:
    both = one.present & other.present
    if int(both.sum()) < _FEWEST_PAIRS:
        return float("nan")
    a, b = one.values[both], other.values[both]
    if one.ordered and other.ordered:
        return _correlation(a, b)
    if one.ordered != other.ordered:
        return _ratio(a, b) if one.ordered else _ratio(b, a)
    return _cramer(a, b)


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return 0.0 if scale == 0.0 else min(1.0, abs(float(a @ b)) / scale)


def _ratio(ranks: Floats, codes: Floats) -> float:
    """Return the root of the share of the ranks' variance that lies between categories."""
    _, group = np.unique(codes, return_inverse=True)
    counts = np.bincount(group)
    means = np.bincount(group, weights=ranks) / counts
    total = float(((ranks - ranks.mean()) ** 2).sum())
    between = float((counts * (means - ranks.mean()) ** 2).sum())
    if total == 0.0 or len(ranks) <= len(counts):
        return 0.0
    # Without what categories explain by chance.
    fair = 1.0 - (1.0 - between / total) * (len(ranks) - 1) / (len(ranks) - len(counts))
    return float(np.sqrt(max(0.0, min(1.0, fair))))


def _cramer(a: Floats, b: Floats) -> float:
    _, rows = np.unique(a, return_inverse=True)
    _, columns = np.unique(b, return_inverse=True)
    height, width, n = int(rows.max()) + 1, int(columns.max()) + 1, len(a)
    if min(height, width) < 2:
        return 0.0
    counts = np.bincount(rows * width + columns, minlength=height * width).reshape(height, width)
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    phi = float((((counts - expected) ** 2) / expected).sum()) / n
    fair = max(0.0, phi - (height - 1) * (width - 1) / (n - 1))
    least = min(height - (height - 1) ** 2 / (n - 1), width - (width - 1) ** 2 / (n - 1)) - 1
    return 0.0 if least <= 0 else float(np.sqrt(min(1.0, fair / least)))


def _strongest(found: Mapping[str, float], most: int) -> list[str]:
    return sorted(found, key=lambda name: -np.nan_to_num(found[name]))[:most]


def _shift(name: str, before: pl.Series, now: pl.Series) -> Shift | None:
    """Return the distance of a column's values; None where it has none to compare."""
    missing = (before.null_count() / max(len(before), 1), now.null_count() / max(len(now), 1))
    before, now = before.drop_nulls(), now.drop_nulls()
    ordered = all(each.dtype.is_numeric() or each.dtype in _TIMES for each in (before, now))
    if not len(before) or not len(now):
        distance = 1.0 if len(before) != len(now) else 0.0
    elif ordered:
        distance = _distance(*_binned(before.to_physical().cast(pl.Float64), now.to_physical().cast(pl.Float64)))
    else:
        words = before.cast(pl.String), now.cast(pl.String)
        if max(words[0].n_unique(), words[1].n_unique()) > max(MOST_LEVELS, 0.5 * len(now)):
            return None
        counts = [each.value_counts(name="count") for each in words]
        both = counts[0].join(counts[1], on=counts[0].columns[0], how="full", suffix="_now").fill_null(0)
        distance = _distance(both["count"].to_numpy(), both["count_now"].to_numpy())
    return Shift(name=name, distance=distance, missing_before=missing[0], missing_now=missing[1])


def _binned(before: pl.Series, now: pl.Series) -> tuple[Floats, Floats]:
    """Return counts in bins that hold equal shares of what was before."""
    edges = np.unique(np.quantile(before.to_numpy(), np.linspace(0, 1, _BINS + 1)[1:-1]))
    places = [np.searchsorted(edges, each.to_numpy(), side="right") for each in (before, now)]
    first, second = (np.bincount(each, minlength=len(edges) + 1).astype(np.float64) for each in places)
    return first, second


def _distance(before: npt.NDArray[np.float64], now: npt.NDArray[np.float64]) -> float:
    """Return half the sum of the differences of two shares: the total variation."""
    return float(np.abs(before / before.sum() - now / now.sum()).sum() / 2)
