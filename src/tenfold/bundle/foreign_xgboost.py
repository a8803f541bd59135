"""A model of XGBoost, as JSON or Universal Binary JSON (`booster.save_model`); read without XGBoost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tenfold.bundle.foreign import Inputs, Original
from tenfold.bundle.foreign_trees import Nodes, before_single, in_turn, tree_text
from tenfold.bundle.foreign_ubjson import read_ubjson
from tenfold.bundle.matrix import Floats
from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.lightgbm_text import TreeText
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.predictors.link import Link
from tenfold.bundle.predictors.protocols import Predictor
from tenfold.foundation.errors import InputError
from tenfold.records.problem import Task

TOLERANCE = 1e-5
"""XGBoost adds up in 32 bits."""
_OBJECTIVES: Mapping[str, tuple[Task, Link]] = {
    "binary:logistic": ("binary", "logistic"),
    "reg:logistic": ("binary", "logistic"),
    "multi:softprob": ("multiclass", "softmax"),
    "multi:softmax": ("multiclass", "softmax"),
    "reg:squarederror": ("regression", "identity"),
    "reg:linear": ("regression", "identity"),
    "reg:squaredlogerror": ("regression", "identity"),
    "reg:pseudohubererror": ("regression", "identity"),
    "reg:absoluteerror": ("regression", "identity"),
    "reg:quantileerror": ("regression", "identity"),
    "count:poisson": ("regression", "exp"),
    "reg:gamma": ("regression", "exp"),
    "reg:tweedie": ("regression", "exp"),
}
"""What each objective answers, and how a raw score becomes the answer."""
_MOST_SCORES, _MOST_COLUMNS = 100_000, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignXGBoost:
    """Boosted trees or a boosted linear model, as one predictor for each score order."""

    task: Task
    link: Link
    scores: int
    trees: tuple[tuple[str, ...], ...]
    starts: tuple[float, ...]
    weights: Floats | None
    inputs: Inputs
    original: Original
    findings: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    kind: str = "xgboost"

    def predictor(self, task: Task, order: Sequence[int]) -> Predictor:
        """Return the model as a predictor; see `tenfold.bundle.foreign.Foreign`."""
        if task != self.task:
            raise InputError(f"the model was trained for a {self.task} task, and the project's is {task}")
        if task == "binary" and tuple(order) != (0, 1):
            raise InputError(
                "the model looks for the other class than the project (problem.positive): its labels 0 and 1 mean the"
                " opposite; train it with the positive class as 1"
            )
        places = list(order) if task == "multiclass" else [0]
        if len(places) != self.scores:
            raise InputError(f"the model tells {self.scores} classes apart, and the project has {len(places)}")
        starts = [self.starts[place] for place in places]
        if self.weights is not None:
            return LinearPredictor(coef=self.weights[:, places], intercept=np.array(starts), link=self.link)
        text = TreeText(
            columns=self.inputs.count,
            scores=self.scores,
            trees=in_turn([self.trees[place] for place in places], starts),
        ).text()
        return LightGBMPredictor(text, link=self.link)


def read_xgboost(content: bytes) -> ForeignXGBoost:
    """Return the model in the bytes of a file that XGBoost wrote.

    Raises
    ------
    InputError
        When they are none, or what they hold cannot be carried over.
    """
    try:
        return _model(_document(content), content)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise InputError(f"the model of XGBoost lacks what it needs ({type(error).__name__}: {error})") from error


def read_json(content: bytes) -> Any:
    """Return a JSON document.

    Raises
    ------
    InputError
        When the bytes are none, or it is nested too deep.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the model is not JSON: {str(error)[:120]}") from error


def _document(content: bytes) -> Any:
    return read_json(content) if content[1:].lstrip()[:1] in (b'"', b"}") else read_ubjson(content)


def _model(document: Mapping[str, Any], content: bytes) -> ForeignXGBoost:
    learner = document["learner"]
    facts, objective = learner["learner_model_param"], str(learner["objective"]["name"])
    if objective not in _OBJECTIVES:
        raise InputError(
            f"the model was trained for '{objective}', which gives no probabilities or numbers that can be carried"
            f" over (those that can: {', '.join(_OBJECTIVES)})"
        )
    task, link = _OBJECTIVES[objective]
    columns, scores = int(facts["num_feature"]), max(1, int(facts["num_class"]))
    targets = int(facts.get("num_target", "1"))
    if targets != 1 or (scores > 1) != (task == "multiclass"):
        raise InputError(f"the model predicts {max(targets, scores)} numbers of a row, and one is needed")
    if not (0 < columns <= _MOST_COLUMNS and scores <= _MOST_SCORES):
        raise InputError(f"the model has {columns} columns and {scores} scores")
    booster = learner["gradient_booster"]
    names = tuple(map(str, learner.get("feature_names", ())))
    starts = _starts(facts["base_score"], link, scores)
    shared: dict[str, Any] = {"task": task, "link": link, "scores": scores}
    original = Original(
        content=content, scorer="xgboost_scores", preload=("xgboost", "scipy.sparse"), extra="boosters",
        tolerance=TOLERANCE,
    )  # fmt: skip
    inputs = Inputs(names=names, count=columns)
    if booster["name"] == "gblinear":
        weights = np.asarray(booster["model"]["weights"], dtype=np.float64).reshape(columns + 1, scores)
        if not np.isfinite(weights).all():
            raise InputError("the model has a weight that is no finite number")
        # A missing number adds nothing to a sum.
        inputs = replace(inputs, stand_ins=dict.fromkeys(range(columns), 0.0))
        return ForeignXGBoost(
            **shared, trees=(), weights=weights[:-1], inputs=inputs, original=original,
            starts=tuple((weights[-1] + starts[:1]).tolist()),
        )  # fmt: skip
    dropped = booster.get("weight_drop")
    if booster["name"] == "dart":
        booster = booster["gbtree"]
    elif booster["name"] != "gbtree":
        raise InputError(f"the model is of the kind '{booster['name']}' (those that are read: gbtree, dart, gblinear)")
    model = booster["model"]
    levels = _levels(model, learner, columns)
    kept, rounds, findings = _rounds(model, learner)
    by_score: list[list[str]] = [[] for _ in range(scores)]
    trees = model["trees"][:kept]
    for place, (tree, score) in enumerate(zip(trees, model["tree_info"], strict=False)):
        share = 1.0 if dropped is None else float(dropped[place])
        by_score[int(score)].append(_tree(tree, columns, levels, share, f"tree {place} of the model"))
    return ForeignXGBoost(
        **shared, trees=tuple(map(tuple, by_score)), starts=tuple(starts.tolist()), weights=None,
        inputs=replace(inputs, levels=levels), findings=findings,
        original=replace(original, facts={"rounds": rounds, "levels": sorted(levels)}),
    )  # fmt: skip


def _starts(written: Any, link: Link, scores: int) -> Floats:
    """Return the raw scores before the first tree; the file has them as predictions."""
    found = json.loads(str(written))
    base = np.asarray(found if isinstance(found, list) else [found], dtype=np.float32).astype(np.float64)
    starts = np.broadcast_to(base, (scores,)) if base.shape in ((1,), (scores,)) else np.full(scores, np.nan)
    with np.errstate(all="ignore"):
        if link == "logistic":
            starts = -np.log(1.0 / starts - 1.0)
        elif link == "exp":
            starts = np.log(starts)
    if not np.isfinite(starts).all():
        raise InputError(f"the model begins with a prediction that no row can have ({str(written)[:60]})")
    return np.array(starts, dtype=np.float64)


def _rounds(model: Mapping[str, Any], learner: Mapping[str, Any]) -> tuple[int, int, tuple[str, ...]]:
    """Return how many trees the model predicts with, in how many rounds (0: all), and what to tell of it.

    A booster predicts with all; a model of the scikit-learn interface that was stopped early with those up to its best
    round.
    """
    attributes = learner.get("attributes", {})
    every = len(model["trees"])
    if "best_iteration" not in attributes:
        return every, 0, ()
    best = int(attributes["best_iteration"])
    starts = model.get("iteration_indptr")
    if starts is None:
        each = int(model["gbtree_model_param"]["num_parallel_tree"]) * len(set(map(int, model["tree_info"])))
        starts = range(0, every + 1, each)
    if not 0 <= best < len(starts) - 1:
        raise InputError(f"the model says that its round {best} is the best, and has {len(starts) - 1}")
    if "scikit_learn" not in attributes:
        return (
            every,
            0,
            (f"The model was stopped early after its best round, {best}; all {every} trees, as in a booster.",),
        )
    told = (f"The model predicts with the rounds up to its best, {best}, as it did before.",)
    return int(starts[best + 1]), best + 1, told


def _levels(model: Mapping[str, Any], learner: Mapping[str, Any], columns: int) -> dict[int, tuple[str, ...]]:
    """Return the words that the places in categorical columns stand for."""
    kinds = tuple(map(str, learner.get("feature_types", ())))
    found = model.get("cats", {}).get("enc", ())
    result = {}
    for place in (place for place, kind in enumerate(kinds) if kind == "c" and place < columns):
        if place >= len(found):
            raise InputError(
                "the model has categorical columns and no lists of their categories; XGBoost 3.1 and newer write them"
                " where it was trained on a data frame"
            )
        result[place] = _words(found[place])
    return result


def _words(written: Mapping[str, Any]) -> tuple[str, ...]:
    if not len(written.get("offsets", ())):
        return tuple(_word(value) for value in np.asarray(written["values"]).tolist())
    text = bytes(np.asarray(written["values"], dtype=np.int8).astype(np.uint8))
    bounds = [int(each) for each in written["offsets"]]
    return tuple(text[start:end].decode("utf-8") for start, end in pairwise(bounds))


def _word(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _tree(
    tree: Mapping[str, Any], columns: int, levels: Mapping[int, tuple[str, ...]], share: float, where: str
) -> str:
    """Return one tree in LightGBM's text format.

    XGBoost asks ``float32(x) < bound``; of a category it asks whether the set holds it, and then goes right.
    """
    if int(tree["tree_param"].get("size_leaf_vector", "1")) > 1:
        raise InputError(f"{where} has vectors as leaves, which are not read")
    left, right = _whole(tree["left_children"]), _whole(tree["right_children"])
    values = np.asarray(tree["split_conditions"], dtype=np.float32)
    column, missing_left = _whole(tree["split_indices"]), _whole(tree["default_left"]) > 0
    inner = left >= 0
    if len(column) != len(left) or (column[inner] < 0).any() or (column[inner] >= columns).any():
        raise InputError(f"{where} asks for a column that does not exist")
    among = _asked(tree, column, missing_left, levels, where)
    for node in among:
        if missing_left[node]:
            # Ours goes left for the set, theirs right; missing and unknown go the other way in both.
            left[node], right[node] = right[node], left[node]
    return tree_text(
        Nodes(
            left=left,
            right=right,
            column=column,
            upto=before_single(values.astype(np.float64)),
            missing_left=missing_left,
            among=among,
            values=(values * np.float32(share)).astype(np.float64),
        ),
        where,
    )


def _asked(
    tree: Mapping[str, Any],
    column: npt.NDArray[np.int64],
    missing_left: npt.NDArray[np.bool_],
    levels: Mapping[int, tuple[str, ...]],
    where: str,
) -> dict[int, tuple[int, ...]]:
    """Return for each node that asks for a category which codes go left in a tree of ours.

    Where missing goes right these are all that the set does not hold.
    """
    result: dict[int, tuple[int, ...]] = {}
    categories = _whole(tree.get("categories", ()))
    bounds = zip(
        _whole(tree.get("categories_nodes", ())).tolist(),
        _whole(tree.get("categories_segments", ())).tolist(),
        _whole(tree.get("categories_sizes", ())).tolist(),
        strict=True,
    )
    for node, start, size in bounds:
        words = levels.get(int(column[node]))
        if words is None:
            raise InputError(f"{where} asks for a category of a column that has none")
        chosen = set(categories[start : start + size].tolist())
        every = range(len(words))
        result[int(node)] = tuple(code for code in every if (code in chosen) == bool(missing_left[node]))
    asking = np.flatnonzero(_whole(tree.get("split_type", ())) == 1)
    if set(asking.tolist()) != set(result):
        raise InputError(f"{where} asks for categories that it does not list")
    return result


def _whole(values: Any) -> npt.NDArray[np.int64]:
    return np.array(values, dtype=np.int64)
