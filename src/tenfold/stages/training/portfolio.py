"""Settings that are good on many tables: the first things to try, before any search.

The values follow published meta-tuned defaults for boosted trees (Holzmüller, Grinsztajn and Steinwart, 2024,
"Better by default") and what held on tables of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tenfold.records.model import Candidate
from tenfold.records.problem import Task
from tenfold.stages.training.fitting import proposal
from tenfold.stages.training.learners import ONLY_BY_NAME, usable

MOST_FOREST_ROWS = 50_000
"""Forests beyond this are large, slow and no better than boosted trees."""

SMALL_ROWS = 2_000


def first_rung(task: Task, rows: int, learners: Sequence[str]) -> list[Candidate]:
    """Return the quick candidates: boosted trees of usual strength, which show the pace, and a linear model."""
    usual: dict[str, object] = {"learning_rate": 0.1}
    if rows < SMALL_ROWS:
        usual = {"learning_rate": 0.05, "num_leaves": 15, "feature_fraction": 0.8}
    usual = _for_task(task, usual)
    rung = [proposal("lightgbm-usual", "lightgbm", usual), proposal("linear", "linear", {})]
    return [candidate for candidate in rung if not learners or candidate.learner in learners]


def later_rungs(task: Task, rows: int, outputs: int, learners: Sequence[str]) -> list[list[Candidate]]:
    """Return the portfolio, the most promising first; two candidates of one rung are fitted side by side."""
    boosted = {
        key: proposal(f"lightgbm-{key}", "lightgbm", _for_task(task, params))
        for key, params in _boosted(task, rows).items()
    }
    others = {
        "catboost": proposal("catboost", "catboost", _catboost(task, rows)),
        "xgboost": proposal("xgboost", "xgboost", _xgboost(task, rows)),
        "mlp": proposal("mlp", "mlp", {"layers": "usual"}),
        "neighbours": proposal("neighbours", "neighbours", {}),
    }
    forests = [
        proposal("random-forest", "random_forest", _forest(task, rows, outputs, "random")),
        proposal("extra-trees", "extra_trees", _forest(task, rows, outputs, "extra")),
    ]
    if rows < SMALL_ROWS:
        rungs = [
            [boosted["shallow"], boosted["tuned"]],
            [others["catboost"], others["mlp"]],
            [others["neighbours"], *forests],
            [boosted["randomised"], boosted["stumps"]],
            [boosted["deep"], others["xgboost"]],
        ]
    else:
        rungs = [
            [boosted["tuned"], others["catboost"]],
            [boosted["deep"], others["mlp"]],
            [boosted["shallow"], boosted["large"]],
            [others["neighbours"], *(forests if rows <= MOST_FOREST_ROWS else [])],
            [boosted["randomised"], others["xgboost"]],
            [boosted["stumps"]],
        ]
    kept = [[candidate for candidate in rung if _wanted(candidate.learner, learners)] for rung in rungs]
    return [rung for rung in kept if rung]


def readable_rungs(task: Task, rows: int, learners: Sequence[str]) -> list[list[Candidate]]:
    """Return the models that a person can read; a larger tree is tried too, and taken only when it is better."""
    usual: dict[str, object] = {"learning_rate": 0.05, "num_leaves": 8, "min_data_in_leaf": 20 if rows > 400 else 5}
    smooth: dict[str, object] = {**usual, "num_leaves": 3, "bagging_fraction": 0.7, "feature_fraction": 0.5}
    rungs = [
        [
            proposal("additive", "additive", _for_task(task, usual)),
            proposal("sparse-linear", "sparse_linear", {}),
        ],
        [
            proposal("additive-smooth", "additive", _for_task(task, smooth)),
            proposal("tree", "tree", {"max_leaf_nodes": 12}),
        ],
        [proposal("tree-larger", "tree", {"max_leaf_nodes": 24})],
    ]
    kept = [[candidate for candidate in rung if not learners or candidate.learner in learners] for rung in rungs]
    return [rung for rung in kept if rung]


def free_choice(task: Task, rows: int) -> Candidate:
    """Return what shows the cost of reading: boosted trees of usual strength, never a member of the ensemble."""
    return replace(first_rung(task, rows, ("lightgbm",))[0], origin="reference")


def _wanted(learner: str, asked: Sequence[str]) -> bool:
    """Whether a learner takes part: one that was asked for by name does, whatever is installed, and then tells."""
    return learner in asked if asked else usable(learner) and learner not in ONLY_BY_NAME


def _for_task(task: Task, params: dict[str, object]) -> dict[str, object]:
    """Return settings that suit many classes as well.

    Leaves of rare classes must not grow without bounds, or some models diverge; and a round has a tree for each class,
    so that rounds are dear.
    """
    if task != "multiclass":
        return params
    rate = params["learning_rate"]
    assert isinstance(rate, float)
    return {"lambda_l2": 1.0, **params, "learning_rate": min(0.1, 2.0 * rate)}


def _boosted(task: Task, rows: int) -> dict[str, dict[str, object]]:
    tuned: dict[str, object] = {
        "learning_rate": 0.04,
        "num_leaves": 50,
        "min_data_in_leaf": 40 if rows >= SMALL_ROWS else 10,
        "bagging_fraction": 0.75,
        "min_sum_hessian_in_leaf": 1e-7,
    }
    if task == "regression":
        tuned = {
            "learning_rate": 0.05,
            "num_leaves": 100,
            "min_data_in_leaf": 3,
            "bagging_fraction": 0.7,
            "min_sum_hessian_in_leaf": 1e-7,
        }
    return {
        "tuned": tuned,
        "deep": {
            "learning_rate": 0.1,
            "num_leaves": 511,
            "min_data_in_leaf": 2,
            "min_sum_hessian_in_leaf": 1e-4,
            "lambda_l2": 2.0,
            "max_bin": 511,
            "feature_fraction": 0.9,
        },
        "shallow": {
            "learning_rate": 0.05,
            "num_leaves": 8,
            "min_data_in_leaf": 10,
            "feature_fraction": 0.6,
            "bagging_fraction": 0.8,
            "lambda_l2": 2.0,
        },
        "large": {
            "learning_rate": 0.04,
            "num_leaves": 180,
            "min_data_in_leaf": 5,
            "feature_fraction": 0.7,
            "bagging_fraction": 0.8,
            "lambda_l2": 1.0,
        },
        "randomised": {
            "learning_rate": 0.05,
            "num_leaves": 64,
            "min_data_in_leaf": 5,
            "feature_fraction": 0.7,
            "extra_trees": True,
        },
        "stumps": {
            "learning_rate": 0.05,
            "num_leaves": 4,
            "min_data_in_leaf": 15,
            "feature_fraction": 0.4,
            "bagging_fraction": 0.8,
            "lambda_l2": 5.0,
        },
    }


def _catboost(task: Task, rows: int) -> dict[str, object]:
    """Return settings after the meta-tuned defaults of the same source.

    With many classes a round is dear, its cost doubling with each level, and there are few of them in the time: small
    trees and large steps come further.
    """
    if task == "multiclass":
        return {"learning_rate": 0.15, "depth": 4 if rows < 5 * SMALL_ROWS else 6, "l2_leaf_reg": 3.0}
    return {
        "learning_rate": 0.09,
        "depth": 8 if task == "regression" and rows >= SMALL_ROWS else 7,
        "l2_leaf_reg": 3.0 if rows < SMALL_ROWS else 1.0,
        "random_strength": 0.8,
    }


def _xgboost(task: Task, rows: int) -> dict[str, object]:
    return {
        "learning_rate": 0.08 if task != "multiclass" else 0.1,
        "max_depth": 6 if rows < 4 * SMALL_ROWS else 9,
        "min_child_weight": 2.0 if task == "regression" else 1.0,
        "subsample": 0.8,
        "colsample_bytree": 0.8,
        "reg_lambda": 2.0,
    }


def _forest(task: Task, rows: int, outputs: int, kind: str) -> dict[str, object]:
    """Return a random forest of large leaves, for noisy targets, or extra trees of small ones, for clear ones."""
    many = task == "regression" or kind == "extra"
    return {
        "trees": 200 if rows < SMALL_ROWS else 80,
        "min_samples_leaf": 5 if kind == "random" else 2,
        "max_features": 0.5 if many else "sqrt",
        # Each leaf holds a number for each class: the size of the model is kept within bounds.
        "max_leaf_nodes": max(256, 16_000 // max(outputs, 2)),
    }
