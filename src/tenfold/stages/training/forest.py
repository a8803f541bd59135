"""Random forest and extra trees, grown in portions so that a deadline can end the growth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tenfold.bundle.predictors.forest import ForestPredictor
from tenfold.records.features import View
from tenfold.stages.training.protocols import Fit, FitFailed, Fitted, Merge

USUAL_TREES = 100
_PORTION = 10


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
        wanted = fit.iterations or int(str(params.pop("trees", USUAL_TREES)))
        params.pop("trees", None)
        wanted = wanted if fit.most is None else min(wanted, fit.most)
        forest = self._estimator(fit)(n_estimators=0, warm_start=True, n_jobs=1, random_state=fit.seed, **params)
        grown = 0
        while grown < wanted and (grown == 0 or not fit.deadline.expired):
            grown = min(wanted, grown + _PORTION)
            forest.set_params(n_estimators=grown)
            try:
                forest.fit(fit.train.values, fit.train.truth, sample_weight=fit.train.weight)
            except ValueError as error:
                raise FitFailed(f"the forest could not be grown: {error}") from error
        classes = 0 if fit.task == "regression" else fit.outputs
        return Fitted(predictor=ForestPredictor.from_sklearn([forest], classes=classes), iterations=grown, made=grown)

    def _estimator(self, fit: Fit) -> Any:
        from sklearn import ensemble

        name = "RandomForest" if self.kind == "random" else "ExtraTrees"
        return getattr(ensemble, name + ("Regressor" if fit.task == "regression" else "Classifier"))
