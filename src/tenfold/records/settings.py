"""The settings that each learner knows and a search may vary, with the values that they can take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: numbers from ``low`` to ``high``, whole ones where ``whole``, or one of some ``words``."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    words: tuple[str | bool, ...] = ()
    numbers: bool = True

    def objection(self, value: object) -> str:
        """Return what is wrong with a value; empty when it can be taken."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            fits = any(value is word or (isinstance(word, str) and value == word) for word in self.words)
            return "" if fits else self.described()
        if not self.numbers or not self.low <= value <= self.high or (self.whole and value != int(value)):
            return self.described()
        return ""

    def described(self) -> str:
        """Return what the setting takes, in words."""
        parts = []
        if self.numbers:
            kind = "a whole number" if self.whole else "a number"
            if math.isfinite(self.low) and math.isfinite(self.high):
                parts.append(f"{kind} from {self.low:g} to {self.high:g}")
            else:
                parts.append(f"{kind} of at least {self.low:g}")
        parts += [str(word).lower() if isinstance(word, bool) else f"'{word}'" for word in self.words]
        return " or ".join(parts)


_SHARE = Setting(low=1e-3, high=1.0)
_FLAG = Setting(words=(False, True), numbers=False)
_PENALTY = Setting(low=0.0)
_FOREST: Mapping[str, Setting] = {
    "trees": Setting(low=1, high=5_000, whole=True),
    "max_features": Setting(low=1e-3, high=1.0, words=("sqrt", "log2")),
    "min_samples_leaf": Setting(low=1, high=100_000, whole=True),
    "min_samples_split": Setting(low=2, high=100_000, whole=True),
    "max_leaf_nodes": Setting(low=2, high=1_000_000, whole=True),
    "max_depth": Setting(low=1, high=1_000, whole=True),
    "min_impurity_decrease": _PENALTY,
}

LEARNER_SETTINGS: Mapping[str, Mapping[str, Setting]] = {
    "lightgbm": {
        "learning_rate": Setting(low=1e-4, high=1.0),
        "num_leaves": Setting(low=2, high=131_072, whole=True),
        "max_depth": Setting(low=-1, high=1_000, whole=True),
        "min_data_in_leaf": Setting(low=0, high=1_000_000, whole=True),
        "min_sum_hessian_in_leaf": _PENALTY,
        "min_gain_to_split": _PENALTY,
        "feature_fraction": _SHARE,
        "feature_fraction_bynode": _SHARE,
        "bagging_fraction": _SHARE,
        "lambda_l1": _PENALTY,
        "lambda_l2": _PENALTY,
        "path_smooth": _PENALTY,
        "cat_l2": _PENALTY,
        "cat_smooth": _PENALTY,
        "max_bin": Setting(low=2, high=65_535, whole=True),
        "extra_trees": _FLAG,
    },
    "random_forest": _FOREST,
    "extra_trees": _FOREST,
}
"""By learner. A linear model walks its own path of penalties and has nothing to be set."""
