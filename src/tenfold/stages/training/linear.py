"""Logistic and ridge regression along a path of penalties, from strong to weak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.records.features import View
from tenfold.stages.training.convergence.look import Look
from tenfold.stages.training.convergence.start import constant_loss, looked_at, refuse_no_number
from tenfold.stages.training.convergence.watch import Watch, rules_for_path
from tenfold.stages.training.protocols import Fit, FitFailed, Fitted, Merge, Rows, Values

_PENALTIES = (1000.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1)
"""Strength of the squared penalty, in units of one row of weight one."""

STEPS = len(_PENALTIES)
"""Steps of the whole path, where each penalty takes one."""

_LARGE_NEWTON = 600
_FEWEST_ROWS, _MOST_ROWS, _MOST_CELLS = 5_000, 200_000, 40_000_000
_PORTION, _MOST_PORTIONS = 20, 5
_WORSE = 1.002
"""The walk along the path ends once the held-out loss has clearly turned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A linear model; its iterations are the steps gone along the path of penalties."""

    view: View = "dense"
    merge: Merge | None = None

    def fit(self, fit: Fit) -> Fitted:
        """Walk the path until the held-out loss turns, the deadline passes, or ``iterations`` steps are gone."""
        # Loaded first: the limit holds for the libraries that are there when it is set.
        import sklearn.linear_model  # noqa: F401 - loaded for its effect
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no stubs

        size = fit.train.values.shape[1] * (fit.outputs if fit.outputs > 2 else 1)
        train = sampled(fit.train, size, fit.seed)
        path = _ridge(train) if fit.task == "regression" else _logistic(train, fit.outputs, size)
        judged = fit.held if fit.iterations is None else None
        last = fit.iterations or fit.most
        watch = watch_path(fit, _WORSE, judged=judged is not None)
        some = looked_at(train, fit.seed)
        best: LinearPredictor | None = None
        # One thread: sums in matrix products depend on the number of threads in their last bits.
        with threadpool_limits(limits=1):
            for step, predictor in enumerate(path, start=1):
                over = watch.stops(look_at_step(fit, step, predictor, judged, some))
                if watch.best == step:
                    best = predictor
                if over or step == last:
                    break
        watch.close(ceiling=False)
        refuse_no_number(watch, "the linear model")
        if best is None:
            raise FitFailed("the linear model could not be fitted")
        return Fitted(
            predictor=best, iterations=watch.best, made=watch.made, learning=watch.curve, findings=watch.findings
        )


def watch_path(fit: Fit, factor: float, *, judged: bool) -> Watch:
    """Return who watches the steps of a path; ``factor`` of the least loss is where it has turned."""
    loss: Literal["mse", "log_loss"] = "mse" if fit.task == "regression" else "log_loss"
    start = constant_loss(fit, loss) if judged else None
    return Watch(
        deadline=fit.deadline, rules=rules_for_path(fit.convergence, factor=factor, start=start), unit="step", loss=loss
    )


def look_at_step(fit: Fit, step: int, predictor: LinearPredictor, judged: Rows | None, some: Rows) -> Look:
    """Return what is seen after a step: the loss on held-out rows, and on some that were learned from."""
    if judged is None:
        return Look(iteration=step, held=None)
    # A loss that is no number is what the rules are for.
    with np.errstate(all="ignore"):
        return Look(iteration=step, held=held_loss(fit, judged, predictor), train=held_loss(fit, some, predictor))


def sampled(rows: Rows, size: int, seed: int) -> Rows:
    """Beyond some rows a linear model learns little more from further ones."""
    most = min(_MOST_ROWS, max(_FEWEST_ROWS, _MOST_CELLS // max(size, 1)))
    if len(rows.truth) <= most:
        return rows
    chosen = np.sort(np.random.default_rng(seed).choice(len(rows.truth), most, replace=False))
    weight = None if rows.weight is None else rows.weight[chosen]
    return Rows(values=np.asarray(rows.values[chosen]), truth=rows.truth[chosen], weight=weight)


def _logistic(train: Rows, outputs: int, size: int) -> Iterator[LinearPredictor]:
    """Yield logistic regressions, each started from the one before; a penalty takes as many steps as it needs."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    present = np.unique(train.truth).astype(np.int64)
    if len(present) < 2:
        raise FitFailed("the linear model needs two classes among the training rows")
    newton = size <= _LARGE_NEWTON
    model = LogisticRegression(
        solver="newton-cholesky" if newton else "lbfgs", warm_start=True, max_iter=_PORTION, tol=1e-4
    )
    for penalty in _PENALTIES:
        model.set_params(C=1.0 / penalty)
        for _ in range(_MOST_PORTIONS):
            with warnings.catch_warnings():
                # A step that has not quite converged is judged by its held-out loss like any other.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(train.values, train.truth, sample_weight=train.weight)
            yield as_classifier(model.coef_, model.intercept_, present, outputs)
            if model.n_iter_.max() < _PORTION:
                break


def as_classifier(coef: Values, intercept: Values, present: npt.NDArray[np.int64], outputs: int) -> LinearPredictor:
    """Return the predictor over all classes; one that no training row has gets a score of practical impossibility."""
    if outputs == 2:
        return LinearPredictor(coef=coef.T.copy(), intercept=intercept.copy(), link="logistic")
    wide = np.zeros((coef.shape[1], outputs))
    shift = np.full(outputs, -30.0)
    if len(present) == 2:
        coef, intercept = np.vstack([-coef / 2, coef / 2]), np.concatenate([-intercept / 2, intercept / 2])
    wide[:, present] = coef.T
    shift[present] = intercept
    return LinearPredictor(coef=wide, intercept=shift, link="softmax")


def _ridge(train: Rows) -> Iterator[LinearPredictor]:
    """Yield ridge regressions, all from one decomposition of the covariance."""
    weight = np.ones(len(train.truth)) if train.weight is None else train.weight
    total = weight.sum()
    centre = weight @ train.values / total
    level = float(weight @ train.truth / total)
    centred = train.values - centre
    eigenvalues, vectors = np.linalg.eigh((centred * weight[:, None]).T @ centred)
    projected = vectors.T @ (centred.T @ (weight * (train.truth - level)))
    for penalty in _PENALTIES:
        coef = vectors @ (projected / (np.maximum(eigenvalues, 0.0) + penalty))
        yield LinearPredictor(coef=coef[:, None], intercept=np.array([level - centre @ coef]), link="identity")


def held_loss(fit: Fit, held: Rows, predictor: LinearPredictor) -> float:
    """Return log loss or mean squared error on the held-out rows."""
    outputs = predictor.predict(held.values)
    if fit.task == "regression":
        losses = (outputs[:, 0] - held.truth) ** 2
    else:
        losses = -np.log(np.clip(outputs[np.arange(len(outputs)), held.truth.astype(np.int64)], 1e-15, None))
    return float(np.average(losses, weights=held.weight))
