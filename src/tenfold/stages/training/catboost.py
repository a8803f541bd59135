"""CatBoost: boosted oblivious trees, served as flat arrays without CatBoost."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tenfold.bundle.predictors.link import Link
from tenfold.bundle.predictors.oblivious import ObliviousPredictor
from tenfold.bundle.predictors.protocols import Predictor
from tenfold.foundation.optional import require
from tenfold.records.features import View
from tenfold.stages.training.convergence.look import Look
from tenfold.stages.training.convergence.start import Kind, constant_loss, refuse_no_number
from tenfold.stages.training.convergence.watch import Watch, rules_for_boosting
from tenfold.stages.training.indicators import Indicators
from tenfold.stages.training.objectives import Aim, objective_of, relative
from tenfold.stages.training.progress import USUAL_RATE, patience
from tenfold.stages.training.protocols import Fit, FitFailed, Fitted, Merge, Rows

_MOST_ROUNDS, _MOST_ROUNDS_BY_CLASS = 2_000, 6_000
_FIXED: Mapping[str, object] = {
    "thread_count": 1,
    "allow_writing_files": False,
    "verbose": False,
    "nan_mode": "Min",
    "bootstrap_type": "Bernoulli",
    "subsample": 0.9,
    # Ordered boosting looks at the rows several times over; on held-out folds it gains little.
    "boosting_type": "Plain",
    "leaf_estimation_iterations": 1,
}
_LOSSES: Mapping[Aim, tuple[str, Link]] = {
    "binary": ("Logloss", "logistic"),
    "multiclass": ("MultiClass", "softmax"),
    "squared": ("RMSE", "identity"),
    "absolute": ("MAE", "identity"),
    "quantile": ("Quantile", "identity"),
    "poisson": ("Poisson", "exp"),
}


def merge_oblivious(folds: Sequence[Mapping[str, bytes]]) -> Predictor:
    """Return the predictor whose raw score is the mean of the folds' raw scores."""
    return ObliviousPredictor.average([ObliviousPredictor.from_files(files) for files in folds])


@dataclass(frozen=True, slots=True, kw_only=True)
class CatBoost:
    """Boosted oblivious trees; each level of a category is a column, and what has many levels comes encoded."""

    view: View = "native"
    merge: Merge | None = merge_oblivious

    def fit(self, fit: Fit) -> Fitted:
        """Boost until the held-out loss has stopped falling, the deadline passes, or ``iterations`` are reached."""
        catboost = require("catboost", extra="boosters", purpose="The learner 'catboost'")
        fit = relative(fit)
        wanted = objective_of(fit)
        loss, link = _LOSSES[wanted.aim]
        if wanted.aim == "quantile":
            loss = f"{loss}:alpha={wanted.level:g}"
        indicators = Indicators.of(fit.train.values, fit.categorical, fit.told)
        train = _pool(catboost, indicators, fit.train)
        held = None
        if fit.iterations is None:
            if fit.held is None:
                raise ValueError("boosting needs held-out rows or a number of iterations")
            held = _pool(catboost, indicators, fit.held)
        params: dict[str, object] = {"learning_rate": USUAL_RATE, "depth": 6, **_FIXED, **fit.params}
        if fit.task == "multiclass":
            params["classes_count"] = fit.outputs
        rounds = fit.iterations or min(_MOST_ROUNDS, _MOST_ROUNDS_BY_CLASS // fit.outputs, fit.most or _MOST_ROUNDS)
        rate = params["learning_rate"]
        assert isinstance(rate, float | int)
        watch = _Watch(_watch(fit, float(rate), loss, judged=held is not None), loss)
        model = catboost.CatBoost(
            {**params, "loss_function": loss, "random_seed": fit.seed, "iterations": rounds, "use_best_model": False}
        )
        try:
            model.fit(train, eval_set=held, callbacks=[watch])
        except catboost.CatBoostError as error:
            raise FitFailed(f"CatBoost could not fit: {str(error).splitlines()[0]}") from error
        watched = watch.watch
        watched.close(ceiling=fit.most is None)
        refuse_no_number(watched, "CatBoost")
        predictor = flat(model, watched.best, indicators, link=link, columns=fit.train.values.shape[1])
        return Fitted(
            predictor=predictor,
            iterations=watched.best,
            made=watched.made,
            learning=watched.curve,
            findings=watched.findings,
        )


_KINDS: Mapping[str, Kind] = {"Logloss": "log_loss", "MultiClass": "log_loss", "RMSE": "rmse"}


def _watch(fit: Fit, rate: float, loss: str, *, judged: bool) -> Watch:
    """Return who watches the rounds; the loss at the start is known for the usual losses alone."""
    start = constant_loss(fit, _KINDS[loss]) if judged and loss in _KINDS else None
    return Watch(
        deadline=fit.deadline,
        rules=rules_for_boosting(fit.convergence, patience=patience(rate), start=start),
        loss=loss,
    )


def _pool(catboost: Any, indicators: Indicators, rows: Rows) -> Any:
    """Return rows as CatBoost reads them; it takes none where no row has weight."""
    try:
        return catboost.Pool(indicators.widen(rows.values), rows.truth, weight=rows.weight)
    except catboost.CatBoostError as error:
        raise FitFailed(f"CatBoost could not read the rows: {str(error).splitlines()[0]}") from error


@dataclass(slots=True)
class _Watch:
    """What CatBoost calls after each round; it goes on while the answer is True."""

    watch: Watch
    loss: str

    def after_iteration(self, info: Any) -> bool:
        held = info.metrics.get("validation") if info.metrics else None
        if held is None:
            return not self.watch.stops(Look(iteration=info.iteration, held=None))
        # CatBoost has the training loss of every round anyway.
        seen = info.metrics.get("learn", {}).get(self.loss)
        train = seen[-1] if seen and self.watch.wants_train(info.iteration) else None
        return not self.watch.stops(Look(iteration=info.iteration, held=held[self.loss][-1], train=train))


def flat(model: Any, rounds: int, indicators: Indicators, *, link: Link, columns: int) -> ObliviousPredictor:
    """Return the first trees of a fitted model as arrays over the columns that the indicators were made of."""
    with tempfile.TemporaryDirectory(prefix="tenfold-catboost-") as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        written = json.loads(path.read_text(encoding="utf-8"))
    scale, bias = written["scale_and_bias"]
    trees = written["oblivious_trees"][:rounds]
    # A tree that drew no column worth a split has null for its splits, and one leaf.
    splits = [tree["splits"] or [] for tree in trees]
    depth = max(1, *map(len, splits))
    shape = (len(trees), depth)
    feature = np.zeros(shape, dtype=np.int32)
    above = np.full(shape, np.inf, dtype=np.float32)
    upto = np.full(shape, np.inf, dtype=np.float32)
    leaves, first, start = [], [], 0
    for place, tree in enumerate(trees):
        for level, split in enumerate(splits[place]):
            column = int(split["float_feature_index"])
            feature[place, level] = indicators.source[column]
            code = np.float32(indicators.level[column])
            if np.isnan(code):
                above[place, level] = split["border"]
            else:
                above[place, level], upto[place, level] = np.nextafter(code, np.float32(-np.inf)), code
        leaves.append(scale * np.array(tree["leaf_values"], dtype=np.float64).reshape(1 << len(splits[place]), -1))
        first.append(start)
        start += len(leaves[-1])
    arrays: dict[str, npt.NDArray[Any]] = {
        "feature": feature,
        "above": above,
        "upto": upto,
        "first": np.array(first, dtype=np.int64),
        "leaves": np.concatenate(leaves),
        "bias": np.atleast_1d(np.array(bias, dtype=np.float64)),
    }
    return ObliviousPredictor(arrays, link=link, columns=columns)
