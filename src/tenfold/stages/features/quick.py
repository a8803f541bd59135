"""Small boosted trees, fitted in a fraction of a second: to see what columns are good for, never to be served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tenfold.bundle.matrix import Floats
from tenfold.records.problem import Task

_ROUNDS = 60
_SMALLEST = 1e-15

Truth = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quick:
    """What quick models need to know; the loss is log loss, or the squared error over the target's variance."""

    task: Task
    outputs: int
    seed: int
    rounds: int = _ROUNDS

    def gains(self, values: Floats, truth: Truth, categorical: tuple[int, ...], seed: int) -> Floats:
        """Return how much each column lowers the training loss by its splits, of shape (n_columns,)."""
        model = self._fitted(values, truth, categorical, self.seed + seed)
        return np.asarray(model.feature_importance("gain"), dtype=np.float64)

    def losses(self, train: tuple[Floats, Truth], held: tuple[Floats, Truth], categorical: tuple[int, ...]) -> Floats:
        """Return the loss of each held-out row, of shape (n_held,)."""
        model = self._fitted(*train, categorical, self.seed)
        predicted = np.asarray(model.predict(held[0], num_threads=1))
        if self.task == "regression":
            return np.asarray((predicted - held[1]) ** 2 / max(float(np.var(held[1])), _SMALLEST), dtype=np.float64)
        if self.outputs == 2:
            right = np.where(held[1] == 1, predicted, 1.0 - predicted)
        else:
            right = predicted[np.arange(len(predicted)), held[1].astype(np.int64)]
        return np.asarray(-np.log(np.clip(right, _SMALLEST, None)), dtype=np.float64)

    def _fitted(self, values: Floats, truth: Truth, categorical: tuple[int, ...], seed: int) -> Any:
        import lightgbm

        params: dict[str, Any] = {
            "objective": "regression" if self.task == "regression" else "binary" if self.outputs == 2 else "multiclass",
            "num_leaves": 8,
            "learning_rate": 0.1,
            "feature_fraction": 0.7,
            "min_data_in_leaf": 20,
            "cat_smooth": 20,
            "num_threads": 1,
            "deterministic": True,
            "seed": seed,
            "verbosity": -1,
        }
        rounds = self.rounds
        if params["objective"] == "multiclass":
            params["num_class"] = self.outputs
            rounds = max(10, rounds // self.outputs * 2)
        data = lightgbm.Dataset(values, truth, categorical_feature=list(categorical), params=params)
        return lightgbm.train(params, data, rounds)
