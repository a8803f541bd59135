"""The models of scikit-learn as predictors of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tenfold.bundle.foreign_skops_columns import Prepared
from tenfold.bundle.foreign_skops_file import Thing
from tenfold.bundle.foreign_trees import Nodes, in_turn, tree_text, upto_single
from tenfold.bundle.matrix import Floats
from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.lightgbm_text import TreeText
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.predictors.link import Link
from tenfold.bundle.predictors.mlp import MlpPredictor
from tenfold.bundle.predictors.protocols import Predictor
from tenfold.foundation.errors import InputError
from tenfold.records.problem import Task

_IDENTITY = frozenset(
    {"LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "BayesianRidge",
     "HuberRegressor"}
)  # fmt: skip
_EXPONENT = frozenset({"PoissonRegressor", "GammaRegressor"})
_LOSSES: Mapping[str, Link] = {
    "squared_error": "identity", "absolute_error": "identity", "quantile": "identity", "huber": "identity",
    "poisson": "exp", "gamma": "exp",
}  # fmt: skip
_ALMOST_ZERO = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """A model, ready to be made for the project's classes: ``make`` is given their places among its own."""

    task: Task
    make: Callable[[tuple[int, ...]], Predictor]


def lowered(model: Thing, prepared: Prepared) -> Lowered:
    """Return a model of scikit-learn over the view that ``prepared`` makes.

    Raises
    ------
    InputError
        When there is no predictor of ours for it.
    """
    task = _task(model)
    if model.name in _IDENTITY | _EXPONENT | {"LogisticRegression", "LogisticRegressionCV"}:
        return Lowered(task=task, make=_linear(model, prepared, task))
    if model.name in ("MLPClassifier", "MLPRegressor"):
        return Lowered(task=task, make=_network(model, prepared, task))
    trees = {
        "DecisionTreeClassifier": _forest, "DecisionTreeRegressor": _forest, "ExtraTreeClassifier": _forest,
        "ExtraTreeRegressor": _forest, "RandomForestClassifier": _forest, "RandomForestRegressor": _forest,
        "ExtraTreesClassifier": _forest, "ExtraTreesRegressor": _forest,
        "HistGradientBoostingClassifier": _histogram, "HistGradientBoostingRegressor": _histogram,
        "GradientBoostingClassifier": _boosted, "GradientBoostingRegressor": _boosted,
    }.get(model.name)  # fmt: skip
    if trees is None:
        raise InputError(f"a {model.name} is not carried over")
    return Lowered(task=task, make=_walked(trees(model, prepared, task), prepared, task))


def _task(model: Thing) -> Task:
    if not model.has("classes_"):
        return "regression"
    classes = np.asarray(model["classes_"])
    if classes.ndim != 1 or len(classes) < 2:
        raise InputError("the model tells no classes apart, or several things at once")
    return "binary" if len(classes) == 2 else "multiclass"


def _sign(order: tuple[int, ...], task: Task) -> float:
    return -1.0 if task == "binary" and order == (1, 0) else 1.0


def _linear(model: Thing, prepared: Prepared, task: Task) -> Callable[[tuple[int, ...]], Predictor]:
    if task == "multiclass" and (model.get("solver") == "liblinear" or model.get("multi_class") == "ovr"):
        raise InputError("the model has one sum for each class against all others, which is not carried over")
    own = np.atleast_2d(np.asarray(model["coef_"], dtype=np.float64))
    if own.shape[0] != (len(np.asarray(model["classes_"])) if task == "multiclass" else 1):
        raise InputError(f"the model has {own.shape[0]} sums, and one is needed for each answer")
    start = np.broadcast_to(np.asarray(model["intercept_"], dtype=np.float64).ravel(), (len(own),)).copy()
    coef = np.zeros((prepared.width, len(own)))
    coef[prepared.places] = own.T
    link: Link = "exp" if model.name in _EXPONENT else "identity"
    if task != "regression":
        link = "logistic" if task == "binary" else "softmax"

    def make(order: tuple[int, ...]) -> Predictor:
        places = list(order) if task == "multiclass" else [0]
        sign = _sign(order, task)
        return LinearPredictor(coef=sign * coef[:, places], intercept=sign * start[places], link=link)

    return make


def _network(model: Thing, prepared: Prepared, task: Task) -> Callable[[tuple[int, ...]], Predictor]:
    if model["activation"] != "relu":
        raise InputError(f"the network bends its sums by '{model['activation']}'; relu is carried over")
    weights = [np.asarray(each, dtype=np.float64) for each in model["coefs_"]]
    biases = [np.asarray(each, dtype=np.float64) for each in model["intercepts_"]]
    link: Link = {"logistic": "logistic", "softmax": "softmax", "identity": "identity"}[model["out_activation_"]]  # type: ignore[assignment]  # one of them
    first = np.zeros((prepared.width, weights[0].shape[1]))
    first[prepared.places] = weights[0]

    def make(order: tuple[int, ...]) -> Predictor:
        places = list(order) if task == "multiclass" else [0]
        sign = _sign(order, task)
        shaped = [first, *weights[1:]]
        last = sign * shaped[-1][:, places], sign * biases[-1][places]
        return MlpPredictor([*shaped[:-1], last[0]], [*biases[:-1], last[1]], link=link)

    return make


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trees:
    """Trees by score, over the columns that scikit-learn's model reads; what each score begins with."""

    by_score: Sequence[Sequence[Nodes]]
    starts: Sequence[float]
    link: Link
    divisor: int = 1


def _walked(trees: _Trees, prepared: Prepared, task: Task) -> Callable[[tuple[int, ...]], Predictor]:
    def make(order: tuple[int, ...]) -> Predictor:
        turned = len(trees.by_score) == 1 and _sign(order, task) < 0
        places = list(order) if len(trees.by_score) > 1 else [0]
        sign = -1.0 if turned else 1.0
        texts = [
            [
                tree_text(_moved(nodes, prepared, sign), f"tree {number} of the model")
                for number, nodes in enumerate(trees.by_score[place])
            ]
            for place in places
        ]
        whole = TreeText(
            columns=prepared.width,
            scores=len(places),
            trees=in_turn(texts, [sign * trees.divisor * float(trees.starts[place]) for place in places]),
        )
        return LightGBMPredictor(whole.text(), link=trees.link, divisor=trees.divisor)

    return make


def _moved(nodes: Nodes, prepared: Prepared, sign: float) -> Nodes:
    """Return a tree over the columns of our view."""
    return Nodes(
        left=nodes.left,
        right=nodes.right,
        column=prepared.places[nodes.column],
        upto=nodes.upto,
        missing_left=nodes.missing_left,
        values=sign * nodes.values,
    )


def _of_tree(tree: Thing, values: Floats) -> Nodes:
    """Return a tree of scikit-learn; it compares float32 with float64."""
    nodes = np.asarray(tree["nodes"])
    left = nodes["left_child"].astype(np.int64)
    inner = left >= 0
    goes = nodes["missing_go_to_left"] > 0 if "missing_go_to_left" in (nodes.dtype.names or ()) else ~inner
    return Nodes(
        left=np.where(inner, left, -1),
        right=np.where(inner, nodes["right_child"].astype(np.int64), -1),
        column=np.where(inner, nodes["feature"].astype(np.int64), 0),
        upto=upto_single(np.where(inner, nodes["threshold"], 0.0)),
        missing_left=np.asarray(goes, dtype=np.bool_),
        values=values,
    )


def _forest(model: Thing, prepared: Prepared, task: Task) -> _Trees:
    del prepared
    members = list(model["estimators_"]) if model.has("estimators_") else [model]
    if int(model.get("n_outputs_", 1)) != 1 or not members:
        raise InputError("the model predicts several things at once, and one is needed")
    width = 1 if task == "regression" else len(np.asarray(model["classes_"]))
    by_score: list[list[Nodes]] = [[] for _ in range(width)]
    for member in members:
        values = np.asarray(member["tree_"]["values"], dtype=np.float64)[:, 0, :]
        if values.shape[1] != width:
            raise InputError(f"a tree gives {values.shape[1]} numbers, and {width} are needed")
        if task != "regression":
            values = values / values.sum(axis=1, keepdims=True)
        for score, nodes in enumerate(by_score):
            nodes.append(_of_tree(member["tree_"], np.ascontiguousarray(values[:, score])))
    return _Trees(by_score=by_score, starts=[0.0] * width, link="identity", divisor=len(members))


def _histogram(model: Thing, prepared: Prepared, task: Task) -> _Trees:
    del prepared
    if model.get("is_categorical_") is not None or model.get("_preprocessor") is not None:
        raise InputError("the model tells categories apart itself, which is not carried over; encode them before it")
    starts = np.asarray(model["_baseline_prediction"], dtype=np.float64).ravel()
    by_score: list[list[Nodes]] = [[] for _ in range(len(starts))]
    for round_ in model["_predictors"]:
        for score, tree in enumerate(round_):
            nodes = np.asarray(tree["nodes"])
            if nodes["is_categorical"].any():
                raise InputError("the model tells categories apart itself, which is not carried over")
            leaf = nodes["is_leaf"] > 0
            by_score[score].append(
                Nodes(
                    left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
                    right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
                    column=np.where(leaf, 0, nodes["feature_idx"].astype(np.int64)),
                    upto=np.where(leaf, 0.0, nodes["num_threshold"]).astype(np.float64),
                    missing_left=nodes["missing_go_to_left"] > 0,
                    values=nodes["value"].astype(np.float64),
                )
            )
    return _Trees(by_score=by_score, starts=starts.tolist(), link=_link(model, task))


def _link(model: Thing, task: Task) -> Link:
    loss = model["loss"]
    if task != "regression":
        if loss != "log_loss":
            raise InputError(f"the model was trained for '{loss}', which is not carried over")
        return "logistic" if task == "binary" else "softmax"
    if loss not in _LOSSES:
        raise InputError(f"the model was trained for '{loss}', which is not carried over")
    return _LOSSES[loss]


def _boosted(model: Thing, prepared: Prepared, task: Task) -> _Trees:
    del prepared
    rate, init = float(model["learning_rate"]), model["init_"]
    if init == "zero":
        starts = [0.0] * np.asarray(model["estimators_"]).shape[1]
    elif isinstance(init, Thing) and init.name == "DummyRegressor" and task == "regression":
        starts = np.asarray(init["constant_"], dtype=np.float64).ravel().tolist()
    elif isinstance(init, Thing) and init.name == "DummyClassifier" and task != "regression":
        shares = np.clip(np.asarray(init["class_prior_"], dtype=np.float64), _ALMOST_ZERO, 1.0 - _ALMOST_ZERO)
        starts = [float(np.log(shares[1] / (1.0 - shares[1])))] if task == "binary" else _centered(shares)
    else:
        raise InputError("the model begins with another model, which is not carried over")
    members = np.asarray(model["estimators_"], dtype=object)
    by_score: list[list[Nodes]] = [[] for _ in range(members.shape[1])]
    for round_ in members:
        for score, member in enumerate(round_):
            values = np.asarray(member["tree_"]["values"], dtype=np.float64)[:, 0, 0]
            by_score[score].append(_of_tree(member["tree_"], rate * values))
    return _Trees(by_score=by_score, starts=starts, link=_link(model, task))


def _centered(shares: Floats) -> list[float]:
    logs = np.log(shares)
    centered: list[float] = (logs - logs.mean()).tolist()
    return centered
