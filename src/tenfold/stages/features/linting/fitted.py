"""Columns prepared outside with all rows: scaled, ranked, filled or rotated by statistics of the judged rows too."""

from __future__ import annotations

import numpy as np

from tenfold.records.dataset import Column
from tenfold.records.features import FeatureLeak
from tenfold.stages.features.linting.ground import Floats, LintGround, leak, numbers, unit_of

_FEWEST_ROWS = 50
_FEWEST_DISTINCT = 20
_EXACT = 1e-6
_ENDS = 3
_FEWEST_FILLED = 3
_ADVICE = "; give the column as it was: Tenfold prepares it inside the folds, from training rows alone"


def prepared_on_all_rows(ground: LintGround) -> list[FeatureLeak]:
    """Return numeric columns whose statistics over all rows are too round to come from anywhere else.

    Mean 0 and deviation 1, median 0 and quartile distance 1, evenly spaced ranks, and holes filled with the mean of the
    others: exact over all rows, and not over the training rows alone. From 0 to 1 with a single row at either end is
    told when at least two columns are so. It is told and does not stop: the harm is small where rows are many.
    """
    found = []
    ranged: list[str] = []
    centred: list[tuple[str, Floats]] = []
    training = ground.part == "train" if (ground.part == "validation").any() else ground.part != "test"
    for column in ground.looked_at:
        if column.field.kind != "numeric" or column.field.integer or column.distinct < _FEWEST_DISTINCT:
            continue
        values = numbers(ground.table[column.name])
        known = values[np.isfinite(values)]
        if len(known) < _FEWEST_ROWS or not known.std() > 0:
            continue
        how = _how(values, training) or _filled(column, values)
        if how:
            reason = f"'{column.name}' {how} over all rows, those that judge the model included"
            found.append(leak(column.name, "prepared", reason, blocks=False, advice=_ADVICE))
        elif _from_zero_to_one(known):
            ranged.append(column.name)
        elif abs(known.mean()) <= 1e-9 * known.std() and len(known) == len(values):
            centred.append((column.name, values))
    if len(ranged) > 1:
        found += [
            leak(
                name,
                "prepared",
                f"'{name}' runs from 0 to 1 with single rows at its ends: it seems scaled by the extremes of all rows",
                blocks=False,
                advice=_ADVICE,
            )
            for name in ranged
        ]
    return found + _rotated(centred)


def _how(values: Floats, training: np.ndarray) -> str:
    """Return what is exact over all rows and not over the training rows; empty when nothing is."""
    known, learned = values[np.isfinite(values)], values[training & np.isfinite(values)]
    slack = max(_EXACT, 3 * unit_of(values) / np.sqrt(len(known)))
    for name, holds in (("is standardised", _standardised), ("is scaled by its quartiles", _by_quartiles)):
        if holds(known, slack) and not (len(learned) < len(known) and holds(learned, slack)):
            return name
    return "is ranked" if _ranked(known) else ""


def _standardised(values: Floats, slack: float) -> bool:
    if len(values) < _FEWEST_ROWS:
        return False
    sample, population = float(values.std(ddof=1)), float(values.std())
    return abs(float(values.mean())) <= slack and min(abs(sample - 1), abs(population - 1)) <= slack


def _by_quartiles(values: Floats, slack: float) -> bool:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return bool(abs(middle) <= min(slack, 1e-4) and abs(high - low - 1) <= min(slack, 1e-4))


def _ranked(values: Floats) -> bool:
    """Whether the values are evenly spaced from first to last, or the normal scores of such: one row to each."""
    distinct = np.unique(values)
    if len(distinct) < 0.95 * len(values):
        return False
    from scipy.special import ndtr

    for spaced in (distinct, ndtr(distinct[1:-1])):
        if not (spaced.min() >= 0 and spaced.max() <= 1):
            continue
        steps = np.diff(spaced)
        if np.abs(steps - steps.mean()).max() <= 1e-4 * steps.mean() and 0.5 < steps.mean() * len(values) < 2:
            return True
    return False


def _filled(column: Column, values: Floats) -> str:
    """Say whether the most frequent value is the mean of all others, to the last decimal that a mean has."""
    if column.missing or not len(values):
        return ""
    distinct, counts = np.unique(values, return_counts=True)
    most = int(counts.argmax())
    if counts[most] < _FEWEST_FILLED or counts[most] < 2 * np.sort(counts)[-2]:
        return ""
    value, others = float(distinct[most]), values[values != distinct[most]]
    longer = unit_of(np.array([value])) < unit_of(others[:500])
    if longer and len(others) and abs(float(others.mean()) - value) <= 1e-9 * max(abs(value), float(others.std())):
        return f"has its holes filled with their mean ({counts[most]:,} rows)"
    return ""


def _from_zero_to_one(known: Floats) -> bool:
    if known.min() != 0.0 or known.max() != 1.0 or unit_of(known) > 1e-5:
        return False
    return bool((known == 0.0).sum() <= _ENDS and (known == 1.0).sum() <= _ENDS)


def _rotated(centred: list[tuple[str, Floats]]) -> list[FeatureLeak]:
    """Return centred columns that are uncorrelated to the last digit: principal components of all rows."""
    if len(centred) < 2:
        return []
    none = np.abs(np.atleast_2d(np.corrcoef(np.stack([values for _, values in centred])))) < 1e-8
    return [
        leak(
            name,
            "prepared",
            f"'{name}' is centred and exactly uncorrelated with others: principal components of all rows, it seems",
            blocks=False,
            advice=_ADVICE,
        )
        for (name, _), alone in zip(centred, none, strict=True)
        if alone.any()
    ]
