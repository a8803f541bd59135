"""A linear model of few columns: along a path of absolute penalties, from none of them to many."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.records.features import View
from tenfold.stages.training.convergence.start import looked_at, refuse_no_number
from tenfold.stages.training.linear import as_classifier, look_at_step, sampled, watch_path
from tenfold.stages.training.protocols import Fit, FitFailed, Fitted, Merge, Rows

_PATH = tuple(float(value) for value in np.geomspace(0.8, 1e-3, 16))
"""Parts of the penalty at which the first column enters."""

_WORSE = 1.02
_AS_GOOD = 1.005
"""A model with fewer columns is taken when its held-out loss is at most so much greater than the least."""

_MOST_ITERATIONS = 200
_INTERCEPT_UNIT = 20.0
_SLIGHT, _REFIT_ITERATIONS = 1.0, 15
"""The chosen columns are fitted once more almost freely: the path's penalty chooses, and would shrink what it chose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseLinear:
    """A lasso, or logistic regressions with its penalty; its iterations are the steps gone along the path.

    After Tibshirani (1996), "Regression shrinkage and selection via the lasso"; Meinshausen (2007), "Relaxed lasso".
    """

    view: View = "dense"
    merge: Merge | None = None

    def fit(self, fit: Fit) -> Fitted:
        """Walk the path until the held-out loss turns, the deadline passes, or ``iterations`` steps are gone."""
        # Loaded first: the limit holds for the libraries that are there when it is set.
        import sklearn.linear_model  # noqa: F401 - loaded for its effect
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no stubs

        train = sampled(fit.train, fit.train.values.shape[1] * fit.outputs, fit.seed)
        path = _lasso(train) if fit.task == "regression" else _logistic(train, fit.outputs, fit.seed)
        judged = fit.held if fit.iterations is None else None
        watch = watch_path(fit, _WORSE, judged=judged is not None)
        some = looked_at(train, fit.seed)
        walked: list[tuple[float, LinearPredictor]] = []
        with threadpool_limits(limits=1):
            for step, predictor in enumerate(path, start=1):
                look = look_at_step(fit, step, predictor, judged, some)
                walked.append((math.nan if look.held is None else look.held, predictor))
                if watch.stops(look) or step == (fit.iterations or fit.most):
                    break
        watch.close(ceiling=False)
        refuse_no_number(watch, "the sparse linear model")
        if not walked:
            raise FitFailed("the sparse linear model could not be fitted")
        if judged is None:
            return Fitted(predictor=walked[-1][1], iterations=len(walked), made=len(walked))
        bound = watch.least * _AS_GOOD
        kept = next(place for place, (loss, _) in enumerate(walked) if loss <= bound)
        curve = watch.curve
        return Fitted(
            predictor=walked[kept][1],
            iterations=kept + 1,
            made=len(walked),
            learning=None if curve is None else replace(curve, kept=kept + 1),
            findings=watch.findings,
        )


def _lasso(train: Rows) -> Iterator[LinearPredictor]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Lasso, Ridge

    weight = np.ones(len(train.truth)) if train.weight is None else train.weight
    centred = (train.truth - np.average(train.truth, weights=weight)) * weight
    strongest = float(np.abs(centred @ train.values).max()) / weight.sum()
    if not 0.0 < strongest < math.inf:
        raise FitFailed("no column hangs together with the target")
    model = Lasso(warm_start=True, max_iter=_MOST_ITERATIONS, tol=1e-4)
    for part in _PATH:
        model.set_params(alpha=part * strongest)
        with warnings.catch_warnings():
            # A step that has not quite converged is judged by its held-out loss like any other.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(train.values, train.truth, sample_weight=train.weight)
        chosen = np.flatnonzero(model.coef_)
        if not len(chosen):
            continue
        fresh = Ridge(alpha=_SLIGHT).fit(train.values[:, chosen], train.truth, sample_weight=train.weight)
        coef = np.zeros((train.values.shape[1], 1))
        coef[chosen, 0] = fresh.coef_
        yield LinearPredictor(coef=coef, intercept=np.array([float(fresh.intercept_)]), link="identity")


def _logistic(train: Rows, outputs: int, seed: int) -> Iterator[LinearPredictor]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    present = np.unique(train.truth).astype(np.int64)
    if len(present) < 2:
        raise FitFailed("the sparse linear model needs two classes among the training rows")
    strongest = _strongest(train, present)
    two = len(present) == 2
    model = LogisticRegression(
        solver="liblinear" if two else "saga",
        l1_ratio=1.0,
        warm_start=not two,
        max_iter=_MOST_ITERATIONS // 4,
        tol=1e-3,
        # liblinear holds the intercept down too, unless it is written in small units.
        intercept_scaling=_INTERCEPT_UNIT if two else 1.0,
        random_state=seed,
    )
    for part in _PATH:
        model.set_params(C=1.0 / (part * strongest))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(train.values, train.truth, sample_weight=train.weight)
            chosen = np.flatnonzero(np.abs(model.coef_).max(axis=0))
            if not len(chosen):
                continue
            fresh = LogisticRegression(C=1.0 / _SLIGHT, solver="newton-cholesky", max_iter=_REFIT_ITERATIONS)
            fresh.fit(train.values[:, chosen], train.truth, sample_weight=train.weight)
        coef = np.zeros((len(fresh.coef_), train.values.shape[1]))
        coef[:, chosen] = fresh.coef_
        yield as_classifier(coef, fresh.intercept_, present, outputs)


def _strongest(train: Rows, present: npt.NDArray[np.int64]) -> float:
    """Return the penalty at which the first column enters: the largest slope at the best constant."""
    weight = np.ones(len(train.truth)) if train.weight is None else train.weight
    slopes = []
    for code in present:
        mine = (train.truth == code).astype(np.float64)
        slopes.append(np.abs(((mine - np.average(mine, weights=weight)) * weight) @ train.values).max())
    strongest = float(max(slopes))
    if not 0.0 < strongest < math.inf:
        raise FitFailed("no column hangs together with the target")
    return strongest
