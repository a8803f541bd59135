"""Columns that hold the mean target of their rows: encodings that were fitted on all rows, the judged ones included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import polars as pl

from tenfold.records.features import FeatureLeak
from tenfold.stages.features.linting.ground import Floats, LintGround, leak, numbers, unit_of

_EXPLAINED = 0.95
"""Share of the rows whose value must be what the formula gives."""
_FEWEST_ROWS = 50
_MOST_DISTINCT = 0.7
_MOST_KEYS = 8
_GLANCE = 2_000
_MOST_TRIED = 200
_FINE = 1e-3
_MOST_MERGED = 40
_MOST_ALIKE = 5
_COARSEST = 0.005
"""Rounding, in standard deviations of the column, above which an equality proves nothing."""


def encoded_on_all_rows(ground: LintGround) -> list[FeatureLeak]:
    """Return numeric columns that equal the mean target over all rows that share their value.

    A value that was calculated without the target of these rows agrees with their mean by chance alone, so an equality
    to the last decimal, level by level, proves where it came from. Plain means, their logits, shrunken means (by a
    constant number of rows; by the levels' variance as scikit-learn's ``TargetEncoder`` does; by a logistic weight as
    category_encoders does) and any linear scaling of them are recognised.
    """
    found = []
    for column in ground.looked_at:
        if column.field.kind != "numeric" or column.distinct < 2:
            continue
        values = numbers(ground.table[column.name])
        present = np.isfinite(values)
        rows = int(present.sum())
        spread = float(values[present].std()) if rows else 0.0
        if rows < _FEWEST_ROWS or column.distinct > _MOST_DISTINCT * rows or spread == 0.0:
            continue
        unit = unit_of(values)
        if unit > _COARSEST * spread:
            continue
        tolerance = max(0.51 * unit, 1e-7 * spread)
        shown = pl.Series("value", values[present])
        keys = [shown, *_keys(ground, column.name, pl.Series(present), shown)]
        for output in range(ground.targets.shape[1]):
            target = ground.targets[present, output]
            if any(_is_encoding(key, shown, target, tolerance) for key in keys):
                reason = (
                    f"'{column.name}' is the mean of '{ground.problem.target}' over the rows that share its value: it"
                    " was calculated from the answers of all rows, those that judge the model included"
                )
                found.append(leak(column.name, "encoded", reason, blocks=True, strength=1.0))
                break
    return found


def _keys(ground: LintGround, name: str, present: pl.Series, values: pl.Series) -> list[pl.Series]:
    """Return the columns whose levels have one value each: the column may be an encoding of them.

    Levels of equal value cannot be told apart by the value, and are by the column that it came from.
    """
    found: list[pl.Series] = []
    for column in ground.data.columns:
        if column.name in {name, ground.problem.target} or len(found) == _MOST_KEYS:
            continue
        if column.field.kind not in {"categorical", "boolean"} and not column.field.integer:
            continue
        if not 2 <= column.distinct <= _MOST_DISTINCT * len(values):
            continue
        key = ground.table[column.name].filter(present).alias("key")
        glance = pl.DataFrame({"key": key.head(_GLANCE), "value": values.head(_GLANCE)})
        if glance.n_unique() == glance["key"].n_unique():
            pairs = pl.DataFrame({"key": key, "value": values})
            if pairs.n_unique() == key.n_unique():
                found.append(key)
    return found


def _is_encoding(key: pl.Series, values: pl.Series, target: Floats, tolerance: float) -> bool:
    levels = (
        pl.DataFrame({"key": key, "value": values, "target": target})
        .group_by("key", maintain_order=True)
        .agg(
            value=pl.col("value").first(),
            rows=pl.len(),
            mean=pl.col("target").mean(),
            variance=pl.col("target").var(ddof=0),
        )
    )
    value, rows = levels["value"].to_numpy(), levels["rows"].to_numpy().astype(np.float64)
    mean, variance = levels["mean"].to_numpy(), levels["variance"].to_numpy()
    overall, scatter = float(target.mean()), float(target.var())
    if scatter == 0.0:
        return False
    formulas: Iterable[tuple[Floats, int]] = _formulas(value, rows, mean, variance, overall=overall, scatter=scatter)
    if tolerance <= _FINE * float(value.std()):
        formulas = chain(formulas, _merged(value, rows, mean, overall, tolerance))
    for said, freedom in formulas:
        close = np.abs(said - value) <= tolerance
        # Levels of a single row equal their own target by any of the formulas: they would make a copy, not a mean.
        shared = rows > 1
        if close.sum() >= 2 + freedom and shared.sum() >= 2 + freedom and _share(close, rows) >= _EXPLAINED:
            return bool(_share(close[shared], rows[shared]) >= _EXPLAINED)
    return False


def _share(close: Floats, rows: Floats) -> float:
    return float((close * rows).sum() / rows.sum()) if len(rows) else 0.0


def _formulas(
    value: Floats, rows: Floats, mean: Floats, variance: Floats, *, overall: float, scatter: float
) -> Iterator[tuple[Floats, int]]:
    """Yield what each formula says of each level, with how many numbers were fitted to get there."""
    yield mean, 0
    # A value may stand for several levels of equal size and mean: each level's own rows count.
    own = rows[:, None] / np.arange(1, _MOST_ALIKE + 1)
    weight = scatter * own / (scatter * own + variance[:, None])
    yield _nearest(value, weight * mean[:, None] + (1 - weight) * overall), 0
    weight = 1.0 / (1.0 + np.exp(-(own - 20.0) / 10.0))
    yield _nearest(value, weight * mean[:, None] + (1 - weight) * overall), 0
    strength = _shrinkage(value, rows, mean, overall)
    if strength is not None:
        yield (rows * mean + strength * overall) / (rows + strength), 1
    yield _in_line(mean, value, rows), 2
    yield _shrunken_in_line(value, rows, mean - overall), 4
    if ((mean >= 0) & (mean <= 1)).all():
        inside = (mean > 0) & (mean < 1)
        if inside.sum() >= 4:
            logit = np.full(len(mean), np.nan)
            logit[inside] = np.log(mean[inside] / (1 - mean[inside]))
            yield _in_line(logit, value, rows), 2


def _nearest(value: Floats, said: Floats) -> Floats:
    """Return, of what is said of each level, that which is nearest to its value."""
    nearest: Floats = said[np.arange(len(value)), np.abs(said - value[:, None]).argmin(axis=1)]
    return nearest


def _shrinkage(value: Floats, rows: Floats, mean: Floats, overall: float) -> float | None:
    """Return the number of rows of the overall mean that explain most levels; None where no level tells."""
    apart = np.abs(value - overall) > 1e-6 * (np.abs(overall) + np.abs(value))
    if not apart.any():
        return None
    implied = rows[apart] * (mean[apart] - value[apart]) / (value[apart] - overall)
    strength = float(np.median(implied))
    return strength if np.isfinite(strength) and strength > 0 else None


def _shrunken_in_line(value: Floats, rows: Floats, apart: Floats) -> Floats:
    """Return any linear scaling of means shrunken by any number of rows m, fitted twice.

    From ``value = a + b * rows * apart / (rows + m)`` follows ``value * rows = -m * value + a * rows + a * m
    + b * rows * apart``, which is linear in what is unknown.
    """
    terms = np.column_stack([-value, rows, np.ones(len(rows)), rows * apart])
    kept = np.ones(len(rows), dtype=np.bool_)
    said = np.full(len(rows), np.nan)
    for _ in range(2):
        if kept.sum() < 6:
            return said
        scale = np.abs(terms[kept]).max(axis=0)
        scale[scale == 0] = 1.0
        solved = np.linalg.lstsq(terms[kept] / scale, (value * rows)[kept], rcond=None)[0] / scale
        if not solved[0] > -rows.min():
            return said
        said = terms[:, 1:] @ solved[1:] / (rows + solved[0])
        off = np.abs(said - value)
        kept &= off <= np.nanquantile(off, 0.97)
    return said


def _merged(
    value: Floats, rows: Floats, mean: Floats, overall: float, tolerance: float
) -> Iterator[tuple[Floats, int]]:
    """Yield means shrunken by m rows where several levels of equal size and mean are seen as one, for equal value.

    Of a value that stands for k levels, ``rows * (mean - value) / (value - overall)`` is k times m.
    """
    apart = np.abs(value - overall) > 1e-6 * (np.abs(overall) + np.abs(value))
    with np.errstate(divide="ignore", invalid="ignore"):
        multiple = np.where(apart, rows * (mean - value) / (value - overall), np.nan)
    likely = np.unique(np.round(multiple[np.isfinite(multiple) & (multiple > 1e-3)], 9))[:_MOST_TRIED]
    best, most = None, 0.0
    for strength in likely:
        times = np.clip(np.round(np.where(np.isfinite(multiple), multiple, strength) / strength), 1, _MOST_MERGED)
        own = rows / times
        said = (own * mean + strength * overall) / (own + strength)
        close = float(((np.abs(said - value) <= tolerance) * rows).sum())
        if close > most:
            best, most = said, close
    if best is not None:
        yield best, 3


def _in_line(from_: Floats, to: Floats, rows: Floats) -> Floats:
    """Return the straight line through the levels, fitted twice: the second time without what lies off the first."""
    kept = np.isfinite(from_)
    said = np.full(len(to), np.nan)
    for _ in range(2):
        if kept.sum() < 4 or np.ptp(from_[kept]) == 0:
            return said
        slope, start = np.polyfit(from_[kept], to[kept], 1, w=np.sqrt(rows[kept]))
        said = start + slope * from_
        off = np.abs(said - to)
        kept &= off <= np.nanquantile(off, 0.97)
    return said
