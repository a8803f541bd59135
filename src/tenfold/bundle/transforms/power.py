"""Skewed numbers bent towards a bell: logarithm, Box-Cox, Yeo-Johnson."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import OnNumbers, Row, State, Transform
from tenfold.bundle.transforms.values import NAN, number, numbers, stacked
from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.records.features import Step

METHODS = ("log", "box_cox", "yeo_johnson", "auto")
_NONE, _LOG, _BOX_COX, _YEO_JOHNSON = range(4)
_FEWEST_ROWS = 20
_HELPS = 1.05
"""``auto`` bends a column when the target follows it so much better, in squared correlation."""
_FARTHEST = 1e150


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedPower:
    """Numbers bent, then brought to mean 0 and deviation 1 of the training rows; missing stays missing.

    For each column: which way it is bent, its exponent, and the center and spread of the bent training values. What a
    way cannot take (a logarithm of what is not positive) is taken at the smallest training value.
    """

    names: tuple[str, ...]
    ways: tuple[int, ...]
    exponents: tuple[float, ...]
    lowest: tuple[float, ...]
    centers: tuple[float, ...]
    spreads: tuple[float, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        columns = [self._bent(place, numbers(table, name)) for place, name in enumerate(self.names)]
        return stacked(columns, table.height)

    def apply_row(self, row: Row) -> list[float]:
        values = (np.array([number(row, name)]) for name in self.names)
        return [float(self._bent(place, value)[0]) for place, value in enumerate(values)]

    def on_numbers(self) -> OnNumbers:
        places = range(len(self.names))
        return lambda values: np.column_stack([self._bent(place, values[:, place]) for place in places])

    def state(self) -> State:
        return State(
            arrays={
                "ways": np.asarray(self.ways, dtype=np.int64),
                "exponents": np.asarray(self.exponents),
                "lowest": np.asarray(self.lowest),
                "centers": np.asarray(self.centers),
                "spreads": np.asarray(self.spreads),
            }
        )

    def _bent(self, place: int, values: Floats) -> Floats:
        bent = _bend(values, self.ways[place], self.exponents[place], self.lowest[place])
        return (bent - self.centers[place]) / self.spreads[place]


def box_cox(values: Floats, exponent: float) -> Floats:
    """Return (x^λ - 1) / λ of positive numbers, the logarithm for λ = 0 (Box and Cox, 1964)."""
    logs: Floats = np.log(values)
    if abs(exponent) < 1e-12:
        return logs
    bent: Floats = np.expm1(np.minimum(exponent * logs, 300.0)) / exponent
    return bent


def yeo_johnson(values: Floats, exponent: float) -> Floats:
    """Return the Yeo-Johnson transform (Yeo and Johnson, 2000): Box-Cox of x + 1, mirrored below zero."""
    result = np.empty_like(values)
    positive = values >= 0
    result[positive] = box_cox(values[positive] + 1.0, exponent)
    result[~positive] = -box_cox(1.0 - values[~positive], 2.0 - exponent)
    return result


def _bend(values: Floats, way: int, exponent: float, lowest: float) -> Floats:
    if way == _NONE:
        return values
    result: Floats = np.full(len(values), NAN)
    present = ~np.isnan(values)
    held = values[present]
    if way == _LOG:
        result[present] = np.sign(held) * np.log1p(np.abs(held))
    elif way == _BOX_COX:
        result[present] = box_cox(np.maximum(held, lowest), exponent)
    else:
        result[present] = yeo_johnson(held, exponent)
    return np.clip(result, -_FARTHEST, _FARTHEST, out=result)


def _candidate(values: Floats, method: str) -> tuple[int, float, float]:
    """Return way, exponent and smallest value for one column's present training values."""
    lowest = float(values.min()) if len(values) else 1.0
    if len(values) < _FEWEST_ROWS or np.ptp(values) == 0:
        return _NONE, 1.0, lowest
    if method == "log":
        return _LOG, 0.0, lowest
    if method == "box_cox" and lowest > 0:
        return _BOX_COX, _likeliest(values, box_cox, float(np.log(values).sum())), lowest
    # Box-Cox is for positive numbers; Yeo-Johnson is its extension to all.
    jacobian = float((np.sign(values) * np.log1p(np.abs(values))).sum())
    return _YEO_JOHNSON, _likeliest(values, yeo_johnson, jacobian), lowest


def _likeliest(values: Floats, bend: Any, jacobian: float) -> float:
    """Return the exponent under which the bent values are most likely normal."""
    from scipy.optimize import minimize_scalar

    def loss(exponent: float) -> float:
        spread = float(np.var(bend(values, exponent)))
        if not math.isfinite(spread) or spread <= 0:
            return math.inf
        return len(values) / 2 * math.log(spread) - (exponent - 1.0) * jacobian

    found = minimize_scalar(loss, bounds=(-3.0, 5.0), method="bounded", options={"xatol": 1e-8})
    return float(found.x)


def _fitted(values: Floats, method: str, target: Floats | None) -> tuple[int, float, float, float, float]:
    present = ~np.isnan(values)
    held = values[present]
    if method != "auto":
        chosen = _candidate(held, method)
    else:
        chosen = (_NONE, 1.0, 0.0)
        if target is not None and len(held) >= _FEWEST_ROWS:
            best = _HELPS * _follows(held, target[present])
            for each in ("log", "yeo_johnson"):
                way, exponent, lowest = _candidate(held, each)
                strength = _follows(_bend(held, way, exponent, lowest), target[present])
                if strength > best:
                    best, chosen = strength, (way, exponent, lowest)
    way, exponent, lowest = chosen
    bent = _bend(held, way, exponent, lowest)
    center, spread = (float(bent.mean()), float(bent.std())) if len(bent) else (0.0, 1.0)
    constant = spread <= max(1e-12 * abs(center), 1e-150)
    return way, exponent, lowest, center, 1.0 if constant else spread


def _follows(values: Floats, target: Floats) -> float:
    """Return the squared correlation of a column with the target, the greatest over its outputs."""
    centred, goal = values - values.mean(), target - target.mean(axis=0)
    scale = float(np.sqrt((centred**2).sum()))
    scales = np.sqrt((goal**2).sum(axis=0))
    if scale == 0 or not (scales > 0).any():
        return 0.0
    return float(np.max((centred / scale @ goal / np.where(scales > 0, scales, 1.0)) ** 2))


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedPower:
    """Learn exponent, center and spread of each column; ``settings``: method.

    ``log`` is sign(x)·log(1 + |x|); ``auto`` bends a column only where the target of the training rows follows it
    clearly better so.
    """
    del rng
    method = str(step.settings.get("method", "yeo_johnson"))
    if method not in METHODS:
        raise InputError(
            f"'{method}' is not a way to bend numbers (these are: {', '.join(METHODS)}).{did_you_mean(method, METHODS)}"
        )
    found = [_fitted(numbers(table, name), method, target) for name in step.columns]
    ways, *rest = zip(*found, strict=True)
    arrays = dict(zip(("exponents", "lowest", "centers", "spreads"), map(np.asarray, rest), strict=True))
    return restore(step, State(arrays={"ways": np.asarray(ways, dtype=np.int64), **arrays}))


def restore(step: Step, state: State) -> FittedPower:
    """Build it again from its state."""
    arrays = {name: tuple(array.tolist()) for name, array in state.arrays.items()}
    return FittedPower(names=step.columns, **cast("dict[str, Any]", arrays))


POWER = Transform(fit=fit, restore=restore)
