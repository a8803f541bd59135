"""One decision tree, small enough to be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tenfold.bundle.predictors.forest import ForestPredictor
from tenfold.records.features import View
from tenfold.stages.training.protocols import Fit, FitFailed, Fitted, Merge

USUAL_LEAVES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree of few leaves, grown best first; it is grown at once, so its iterations are always one."""

    view: View = "filled"
    merge: Merge | None = None

    def fit(self, fit: Fit) -> Fitted:
        """Grow the tree."""
        from sklearn import tree

        grower = tree.DecisionTreeRegressor if fit.task == "regression" else tree.DecisionTreeClassifier
        given: dict[str, Any] = {
            "max_leaf_nodes": USUAL_LEAVES,
            "min_samples_leaf": max(5, len(fit.train.truth) // 200),
            **fit.params,
        }
        grown = grower(random_state=fit.seed, **given)
        try:
            grown.fit(fit.train.values, fit.train.truth, sample_weight=fit.train.weight)
        except ValueError as error:
            raise FitFailed(f"the tree could not be grown: {error}") from error
        classes = 0 if fit.task == "regression" else fit.outputs
        return Fitted(predictor=ForestPredictor.from_sklearn([_Alone(grown)], classes=classes), iterations=1, made=1)


class _Alone:
    """A forest of one tree, as the flat arrays are made from."""

    def __init__(self, tree: Any):
        self.estimators_ = [tree]
        self.classes_ = getattr(tree, "classes_", None)
        self.n_features_in_ = tree.n_features_in_
