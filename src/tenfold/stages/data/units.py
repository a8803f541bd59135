"""Numbers in two units: a part of the rows in cents, in thousands, in Fahrenheit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.records.dataset import Column, Finding

Floats = npt.NDArray[np.float64]

_FACTORS: tuple[tuple[float, str], ...] = (
    (1_000.0, "1000 (as g and kg, m and km)"),
    (100.0, "100 (as cents, or per cent)"),
    (1_000_000.0, "a million"),
    (10.0, "10 (as mm and cm)"),
    (2.54, "2.54 (as inches and cm)"),
    (3.6, "3.6 (as m/s and km/h)"),
    (0.4536, "0.4536 (as pounds and kg)"),
    (1.609, "1.609 (as miles and km)"),
    (60.0, "60 (as minutes and seconds)"),
)
_WITHIN = 0.12
_LARGE = 8.0
_FEWEST = 20
_SMALLEST_PART = 0.02
_FEWEST_VALUES = 15
_ALONE = 2.0
# So far must a level lie from others that agree, before a small factor counts as a unit.
_ALONE_AMONG = 6.0
_MOST_LEVELS = 30
_ALIKE = 0.15
_MOST_KEYS = 6
# Of a wide table fewer keys are looked at.
_MOST_COMPARED = 1_200
_ROWS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoUnits:
    """A part of the rows that another unit would explain: where (empty: anywhere), by which factor, how many."""

    where: str
    factor: str
    rows: int


def find_two_units(table: pl.DataFrame, columns: Sequence[Column]) -> list[Finding]:
    """Return the numeric columns of which a part of the rows seems to be in another unit.

    Either the logarithms fall into two clouds, alike in shape, whose distance is that of two units; or the rows of one
    level of another column (a shop, a source) are the others' in another unit, quantile by quantile.
    """
    seen = table if table.height <= _ROWS else table.gather_every(table.height // _ROWS + 1)
    keys = [
        column.name
        for column in columns
        if column.field.kind in {"categorical", "boolean"}
        and 2 <= column.distinct <= _MOST_LEVELS
        and column.role not in {"target", "ignored"}
    ]
    numbers = sum(column.field.kind == "numeric" for column in columns)
    keys = keys[: max(1, min(_MOST_KEYS, _MOST_COMPARED // max(numbers, 1)))]
    found = []
    for column in columns:
        if column.field.kind != "numeric" or column.role not in {"feature", "target"} or column.distinct < _FEWEST:
            continue
        values = seen[column.name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        told: TwoUnits | None = None
        for key in keys:
            told = told or _one_level(values, seen[key])
        # A level says more than two clouds do: it names the source.
        told = told or _two_clouds(values)
        if told is not None:
            where = f" where {told.where}" if told.where else ""
            message = (
                f"'{column.name}' seems to be in two units: {told.rows:,} of {seen.height:,} rows looked at{where}"
                f" differ from the others by {told.factor}"
            )
            found.append(
                Finding(rule="two-units", severity="warning", message=message, column=column.name, rows=told.rows)
            )
    return found


def _two_clouds(values: Floats) -> TwoUnits | None:
    """Find a gap in the logarithms between two clouds of alike spread, a known factor apart."""
    known = np.sort(values[np.isfinite(values) & (values > 0)])
    if len(known) < 3 * _FEWEST or len(known) < 0.9 * np.isfinite(values).sum():
        return None
    logs = np.log10(known)
    gaps = np.diff(logs)
    inside = slice(int(_SMALLEST_PART * len(gaps)), len(gaps) - int(_SMALLEST_PART * len(gaps)))
    if not len(gaps[inside]):
        return None
    cut = int(np.argmax(gaps[inside])) + inside.start + 1
    low, high = logs[:cut], logs[cut:]
    if min(len(low), len(high)) < _FEWEST:
        return None
    spreads = [float(np.subtract(*np.quantile(part, [0.9, 0.1]))) for part in (low, high)]
    # Nothing lies between the clouds, as wide as a good part of them.
    if gaps[cut - 1] < 0.15 or min(spreads) <= 0 or not 0.4 < spreads[0] / spreads[1] < 2.5:
        return None
    # Numbers on a grid lie far apart at their low end by nature, and sizes come in kinds (small aircraft, large ones):
    # a unit leaves many values on both sides, alike in shape, and no other gap like it.
    if min(len(np.unique(low)), len(np.unique(high))) < _FEWEST_VALUES:
        return None
    others = np.delete(gaps[inside], cut - 1 - inside.start)
    if len(others) and gaps[cut - 1] < _ALONE * others.max():
        return None
    shares = np.linspace(0.1, 0.9, 9)
    shifts = np.quantile(high, shares) - np.quantile(low, shares)
    middle = float(np.median(shifts))
    noise = 3 * max(spreads) / math.sqrt(min(len(low), len(high)))
    if np.abs(shifts - middle).max() > 0.2 * max(spreads) + noise:
        return None
    factor = 10**middle
    named = _factor(factor, within=max(_WITHIN, min(math.expm1(math.log(10) * noise / 2), 0.3)))
    if named is None:
        return None
    fewer = min(len(low), len(high))
    part = "the larger ones" if len(high) < len(low) else "the smaller ones"
    return TwoUnits(where=f"they are {part}", factor=f"about {named}", rows=fewer)


def _one_level(values: Floats, key: pl.Series) -> TwoUnits | None:
    finite = np.isfinite(values)
    for level, rows in key.drop_nulls().value_counts(name="\0rows").sort(key.name).iter_rows():
        if rows < _FEWEST or rows > 0.5 * len(values):
            continue
        here = (key == level).fill_null(False).to_numpy() & finite
        own, others = values[here], values[finite & ~here]
        if len(own) < _FEWEST or len(others) < _FEWEST:
            continue
        apart = _apart_from_others(values, key, str(level), own)
        factor = _proportional(own, others, alone=apart >= _ALONE_AMONG) or _fahrenheit(own, others)
        if factor is not None and apart > 2:
            return TwoUnits(where=f"'{key.name}' is '{level}'", factor=factor, rows=int(here.sum()))
    return None


def _apart_from_others(values: Floats, key: pl.Series, level: str, own: Floats) -> float:
    """Return how far a level lies from the others, in what these differ by among themselves (of their medians).

    Where that is little the levels are kinds of things, as aircraft of a few seats and of hundreds are, and no unit is
    at fault. With one other level only nothing is known of it: a few times.
    """
    words = key.cast(pl.String).fill_null("").to_numpy()
    middles = []
    for other in np.unique(words):
        inside = values[(words == other) & np.isfinite(values)]
        if other not in {level, ""} and len(inside) >= _FEWEST:
            middles.append(float(np.median(inside)))
    if len(middles) < 2:
        return _ALONE_AMONG / 2
    away = abs(float(np.median(own)) - float(np.median(middles)))
    return away / max(max(middles) - min(middles), 1e-12 * away, 1e-300)


def _proportional(own: Floats, others: Floats, *, alone: bool) -> str | None:
    if (own <= 0).mean() > 0.05 or (others <= 0).mean() > 0.05:
        return None
    shares = np.linspace(0.1, 0.9, 9)
    ratios = np.log(np.quantile(own[own > 0], shares)) - np.log(np.quantile(others[others > 0], shares))
    middle = float(np.median(ratios))
    spread = float(np.std(np.log(others[others > 0])))
    if spread <= 0 or np.abs(ratios - middle).max() > max(_ALIKE, 0.35 * spread) or abs(middle) < 1.5 * spread:
        return None
    # Groups differ by small factors by nature; only where they hardly overlap otherwise is a unit the likelier reason.
    if not alone and abs(middle) < math.log(_LARGE) and abs(middle) < 4 * spread:
        return None
    # As the sample is small, the ratio is only so sure.
    sure = 3 * spread / math.sqrt(len(own))
    return _factor(math.exp(abs(middle)), within=max(_WITHIN, math.expm1(min(sure, 0.3))))


def _factor(ratio: float, *, within: float) -> str | None:
    fitting = [(abs(math.log(ratio / factor)), words) for factor, words in _FACTORS if factor >= 1]
    fitting += [(abs(math.log(ratio * factor)), words) for factor, words in _FACTORS if factor < 1]
    off, words = min(fitting)
    return words if off <= math.log1p(within) else None


def _fahrenheit(own: Floats, others: Floats) -> str | None:
    """Whether one is the other times 1.8 plus 32, quantile by quantile, and clearly not as it stands."""
    shares = np.linspace(0.1, 0.9, 9)
    mine, theirs = np.quantile(own, shares), np.quantile(others, shares)
    if not (np.ptp(theirs) > 0 and theirs.min() >= -60 and theirs.max() <= 130 and mine.max() <= 130):
        return None
    for celsius, fahrenheit in ((theirs, mine), (mine, theirs)):
        said = celsius * 1.8 + 32
        near, plain = np.abs(fahrenheit - said).max(), np.abs(fahrenheit - celsius).mean()
        if near <= 0.35 * np.ptp(said) and np.abs(np.median(fahrenheit - said)) <= 0.12 * np.ptp(said) < 0.3 * plain:
            return "1.8 and 32 (Fahrenheit and Celsius)"
    return None
