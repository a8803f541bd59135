"""Columns that hold the mean target of their rows: encodings that were fitted on all rows, the judged ones included."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from tenfold.records.features import FeatureLeak
from tenfold.stages.features.linting.ground import Floats, LintGround, leak, numbers, unit_of

_EXPLAINED = 0.95
"""Share of the rows whose value must be what the formula gives."""
_FEWEST_ROWS = 50
_MOST_DISTINCT = 0.7
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
        for output in range(ground.targets.shape[1]):
            if _is_encoding(values[present], ground.targets[present, output], tolerance):
                reason = (
                    f"'{column.name}' is the mean of '{ground.problem.target}' over the rows that share its value: it"
                    " was calculated from the answers of all rows, those that judge the model included"
                )
                found.append(leak(column.name, "encoded", reason, blocks=True, strength=1.0))
                break
    return found


def _is_encoding(values: Floats, target: Floats, tolerance: float) -> bool:
    levels = (
        pl.DataFrame({"value": values, "target": target})
        .group_by("value", maintain_order=True)
        .agg(rows=pl.len(), mean=pl.col("target").mean(), variance=pl.col("target").var(ddof=0))
    )
    value, rows = levels["value"].to_numpy(), levels["rows"].to_numpy().astype(np.float64)
    mean, variance = levels["mean"].to_numpy(), levels["variance"].to_numpy()
    overall, scatter = float(target.mean()), float(target.var())
    if scatter == 0.0:
        return False
    for said, freedom in _formulas(value, rows, mean, variance, overall=overall, scatter=scatter):
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
    weight = scatter * rows / (scatter * rows + variance)
    yield weight * mean + (1 - weight) * overall, 0
    weight = 1.0 / (1.0 + np.exp(-(rows - 20.0) / 10.0))
    yield weight * mean + (1 - weight) * overall, 0
    strength = _shrinkage(value, rows, mean, overall)
    if strength is not None:
        yield (rows * mean + strength * overall) / (rows + strength), 1
    yield _in_line(mean, value, rows), 2
    if ((mean >= 0) & (mean <= 1)).all():
        inside = (mean > 0) & (mean < 1)
        if inside.sum() >= 4:
            logit = np.full(len(mean), np.nan)
            logit[inside] = np.log(mean[inside] / (1 - mean[inside]))
            yield _in_line(logit, value, rows), 2


def _shrinkage(value: Floats, rows: Floats, mean: Floats, overall: float) -> float | None:
    """Return the number of rows of the overall mean that explain most levels; None where no level tells."""
    apart = np.abs(value - overall) > 1e-6 * (np.abs(overall) + np.abs(value))
    if not apart.any():
        return None
    implied = rows[apart] * (mean[apart] - value[apart]) / (value[apart] - overall)
    strength = float(np.median(implied))
    return strength if np.isfinite(strength) and strength > 0 else None


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
