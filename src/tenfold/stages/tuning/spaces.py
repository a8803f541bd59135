"""Where the search looks: for each learner its settings, their ranges and their usual values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna

Value = float | int | str | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Numbers from ``low`` to ``high``, evenly or on a logarithmic scale; whole ones when both ends are whole."""

    low: float
    high: float
    usual: float
    log: bool = False

    def distribution(self) -> optuna.distributions.BaseDistribution:
        """Return the range as Optuna writes it."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if isinstance(self.low, int) and isinstance(self.high, int):
            return IntDistribution(self.low, self.high, log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

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

    def nearest(self, value: object) -> Value:
        """Return the value itself, or the usual one where it is none of the choices."""
        return value if value in self.values else self.usual


Space = Mapping[str, Range | Choice]


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
