"""A model of CatBoost, as JSON (`model.save_model(PATH, format="json")`) or in its binary format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tenfold.bundle.confined import confined
from tenfold.bundle.foreign import Inputs, Original
from tenfold.bundle.foreign_original import catboost_json
from tenfold.bundle.foreign_trees import Nodes, in_turn, tree_text, upto_single
from tenfold.bundle.foreign_xgboost import read_json
from tenfold.bundle.matrix import Floats
from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.lightgbm_text import TreeText
from tenfold.bundle.predictors.link import Link
from tenfold.bundle.predictors.oblivious import MOST_DEPTH, ObliviousPredictor
from tenfold.bundle.predictors.protocols import Predictor
from tenfold.foundation.errors import InputError
from tenfold.records.problem import Task

TOLERANCE = 1e-9
BINARY = b"CBM1"
_LOSSES: Mapping[str, tuple[Task, Link]] = {
    "Logloss": ("binary", "logistic"),
    "CrossEntropy": ("binary", "logistic"),
    "MultiClass": ("multiclass", "softmax"),
    "RMSE": ("regression", "identity"),
    "MAE": ("regression", "identity"),
    "Quantile": ("regression", "identity"),
    "Huber": ("regression", "identity"),
    "Expectile": ("regression", "identity"),
    "LogCosh": ("regression", "identity"),
    "MAPE": ("regression", "identity"),
    "Lq": ("regression", "identity"),
    "Poisson": ("regression", "exp"),
    "Tweedie": ("regression", "exp"),
}
"""What each loss answers, and how a raw score becomes the answer."""
_ANSWERS: Mapping[Link, str] = {
    "logistic": "Probability",
    "softmax": "Probability",
    "exp": "Exponent",
    "identity": "RawFormulaVal",
}
_ABOVE_ALL = 1e150
_WORDS = (
    "the model reads words by statistics of the target or by hashes, which are not carried over; encode its categories"
    " as numbers, or train it here"
)
_MOST_COLUMNS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignCatBoost:
    """Oblivious trees as arrays, or trees of other shapes as texts by score."""

    task: Task
    link: Link
    scores: int
    arrays: Mapping[str, npt.NDArray[Any]] | None
    trees: tuple[tuple[str, ...], ...]
    bias: Floats
    inputs: Inputs
    classes: tuple[str, ...]
    original: Original
    findings: tuple[str, ...] = ()
    kind: str = "catboost"

    def predictor(self, task: Task, order: Sequence[int]) -> Predictor:
        """Return the model as a predictor; see `tenfold.bundle.foreign.Foreign`."""
        if task != self.task:
            raise InputError(f"the model was trained for a {self.task} task, and the project's is {task}")
        if task == "binary" and tuple(order) not in ((0, 1), (1, 0)):
            raise InputError(f"the model tells 2 classes apart, and the project has {len(order)}")
        if task == "multiclass" and len(order) != self.scores:
            raise InputError(f"the model tells {self.scores} classes apart, and the project has {len(order)}")
        sign = -1.0 if task == "binary" and tuple(order) == (1, 0) else 1.0
        places = list(order) if task == "multiclass" else [0]
        if self.arrays is not None:
            arrays = {
                **self.arrays,
                "leaves": np.ascontiguousarray(sign * self.arrays["leaves"][:, places]),
                "bias": sign * self.bias[places],
            }
            return ObliviousPredictor(arrays, link=self.link, columns=self.inputs.count)
        if sign < 0:
            raise InputError(
                "the model looks for the other class than the project (problem.positive), and its trees are not"
                " symmetric; train it with the positive class as the second"
            )
        trees = in_turn([self.trees[place] for place in places], [float(self.bias[place]) for place in places])
        text = TreeText(columns=self.inputs.count, scores=self.scores, trees=trees).text()
        return LightGBMPredictor(text, link=self.link)


def read_catboost(content: bytes, what: str) -> ForeignCatBoost:
    """Return the model in the bytes of a file that CatBoost wrote.

    The binary format is taken apart by CatBoost itself, in a process of its own with limits.

    Raises
    ------
    InputError
        When they are none, or what they hold cannot be carried over.
    MissingExtra
        When they are binary and CatBoost is not installed.
    """
    document, form = content, "json"
    if content.startswith(BINARY):
        parsed = confined(catboost_json, content, what=what, preload=("catboost",), extra="boosters")
        if parsed.facts.get("words"):
            raise InputError(_WORDS)
        document, form = parsed.files["model"], "cbm"
    try:
        found = _model(read_json(document), content, form)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(f"the model of CatBoost lacks what it needs ({type(error).__name__}: {error})") from error
    return found


def _model(document: Mapping[str, Any], content: bytes, form: str) -> ForeignCatBoost:
    info, features = document["model_info"], document["features_info"]
    loss = str(info["params"]["loss_function"]["type"])
    if loss not in _LOSSES:
        raise InputError(
            f"the model was trained for '{loss}', which gives no probabilities or numbers that can be carried over"
            f" (those that can: {', '.join(_LOSSES)})"
        )
    if any(features.get(key) for key in ("categorical_features", "text_features", "embedding_features", "ctrs")):
        raise InputError(_WORDS)
    task, link = _LOSSES[loss]
    numbers = features["float_features"]
    columns = [int(each["flat_feature_index"]) for each in numbers]
    if sorted(columns) != list(range(len(columns))) or not 0 < len(columns) <= _MOST_COLUMNS:
        raise InputError("the model reads columns that it does not describe")
    place_of = {int(each["feature_index"]): column for each, column in zip(numbers, columns, strict=True)}
    scale, bias = document["scale_and_bias"]
    bias = np.atleast_1d(np.asarray(bias, dtype=np.float64))
    told = document.get("oblivious_trees")
    trees: tuple[tuple[str, ...], ...] = ()
    if told is not None:
        arrays = _arrays(told, place_of, float(scale), len(bias))
        scores = int(arrays["leaves"].shape[1])
    else:
        arrays, trees = None, _texts(document["trees"], place_of, float(scale))
        scores = len(trees)
    bias = np.broadcast_to(bias, (scores,)).copy() if len(bias) == 1 else bias
    if len(bias) != scores or (scores > 1) != (task == "multiclass") or not np.isfinite(bias).all():
        raise InputError(f"the model gives {scores} scores for a row and begins with {len(bias)} numbers")
    names = tuple(str(each.get("feature_id", "")) for each in sorted(numbers, key=_flat))
    # A column whose missing values count as above every border is read so; as below is what a comparison says anyway.
    above = {place_of[int(each["feature_index"])] for each in numbers if each.get("nan_value_treatment") == "AsTrue"}
    told_names = any(name != str(place) for place, name in enumerate(names)) and all(names)
    return ForeignCatBoost(
        task=task, link=link, scores=scores, arrays=arrays, trees=trees, bias=bias,
        inputs=Inputs(
            names=names if told_names else (), count=len(columns), stand_ins=dict.fromkeys(sorted(above), _ABOVE_ALL)
        ),
        classes=_classes(info) if task != "regression" else (),
        original=Original(
            content=content, scorer="catboost_scores", preload=("catboost",), extra="boosters", tolerance=TOLERANCE,
            facts={"format": form, "answer": _ANSWERS[link]},
        ),
    )  # fmt: skip


def _flat(feature: Mapping[str, Any]) -> int:
    return int(feature["flat_feature_index"])


def _classes(info: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the classes; none where they are numbers, which may mean the places of classes."""
    params = info.get("class_params") or {}
    if params.get("class_label_type") != "String":
        return ()
    return tuple(str(name) for name in params.get("class_names", ()))


def _arrays(
    trees: Sequence[Mapping[str, Any]], place_of: Mapping[int, int], scale: float, biases: int
) -> dict[str, npt.NDArray[Any]]:
    splits = [tree["splits"] or [] for tree in trees]
    depth = max(1, *map(len, splits)) if splits else 1
    if depth > MOST_DEPTH or not trees:
        raise InputError(f"the model has {len(trees)} trees of up to {depth} questions; at most {MOST_DEPTH} are read")
    shape = (len(trees), depth)
    feature = np.zeros(shape, dtype=np.int32)
    above = np.full(shape, np.inf, dtype=np.float32)
    leaves, first, start = [], [], 0
    for place, tree in enumerate(trees):
        for level, split in enumerate(splits[place]):
            feature[place, level], above[place, level] = _question(split, place_of)
        leaves.append(scale * np.asarray(tree["leaf_values"], dtype=np.float64).reshape(1 << len(splits[place]), -1))
        first.append(start)
        start += len(leaves[-1])
    every = np.concatenate(leaves)
    if not np.isfinite(every).all() or (np.isinf(above) & (np.arange(depth) < [[len(each)] for each in splits])).any():
        raise InputError("the model has a leaf or a border that is no finite number")
    return {
        "feature": feature,
        "above": above,
        "upto": np.full(shape, np.inf, dtype=np.float32),
        "first": np.array(first, dtype=np.int64),
        "leaves": every,
        "bias": np.zeros(max(biases, every.shape[1])),
    }


def _question(split: Mapping[str, Any], place_of: Mapping[int, int]) -> tuple[int, float]:
    if split.get("split_type", "FloatFeature") != "FloatFeature":
        raise InputError(_WORDS)
    return place_of[int(split["float_feature_index"])], float(split["border"])


def _texts(
    trees: Sequence[Mapping[str, Any]], place_of: Mapping[int, int], scale: float
) -> tuple[tuple[str, ...], ...]:
    """Return trees that are not symmetric as texts by score."""
    by_score: list[list[str]] = []
    for number, tree in enumerate(trees):
        nodes, values = _flattened(tree, place_of)
        by_score = by_score or [[] for _ in range(values.shape[1])]
        for score, texts in enumerate(by_score):
            texts.append(tree_text(replace(nodes, values=scale * values[:, score]), f"tree {number} of the model"))
    if not by_score:
        raise InputError("the model has no trees")
    return tuple(map(tuple, by_score))


def _flattened(tree: Mapping[str, Any], place_of: Mapping[int, int]) -> tuple[Nodes, Floats]:
    """Return a nested tree node by node, and what its leaves say, of shape (n_nodes, n_scores)."""
    left: list[int] = []
    right: list[int] = []
    column: list[int] = []
    border: list[float] = []
    values: list[list[float]] = []
    waiting: list[tuple[Mapping[str, Any], list[int], int]] = [(tree, [], 0)]
    width = 1
    while waiting:
        node, parents, parent = waiting.pop(0)
        place = len(left)
        if parents:
            parents[parent] = place
        left.append(-1)
        right.append(-1)
        if "split" in node:
            asked, bound = _question(node["split"], place_of)
            column.append(asked)
            border.append(bound)
            values.append([0.0])
            waiting += [(node["left"], left, place), (node["right"], right, place)]
            continue
        column.append(0)
        border.append(0.0)
        values.append(list(np.atleast_1d(np.asarray(node["value"], dtype=np.float64))))
        width = max(width, len(values[-1]))
    answers = np.array([each if len(each) == width else [0.0] * width for each in values], dtype=np.float64)
    return Nodes(
        left=np.array(left, dtype=np.int64), right=np.array(right, dtype=np.int64),
        column=np.array(column, dtype=np.int64), upto=upto_single(np.array(border, dtype=np.float64)),
        missing_left=np.ones(len(left), dtype=np.bool_), values=np.zeros(len(left)),
    ), answers  # fmt: skip
