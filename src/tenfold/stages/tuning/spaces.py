"""Where the search looks: for each learner its settings, their ranges and their usual values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenfold.stages.tuning.options import SettingRange, Value, WrittenSpace

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Numbers from ``low`` to ``high``, evenly or on a logarithmic scale; whole ones when both ends are whole."""

    low: float
    high: float
    usual: float
    log: bool = False
    points: int = 3

    def distribution(self) -> optuna.distributions.BaseDistribution:
        """Return the range as Optuna writes it."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if isinstance(self.low, int) and isinstance(self.high, int):
            return IntDistribution(self.low, self.high, log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def described(self) -> Mapping[str, object]:
        """Return the range as records have it."""
        return {"low": self.low, "high": self.high, "log": self.log}

    def grid(self) -> tuple[Value, ...]:
        """Return ``points`` values, the ends included; fewer where whole numbers fall together."""
        ends = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        steps = [ends[0] + (ends[1] - ends[0]) * place / (self.points - 1) for place in range(self.points)]
        values = [math.exp(step) if self.log else step for step in steps]
        found = [float(f"{value:.6g}") for value in values]
        return tuple(dict.fromkeys(self.nearest(value) for value in found))

    def objection(self, value: object) -> str:
        """Return why a value does not lie in the range; empty when it does."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{value!r} is no number"
        if not self.low <= value <= self.high:
            return f"{value:g} is outside {self.low:g} to {self.high:g}"
        return "" if not self.whole or value == int(value) else f"{value:g} is no whole number"

    def nearest(self, value: object) -> Value:
        """Return the value of the range that is nearest; the usual one for what is no number (``sqrt``)."""
        if not isinstance(value, int | float):
            value = self.usual
        inside = min(max(value, self.low), self.high)
        return round(inside) if isinstance(self.low, int) and isinstance(self.high, int) else float(inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of some values."""

    values: tuple[Value, ...]
    usual: Value

    def distribution(self) -> optuna.distributions.BaseDistribution:
        """Return the choice as Optuna writes it."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.values)

    def described(self) -> list[Value]:
        """Return the values as records have them."""
        return list(self.values)

    def grid(self) -> tuple[Value, ...]:
        """Return all values."""
        return self.values

    def objection(self, value: object) -> str:
        """Return why a value is none of the choices; empty when it is one."""
        return "" if value in self.values else f"{value!r} is none of {', '.join(map(repr, self.values))}"

    def nearest(self, value: object) -> Value:
        """Return the value itself, or the usual one where it is none of the choices."""
        return next((each for each in self.values if each == value), self.usual)


Space = Mapping[str, Range | Choice]


_COARSE = ("learning_rate", "num_leaves", "min_data_in_leaf", "max_features", "min_samples_leaf")
"""The settings that matter most: a grid over all of them would have thousands of points."""


def grid_of(space: Space) -> list[dict[str, Value]]:
    """Return every point of a space, the last setting changing quickest."""
    names = list(space)
    return [
        dict(zip(names, point, strict=True)) for point in itertools.product(*(space[name].grid() for name in names))
    ]


def coarse(space: Space) -> Space:
    """Return the few settings of our own space that a grid is laid over."""
    return {name: each for name, each in space.items() if name in _COARSE}


def written_space(written: WrittenSpace, learner: str) -> Space:
    """Return the space that a person wrote for a learner."""
    made: dict[str, Range | Choice] = {}
    for name, each in written.get(learner, {}).items():
        if isinstance(each, SettingRange):
            middle = math.sqrt(each.low * each.high) if each.log else (each.low + each.high) / 2
            made[name] = Range(low=each.low, high=each.high, usual=middle, log=each.log, points=each.points)
        else:
            made[name] = Choice(values=each, usual=each[0])
    return made


def space_of(learner: str, rows: int, slowest_rate: float) -> Space:
    """Return where to search for a learner; empty when it has nothing to be tuned.

    Parameters
    ----------
    rows : int
        Rows that may train: small tables bear small trees.
    slowest_rate : float
        Learning rate below which boosting would take too long here.
    """
    if learner == "lightgbm":
        return {
            "learning_rate": Range(low=slowest_rate, high=0.2, usual=0.1, log=True),
            "num_leaves": Range(low=4, high=max(16, min(512, rows // 8)), usual=31, log=True),
            "min_data_in_leaf": Range(low=2, high=max(10, min(200, rows // 10)), usual=20, log=True),
            "feature_fraction": Range(low=0.3, high=1.0, usual=1.0),
            "bagging_fraction": Range(low=0.5, high=1.0, usual=1.0),
            "lambda_l2": Range(low=1e-3, high=30.0, usual=1e-3, log=True),
            "min_sum_hessian_in_leaf": Range(low=1e-6, high=10.0, usual=1e-3, log=True),
            "max_bin": Choice(values=(63, 255, 511), usual=255),
            "extra_trees": Choice(values=(False, True), usual=False),
        }
    if learner in ("random_forest", "extra_trees"):
        return {
            "max_features": Range(low=0.1, high=1.0, usual=0.5),
            "min_samples_leaf": Range(low=1, high=max(5, min(30, rows // 50)), usual=2, log=True),
        }
    if learner == "catboost":
        return {
            "learning_rate": Range(low=max(0.03, slowest_rate), high=0.3, usual=0.09, log=True),
            "depth": Range(low=4, high=9, usual=6),
            "l2_leaf_reg": Range(low=0.1, high=30.0, usual=3.0, log=True),
            "random_strength": Range(low=0.1, high=10.0, usual=1.0, log=True),
            "rsm": Range(low=0.4, high=1.0, usual=1.0),
        }
    if learner == "xgboost":
        return {
            "learning_rate": Range(low=slowest_rate, high=0.3, usual=0.1, log=True),
            "max_depth": Range(low=2, high=max(4, min(12, rows // 200)), usual=6),
            "min_child_weight": Range(low=0.1, high=50.0, usual=1.0, log=True),
            "subsample": Range(low=0.5, high=1.0, usual=0.8),
            "colsample_bytree": Range(low=0.3, high=1.0, usual=0.8),
            "reg_lambda": Range(low=1e-3, high=30.0, usual=1.0, log=True),
        }
    if learner == "additive":
        return {
            "learning_rate": Range(low=slowest_rate, high=0.2, usual=0.05, log=True),
            "num_leaves": Range(low=2, high=24, usual=8, log=True),
            "min_data_in_leaf": Range(low=2, high=max(10, min(300, rows // 10)), usual=20, log=True),
            "feature_fraction": Range(low=0.2, high=1.0, usual=1.0),
            "bagging_fraction": Range(low=0.5, high=1.0, usual=1.0),
            "lambda_l2": Range(low=1e-3, high=30.0, usual=1e-3, log=True),
        }
    if learner == "mlp":
        return {
            "layers": Choice(values=("narrow", "usual", "wide"), usual="usual"),
            "learning_rate_init": Range(low=3e-4, high=1e-2, usual=2e-3, log=True),
            "alpha": Range(low=1e-6, high=1e-1, usual=1e-4, log=True),
        }
    return {}
