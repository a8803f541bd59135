"""Why values are missing: by chance alone, with what other columns say, or together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.records.dataset import Column, Finding

Floats = npt.NDArray[np.float64]

_ROWS = 10_000
_FEWEST = 20
_SMALLEST_SHARE = 0.005
_TOGETHER = 0.9
_P = 0.001
_EFFECT = 0.2
_MOST_COLUMNS = 60
_NAMED = 3
_LEVELS = 12
_LONGEST = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Missingness:
    """What is plausible of a column's holes.

    ``mechanism`` is MCAR (nothing seen tells where they are), MAR (columns that are seen do) or with-target.
    """

    column: str
    mechanism: str
    tells: tuple[tuple[str, float], ...]


def little_test(values: Floats) -> tuple[float, int, float]:
    """Return Little's statistic, its degrees of freedom and its p-value, for the hypothesis that holes are by chance.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        NaN where missing.

    Notes
    -----
    Little, R. J. A. (1988), "A test of missing completely at random for multivariate data with missing values". Means
    and covariances are estimated by expectation-maximisation under normality.
    """
    from scipy.stats import chi2

    holes = ~np.isfinite(values)
    kept = ~holes.all(axis=1)
    values, holes = values[kept], holes[kept]
    mean, covariance = _normal(values, holes)
    patterns, group = np.unique(holes, axis=0, return_inverse=True)
    statistic, freedom = 0.0, -values.shape[1]
    for number, pattern in enumerate(patterns):
        seen = ~pattern
        rows = values[group == number][:, seen]
        apart = rows.mean(axis=0) - mean[seen]
        inside = covariance[np.ix_(seen, seen)]
        statistic += len(rows) * float(apart @ np.linalg.solve(inside, apart))
        freedom += int(seen.sum())
    return statistic, max(freedom, 0), float(chi2.sf(statistic, freedom)) if freedom > 0 else 1.0


def _normal(values: Floats, holes: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return mean and covariance of rows with holes, by expectation-maximisation."""
    mean = np.nanmean(np.where(holes, np.nan, values), axis=0)
    spread = np.nanvar(np.where(holes, np.nan, values), axis=0)
    covariance = np.diag(np.where(spread > 0, spread, 1.0))
    ridge = 1e-8 * np.diag(covariance)
    patterns, group = np.unique(holes, axis=0, return_inverse=True)
    for _ in range(60):
        filled, extra = np.where(holes, 0.0, values), np.zeros_like(covariance)
        for number, pattern in enumerate(patterns):
            if not pattern.any():
                continue
            rows, seen = group == number, ~pattern
            if seen.any():
                weights = np.linalg.solve(covariance[np.ix_(seen, seen)], covariance[np.ix_(seen, pattern)])
                filled[np.ix_(rows, pattern)] = mean[pattern] + (filled[np.ix_(rows, seen)] - mean[seen]) @ weights
                rest = covariance[np.ix_(pattern, pattern)] - covariance[np.ix_(pattern, seen)] @ weights
            else:
                filled[np.ix_(rows, pattern)], rest = mean[pattern], covariance[np.ix_(pattern, pattern)]
            extra[np.ix_(pattern, pattern)] += rows.sum() * rest
        before, mean = mean, filled.mean(axis=0)
        centred = filled - mean
        covariance = (centred.T @ centred + extra) / len(values) + np.diag(ridge)
        if np.abs(mean - before).max() <= 1e-6 * np.sqrt(np.diag(covariance)).max():
            break
    return mean, covariance


def find_missingness(table: pl.DataFrame, columns: Sequence[Column], target: str) -> list[Finding]:
    """Return which columns are missing together, and which columns' holes hang together with what is seen."""
    seen = table if table.height <= _ROWS else table.gather_every(table.height // _ROWS + 1)
    rows = seen.height
    with_holes = [
        column
        for column in columns
        if column.role != "ignored"
        and _FEWEST <= seen[column.name].null_count() <= rows - _FEWEST
        and seen[column.name].null_count() >= _SMALLEST_SHARE * rows
    ][:_MOST_COLUMNS]
    if not with_holes:
        return []
    found = _together(seen, with_holes)
    # Each column is ranked or counted once, however many have holes.
    ready = [made for column in columns if (made := _ready(seen, column)) is not None]
    told = [each for column in with_holes if (each := _diagnosed(seen, column, ready, target)) is not None]
    told.sort(key=lambda each: (each.mechanism != "with-target", -each.tells[0][1]))
    by_others = [each for each in told if each.mechanism == "MAR"]
    for each in told:
        if each.mechanism == "with-target":
            text = (
                f"'{each.column}' is missing with the target '{target}' ({each.tells[0][1]:.2f}): was it written after"
                " the outcome? That a value is missing is itself a feature, an indicator"
            )
            found.append(Finding(rule="missingness", severity="warning", message=text, column=each.column))
    for each in by_others[:_NAMED]:
        names = ", ".join(f"'{_short(name)}' ({effect:.2f})" for name, effect in each.tells)
        text = (
            f"holes of '{_short(each.column)}' hang together with {names} (MAR is plausible): filling by group or from"
            f" other columns fits better than one value; `data: {{columns: {{{each.column}: {{impute: ...}}}}}}`"
        )
        found.append(Finding(rule="missingness", severity="info", message=text, column=each.column))
    if len(by_others) > _NAMED:
        text = f"holes of {len(by_others) - _NAMED} more columns hang together with other columns (MAR is plausible)"
        found.append(Finding(rule="missingness", severity="info", message=text))
    plain = [column.name for column in with_holes if column.name not in {each.column for each in told}]
    if plain:
        named = ", ".join(f"'{_short(name)}'" for name in plain[:_NAMED]) + (
            f" and {len(plain) - _NAMED} more" if len(plain) > _NAMED else ""
        )
        text = f"nothing seen tells where {named} {'is' if len(plain) == 1 else 'are'} missing (MCAR is plausible)"
        found.append(Finding(rule="missingness", severity="info", message=text + _little(seen, columns)))
    return found


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 3] + "..."


def _little(seen: pl.DataFrame, columns: Sequence[Column]) -> str:
    numeric = [
        column.name
        for column in columns
        if column.field.kind == "numeric" and column.role in {"feature", "target"} and column.distinct > 5
    ][:15]
    sample = seen.select(numeric).head(5_000) if numeric else None
    if sample is None or len(numeric) < 2 or not any(sample[name].null_count() for name in numeric):
        return ""
    raw = np.column_stack([sample[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in numeric])
    deviation = np.nanstd(np.where(np.isfinite(raw), raw, np.nan), axis=0)
    scaled = (raw - np.nanmean(np.where(np.isfinite(raw), raw, np.nan), axis=0)) / np.where(deviation > 0, deviation, 1)
    if len(np.unique(~np.isfinite(scaled), axis=0)) > 100:
        return ""
    _, freedom, p = little_test(scaled)
    return f"; Little's test over the numbers: p = {p:.3g}" if freedom > 0 else ""


def _together(seen: pl.DataFrame, with_holes: Sequence[Column]) -> list[Finding]:
    """Return groups of columns whose holes stand in the same rows."""
    holes = {column.name: seen[column.name].is_null().to_numpy() for column in with_holes}
    groups: list[list[str]] = []
    for name, missing in holes.items():
        for group in groups:
            other = holes[group[0]]
            if (missing & other).sum() >= _TOGETHER * (missing | other).sum():
                group.append(name)
                break
        else:
            groups.append([name])
    found = []
    for group in groups:
        if len(group) < 2:
            continue
        rows = int(holes[group[0]].sum())
        named = ", ".join(f"'{_short(name)}'" for name in group[:5]) + (
            f" and {len(group) - 5} more" if len(group) > 5 else ""
        )
        text = f"{named} are missing together, in {rows:,} of {seen.height:,} rows: one source or one form, it seems"
        found.append(Finding(rule="co-missing", severity="info", message=text, column=group[0], rows=rows))
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ready:
    """A column ready to be held against holes: its ranks, or the places of its most frequent levels (-1: another)."""

    name: str
    known: npt.NDArray[np.bool_]
    ranks: npt.NDArray[np.float64] | None = None
    levels: npt.NDArray[np.int64] | None = None


def _ready(seen: pl.DataFrame, column: Column) -> _Ready | None:
    if column.role in {"id", "ignored"} or column.field.kind == "text":
        return None
    values = seen[column.name]
    known = values.is_not_null().to_numpy()
    if values.dtype.is_numeric() or values.dtype.is_temporal():
        ranks = values.rank("average").fill_null(0.0).cast(pl.Float64).to_numpy()
        return _Ready(name=column.name, known=known, ranks=ranks)
    top = values.drop_nulls().value_counts(name="\0rows").sort(["\0rows", column.name], descending=[True, False])
    frequent = top[column.name].head(_LEVELS)
    places = pl.Series(range(len(frequent)), dtype=pl.Int64)
    levels = values.replace_strict(frequent, places, default=-1, return_dtype=pl.Int64).fill_null(-1).to_numpy()
    return _Ready(name=column.name, known=known, levels=levels)


def _diagnosed(seen: pl.DataFrame, column: Column, others: Sequence[_Ready], target: str) -> Missingness | None:
    """Return what tells where a column is missing: effects are differences in standard deviations, or Cramer's V."""
    missing = seen[column.name].is_null().to_numpy()
    tells: list[tuple[str, float]] = []
    for other in others:
        if other.name == column.name:
            continue
        effect, p = _effect(other, missing)
        if effect >= _EFFECT and p <= _P / max(len(seen.columns), 1):
            tells.append((other.name, effect))
    if not tells:
        return None
    tells.sort(key=lambda each: -each[1])
    with_target = [each for each in tells if each[0] == target]
    strong = with_target and with_target[0][1] >= 2 * _EFFECT
    return Missingness(
        column=column.name,
        mechanism="with-target" if strong else "MAR",
        tells=tuple(with_target if strong else tells[:_NAMED]),
    )


def _effect(other: _Ready, missing: npt.NDArray[np.bool_]) -> tuple[float, float]:
    from scipy.stats import chi2, norm

    here, there = missing & other.known, ~missing & other.known
    if min(here.sum(), there.sum()) < _FEWEST:
        return 0.0, 1.0
    if other.ranks is not None:
        # Ranks, scaled to deviation 1: a difference in means that no far value decides.
        deviation = float(other.ranks[other.known].std())
        if deviation == 0:
            return 0.0, 1.0
        effect = abs(float(other.ranks[here].mean() - other.ranks[there].mean())) / deviation
        error = np.sqrt(1 / here.sum() + 1 / there.sum())
        return effect, float(2 * norm.sf(effect / error))
    assert other.levels is not None
    shown = other.levels >= 0
    counted = np.array(
        [np.bincount(other.levels[part & shown], minlength=_LEVELS) for part in (here, there)], dtype=np.float64
    )
    counted = counted[:, counted.sum(axis=0) > 0]
    if counted.shape[1] < 2 or not counted.sum(axis=1).all():
        return 0.0, 1.0
    expected = counted.sum(axis=1, keepdims=True) * counted.sum(axis=0, keepdims=True) / counted.sum()
    statistic = float(((counted - expected) ** 2 / expected).sum())
    return float(np.sqrt(statistic / counted.sum())), float(chi2.sf(statistic, counted.shape[1] - 1))
