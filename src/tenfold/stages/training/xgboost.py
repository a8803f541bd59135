"""XGBoost: boosted trees of bounded depth, served as trees of LightGBM's format without XGBoost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.lightgbm_text import TreeText
from tenfold.bundle.predictors.link import Link
from tenfold.foundation.optional import require
from tenfold.records.features import View
from tenfold.stages.training.boosting import MOST_TREES, merge_boosters
from tenfold.stages.training.convergence.look import Look
from tenfold.stages.training.convergence.start import Kind, constant_loss, refuse_no_number
from tenfold.stages.training.convergence.watch import Watch, rules_for_boosting
from tenfold.stages.training.indicators import Indicators
from tenfold.stages.training.objectives import Aim, Objective, objective_of, relative, start_of
from tenfold.stages.training.progress import USUAL_RATE, patience
from tenfold.stages.training.protocols import Fit, FitFailed, Fitted, Merge, Rows

_FIXED: Mapping[str, object] = {"nthread": 1, "tree_method": "hist", "max_depth": 6, "verbosity": 0}
_OBJECTIVES: Mapping[Aim, tuple[str, str, Link]] = {
    "binary": ("binary:logistic", "logloss", "logistic"),
    "multiclass": ("multi:softprob", "mlogloss", "softmax"),
    "squared": ("reg:squarederror", "rmse", "identity"),
    "absolute": ("reg:absoluteerror", "mae", "identity"),
    "quantile": ("reg:quantileerror", "quantile", "identity"),
    "poisson": ("count:poisson", "poisson-nloglik", "exp"),
}
_CATEGORICAL, _LEFT_WHEN_MISSING, _MISSING_IS_NAN = 1, 2, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class XGBoost:
    """Boosted trees grown level by level; each level of a category is a column."""

    view: View = "native"
    merge: Merge | None = merge_boosters

    def fit(self, fit: Fit) -> Fitted:
        """Boost until the held-out loss has stopped falling, the deadline passes, or ``iterations`` are reached."""
        xgboost = require("xgboost", extra="boosters", purpose="The learner 'xgboost'")
        if fit.held is None and fit.iterations is None:
            raise ValueError("boosting needs held-out rows or a number of iterations")
        fit = relative(fit)
        wanted = objective_of(fit)
        objective, metric, link = _OBJECTIVES[wanted.aim]
        indicators = Indicators.of(fit.train.values, fit.categorical, fit.told)
        train = _matrix(xgboost, indicators, fit.train)
        held = []
        if fit.iterations is None and fit.held is not None:
            held = [(_matrix(xgboost, indicators, fit.held), "held")]
        start = _start(fit, wanted)
        params: dict[str, object] = {
            "learning_rate": USUAL_RATE,
            **_FIXED,
            **fit.params,
            "objective": objective,
            "eval_metric": metric,
            "seed": fit.seed,
            # The start is added to the first trees by ourselves; to the library it must be given as a prediction.
            "base_score": _predicted(start, link),
        }
        if wanted.aim == "quantile":
            params["quantile_alpha"] = wanted.level
        if fit.task == "multiclass":
            params["num_class"] = fit.outputs
        rate = params["learning_rate"]
        assert isinstance(rate, float | int)
        kind = _KINDS.get(metric)
        watch = Watch(
            deadline=fit.deadline,
            rules=rules_for_boosting(
                fit.convergence,
                patience=patience(float(rate)),
                start=constant_loss(fit, kind) if held and kind is not None else None,
            ),
            loss=metric,
        )
        trees_a_round = fit.outputs if fit.task == "multiclass" else 1
        try:
            booster = xgboost.train(
                params,
                train,
                num_boost_round=fit.iterations or min(MOST_TREES // trees_a_round, fit.most or MOST_TREES),
                evals=held,
                callbacks=[_watching(xgboost, watch, metric, train)],
                verbose_eval=False,
            )
        except xgboost.core.XGBoostError as error:
            raise FitFailed(f"XGBoost could not fit: {str(error).splitlines()[0]}") from error
        watch.close(ceiling=fit.most is None)
        refuse_no_number(watch, "XGBoost")
        written = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]
        trees = written[: watch.best * trees_a_round]
        text = TreeText(
            columns=fit.train.values.shape[1],
            scores=trees_a_round,
            trees=tuple(
                _tree(tree, indicators, start if place < trees_a_round else 0.0) for place, tree in enumerate(trees)
            ),
        ).text()
        return Fitted(
            predictor=LightGBMPredictor(text, link=link),
            iterations=watch.best,
            made=watch.made,
            learning=watch.curve,
            findings=watch.findings,
        )


_KINDS: Mapping[str, Kind] = {"logloss": "log_loss", "mlogloss": "log_loss", "rmse": "rmse"}


def _start(fit: Fit, wanted: Objective) -> float:
    """Return the raw score before the first tree: that of the best constant."""
    if fit.task == "multiclass":
        return 0.0
    if fit.task == "regression":
        best = start_of(fit, wanted)
        if wanted.aim != "poisson":
            return best
        if best <= 0.0:
            raise FitFailed("XGBoost needs a count above 0 among the training rows")
        return float(np.log(best))
    mean = float(np.average(fit.train.truth, weights=fit.train.weight))
    if not 0.0 < mean < 1.0:
        raise FitFailed("XGBoost needs two classes among the training rows")
    return float(np.log(mean / (1.0 - mean)))


def _predicted(start: float, link: Link) -> float:
    if link == "logistic":
        return float(1.0 / (1.0 + np.exp(-start)))
    return float(np.exp(start)) if link == "exp" else start


def _matrix(xgboost: Any, indicators: Indicators, rows: Rows) -> Any:
    """Return rows as XGBoost reads them; it takes no target that does not fit into 32 bits."""
    try:
        return xgboost.DMatrix(indicators.widen(rows.values), rows.truth, weight=rows.weight, nthread=1)
    except xgboost.core.XGBoostError as error:
        raise FitFailed(f"XGBoost could not read the rows: {str(error).splitlines()[0]}") from error


def _watching(xgboost: Any, watch: Watch, metric: str, train: Any) -> Any:
    """Return the callback that XGBoost asks after each round whether to stop."""

    class Watch(xgboost.callback.TrainingCallback):  # type: ignore[misc]  # the class is known only once it is loaded
        def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Any]) -> bool:
            held = evals_log.get("held") if evals_log else None
            if held is None:
                return watch.stops(Look(iteration=epoch + 1, held=None))
            seen = None
            if watch.wants_train(epoch + 1):
                # Its margins of the training rows are kept: this is one sum over them.
                seen = float(model.eval_set([(train, "train")], epoch).rpartition(":")[2])
            return watch.stops(Look(iteration=epoch + 1, held=held[metric][-1], train=seen))

    return Watch()


def _tree(tree: Mapping[str, Any], indicators: Indicators, start: float) -> str:
    """Return one tree in LightGBM's text format; ``start`` is added to its leaves."""
    left = np.array(tree["left_children"])
    right = np.array(tree["right_children"])
    values = np.array(tree["split_conditions"], dtype=np.float32)
    inner, leaf = np.flatnonzero(left >= 0), np.flatnonzero(left < 0)
    leaves = " ".join(repr(float(value) + start) for value in values[leaf])
    if not len(inner):
        return f"num_leaves=1\nnum_cat=0\nleaf_value={leaves}\nshrinkage=1\n"
    number = np.empty(len(left), dtype=np.int64)
    # XGBoost numbers children behind their parent, and so does the order of inner nodes.
    number[inner] = np.arange(len(inner))
    number[leaf] = -1 - np.arange(len(leaf))
    wide = np.array(tree["split_indices"])[inner]
    codes = indicators.level[wide]
    of_category = ~np.isnan(codes)
    below, above = number[left[inner]], number[right[inner]]
    threshold = _before(values[inner])
    threshold[of_category] = np.arange(int(of_category.sum()))
    kind = _MISSING_IS_NAN + _LEFT_WHEN_MISSING * np.array(tree["default_left"], dtype=np.int64)[inner]
    kind[of_category] = _CATEGORICAL
    lines = {
        "num_leaves": str(len(leaf)),
        "num_cat": str(int(of_category.sum())),
        "split_feature": _joined(indicators.source[wide]),
        "threshold": " ".join(repr(float(value)) for value in threshold),
        "decision_type": _joined(kind),
        # A row that has the code is in the set, which is LightGBM's left and XGBoost's right.
        "left_child": _joined(np.where(of_category, above, below)),
        "right_child": _joined(np.where(of_category, below, above)),
        "leaf_value": leaves,
    }
    if of_category.any():
        words = [_bits(int(code)) for code in codes[of_category]]
        lines["cat_boundaries"] = _joined(np.cumsum([0, *(len(each) for each in words)]))
        lines["cat_threshold"] = " ".join(str(word) for each in words for word in each)
    return "".join(f"{key}={value}\n" for key, value in {**lines, "is_linear": "0", "shrinkage": "1"}.items())


def _before(bound: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the greatest float64 that, rounded to float32, is less than each bound.

    XGBoost asks ``float32(x) < bound``, LightGBM ``x <= threshold``.
    """
    previous = np.nextafter(bound, np.float32(-np.inf))
    middle = previous.astype(np.float64) + (bound.astype(np.float64) - previous.astype(np.float64)) / 2
    below = np.nextafter(middle, -np.inf)
    return np.where(middle.astype(np.float32) < bound, middle, below)


def _bits(code: int) -> list[int]:
    """Return the set that holds one code, as LightGBM writes sets: words of 32 bits."""
    words = [0] * (code // 32 + 1)
    words[-1] = 1 << (code % 32)
    return words


def _joined(values: npt.NDArray[Any]) -> str:
    return " ".join(str(int(value)) for value in values)
