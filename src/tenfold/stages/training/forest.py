"""Random forest and extra trees, grown in portions so that a deadline can end the growth."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from tenfold.bundle.predictors.forest import ForestPredictor
from tenfold.records.features import View
from tenfold.stages.training.convergence.look import Look
from tenfold.stages.training.convergence.start import looked_at, refuse_no_number
from tenfold.stages.training.convergence.watch import Watch, rules_for_forest
from tenfold.stages.training.protocols import Fit, FitFailed, Fitted, Merge, Rows

USUAL_TREES = 100
_PORTION = 10
_MOST_LEAVES = 600_000
"""Of all trees together: two million, which a hundred trees grow on forty thousand rows, take a gigabyte to grow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Bagged (``random``) or randomised (``extra``) trees.

    Trees grown in portions are the trees grown at once, so the portion is no decision.
    """

    kind: Literal["random", "extra"]
    view: View = "filled"
    merge: Merge | None = None

    def fit(self, fit: Fit) -> Fitted:
        """Grow the trees asked for, or as many as the deadline allows, and at least one portion."""
        params = dict(fit.params)
        trees = int(str(params.pop("trees", USUAL_TREES)))
        wanted = fit.iterations or trees
        wanted = wanted if fit.most is None else min(wanted, fit.most)
        # By the trees that were asked for: how many were grown in time must not change the trees when they grow again.
        least = math.ceil(len(fit.train.truth) * trees / _MOST_LEAVES)
        if least > 1:
            params["min_samples_leaf"] = max(least, int(str(params.get("min_samples_leaf", 1))))
        forest = self._estimator(fit)(n_estimators=0, warm_start=True, n_jobs=1, random_state=fit.seed, **params)
        growth = _Growth(fit) if fit.held is not None and fit.iterations is None else None
        watch = Watch(
            deadline=fit.deadline,
            rules=rules_for_forest(fit.convergence),
            unit="tree",
            loss="mse" if fit.task == "regression" else "log_loss",
        )
        grown = 0
        while True:
            grown = min(wanted, grown + _PORTION)
            forest.set_params(n_estimators=grown)
            try:
                forest.fit(fit.train.values, fit.train.truth, sample_weight=fit.train.weight)
            except ValueError as error:
                raise FitFailed(f"the forest could not be grown: {error}") from error
            held = None if growth is None else growth.loss(forest)
            if watch.stops(Look(iteration=grown, held=held)) or grown >= wanted:
                break
        refuse_no_number(watch, "the forest")
        curve = watch.curve
        classes = 0 if fit.task == "regression" else fit.outputs
        return Fitted(
            predictor=ForestPredictor.from_sklearn([forest], classes=classes),
            iterations=grown,
            made=grown,
            learning=None if curve is None else replace(curve, kept=grown),
            findings=watch.findings,
        )

    def _estimator(self, fit: Fit) -> Any:
        from sklearn import ensemble

        name = "RandomForest" if self.kind == "random" else "ExtraTrees"
        return getattr(ensemble, name + ("Regressor" if fit.task == "regression" else "Classifier"))


class _Growth:
    """The held-out loss of a growing forest, on some of the rows: each tree is asked once."""

    def __init__(self, fit: Fit):
        assert fit.held is not None
        self._rows: Rows = looked_at(fit.held, fit.seed)
        self._values = self._rows.values.astype(np.float32)
        self._sum = np.zeros((len(self._values), 1 if fit.task == "regression" else fit.outputs))
        self._trees = 0

    def loss(self, forest: Any) -> float:
        """Return the loss of all trees so far: log loss, or mean squared error."""
        classes = getattr(forest, "classes_", None)
        for tree in forest.estimators_[self._trees :]:
            if classes is None:
                self._sum[:, 0] += tree.predict(self._values, check_input=False)
            else:
                self._sum[:, classes.astype(np.int64)] += tree.predict_proba(self._values, check_input=False)
        self._trees = len(forest.estimators_)
        mean = self._sum / self._trees
        with np.errstate(over="ignore"):
            if classes is None:
                losses = (mean[:, 0] - self._rows.truth) ** 2
            else:
                codes = self._rows.truth.astype(np.int64)
                losses = -np.log(np.clip(mean[np.arange(len(mean)), codes], 1e-15, None))
            return float(np.average(losses, weights=self._rows.weight))
