"""The learners there are, by name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.stages.training.additive import Additive
from tenfold.stages.training.boosting import Boosting
from tenfold.stages.training.catboost import CatBoost
from tenfold.stages.training.forest import Forest
from tenfold.stages.training.linear import Linear
from tenfold.stages.training.mlp import Mlp
from tenfold.stages.training.neighbours import Neighbours
from tenfold.stages.training.protocols import Learner
from tenfold.stages.training.sparse_linear import SparseLinear
from tenfold.stages.training.tree import Tree
from tenfold.stages.training.xgboost import XGBoost

REFERENCES = ("constant", "rule")
"""What every model must beat; on the leaderboard, not among the learners."""


READABLE = ("additive", "sparse_linear", "tree")
"""What a person can read whole: curves, a few coefficients, or a few rules."""

ONLY_BY_NAME = ("neighbours",)
"""Learners that take part only where they are asked for by name: the model holds the training rows."""

LIBRARIES = {"lightgbm": "lightgbm", "catboost": "catboost", "xgboost": "xgboost"}
"""What boosts, by learner: the library that must be there."""


def preloaded() -> tuple[str, ...]:
    """Return the modules to import before workers are forked; CatBoost is not among them, as it starts threads."""
    found = ("xgboost",) if usable("xgboost") else ()
    return ("lightgbm", *found, "sklearn.linear_model", "sklearn.ensemble")


def usable(name: str) -> bool:
    """Whether the library that this learner needs is installed."""
    return name not in LIBRARIES or find_spec(LIBRARIES[name]) is not None


def learner_called(name: str) -> Learner:
    """Return the learner of this name.

    Raises
    ------
    InputError
        When there is none.
    """
    if name not in LEARNERS:
        raise InputError(f"'{name}' is not a learner (known are: {', '.join(LEARNERS)}).{did_you_mean(name, LEARNERS)}")
    return LEARNERS[name]


LEARNERS: Mapping[str, Learner] = {
    "linear": Linear(),
    "lightgbm": Boosting(),
    "catboost": CatBoost(),
    "xgboost": XGBoost(),
    "random_forest": Forest(kind="random"),
    "extra_trees": Forest(kind="extra"),
    "mlp": Mlp(),
    "neighbours": Neighbours(),
    "sparse_linear": SparseLinear(),
    "tree": Tree(),
    "additive": Additive(),
}
