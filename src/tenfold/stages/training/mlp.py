"""A small neural network, trained by epochs until its held-out loss turns."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tenfold.bundle.matrix import Floats
from tenfold.bundle.predictors.link import Link
from tenfold.bundle.predictors.mlp import MlpPredictor
from tenfold.records.features import View
from tenfold.stages.training.convergence.look import Look
from tenfold.stages.training.convergence.start import constant_loss, looked_at, refuse_no_number
from tenfold.stages.training.convergence.watch import Watch, rules_for_network
from tenfold.stages.training.protocols import Fit, FitFailed, Fitted, Merge, Rows

USUAL_EPOCHS = 200
_PATIENCE = 16
_KEPT = 0.75
"""Weights are averaged over epochs, the past by this factor: late steps are noisy, their mean is not."""

_HIDDEN = {"wide": (256, 128), "usual": (128, 64), "narrow": (48,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mlp:
    """A network of rectified linear units; its iterations are epochs."""

    view: View = "dense"
    merge: Merge | None = None

    def fit(self, fit: Fit) -> Fitted:
        """Train until the held-out loss has stopped falling, the deadline passes, or ``iterations`` epochs are over."""
        # Loaded first: the limit holds for the libraries that are there when it is set.
        import sklearn.neural_network  # noqa: F401 - loaded for its effect
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no stubs

        judged = fit.held if fit.iterations is None else None
        watch = _watch(fit, judged)
        some = looked_at(fit.train, fit.seed)
        best: MlpPredictor | None = None
        # One thread: sums in matrix products depend on the number of threads in their last bits.
        with threadpool_limits(limits=1):
            for epoch, predictor in enumerate(_epochs(fit), start=1):
                if predictor is None:
                    watch.stops(Look(iteration=epoch, held=None if judged is None else math.nan, size=math.inf))
                    break
                over = watch.stops(_look(fit, epoch, predictor, judged, some if watch.wants_train(epoch) else None))
                if watch.best == epoch:
                    best = predictor
                if over or epoch == (fit.iterations or min(USUAL_EPOCHS, fit.most or USUAL_EPOCHS)):
                    break
        watch.close(ceiling=fit.most is None)
        refuse_no_number(watch, "the network")
        if best is None or not all(np.isfinite(array).all() for array in (*best.weights, *best.biases)):
            raise FitFailed("the network diverged: its weights are no numbers", findings=watch.findings)
        return Fitted(
            predictor=best, iterations=watch.best, made=watch.made, learning=watch.curve, findings=watch.findings
        )


def _watch(fit: Fit, judged: Rows | None) -> Watch:
    loss: Literal["mse", "log_loss"] = "mse" if fit.task == "regression" else "log_loss"
    start = None if judged is None else constant_loss(fit, loss)
    return Watch(
        deadline=fit.deadline,
        rules=rules_for_network(fit.convergence, patience=_PATIENCE, start=start),
        unit="epoch",
        loss=loss,
    )


def _look(fit: Fit, epoch: int, predictor: MlpPredictor, judged: Rows | None, some: Rows | None) -> Look:
    """Return what is seen after an epoch; training rows and units are looked at where there are ``some`` rows."""
    if judged is None:
        return Look(iteration=epoch, held=None)
    # Weights that are no numbers, or too large, are what the rules are for.
    with np.errstate(all="ignore"):
        held = _held_loss(fit, judged, predictor)
        size = float(np.sqrt(sum(float(np.square(weight).sum()) for weight in predictor.weights)))
        if some is None:
            return Look(iteration=epoch, held=held, size=size)
        train = _held_loss(fit, some, predictor)
        return Look(iteration=epoch, held=held, train=train, dead=_dead(predictor, some.values), size=size)


def _dead(predictor: MlpPredictor, values: Floats) -> float:
    """Return the greatest share, over the hidden layers, of units that are silent on every row."""
    shares = [0.0]
    for weight, bias in zip(predictor.weights[:-1], predictor.biases[:-1], strict=True):
        values = np.maximum(values @ weight + bias, 0.0)
        shares.append(float((values <= 0.0).all(axis=0).mean()))
    return max(shares)


def _epochs(fit: Fit) -> Iterator[MlpPredictor | None]:
    """Yield the network after each epoch, its weights averaged over epochs; None once they are no numbers."""
    model, feed, link, unit = _network(fit)
    weights: list[Floats] | None = None
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            try:
                feed()
            except ValueError as error:
                if "non-finite" not in str(error):
                    raise
                yield None
                return
        fresh = [np.asarray(array, dtype=np.float64) for array in (*model.coefs_, *model.intercepts_)]
        if weights is None:
            weights = fresh
        else:
            weights = [_KEPT * old + (1.0 - _KEPT) * new for old, new in zip(weights, fresh, strict=True)]
        layers = len(model.coefs_)
        coefs, biases = list(weights[:layers]), list(weights[layers:])
        # The last layer gives the target in its own unit.
        coefs[-1], biases[-1] = coefs[-1] * unit[1], biases[-1] * unit[1] + unit[0]
        yield MlpPredictor(coefs, biases, link=link)


def _network(fit: Fit) -> tuple[Any, Any, Link, tuple[float, float]]:
    """Return the network, what trains it for one epoch, its link, and the mean and spread of the target."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    params = dict(fit.params)
    hidden = _HIDDEN[str(params.pop("layers", "usual"))]
    rows = len(fit.train.truth)
    given: dict[str, Any] = {
        "learning_rate_init": 2e-3,
        "alpha": 1e-4,
        "batch_size": int(min(256, max(16, rows // 40))),
        **params,
        "hidden_layer_sizes": hidden,
        "random_state": fit.seed % (1 << 31),
    }
    values = fit.train.values.astype(np.float32)
    weight = None if fit.train.weight is None else fit.train.weight.astype(np.float32)
    if fit.task == "regression":
        mean = float(np.average(fit.train.truth, weights=weight))
        spread = float(np.sqrt(np.average((fit.train.truth - mean) ** 2, weights=weight))) or 1.0
        if not math.isfinite(spread):
            raise FitFailed("the network cannot be fitted: the spread of the target is no number")
        target = ((fit.train.truth - mean) / spread).astype(np.float32)
        model = MLPRegressor(**given)
        return model, lambda: model.partial_fit(values, target, sample_weight=weight), "identity", (mean, spread)
    classifier, classes = MLPClassifier(**given), np.arange(fit.outputs)
    link: Link = "logistic" if fit.outputs == 2 else "softmax"
    truth = fit.train.truth
    return (
        classifier,
        lambda: classifier.partial_fit(values, truth, classes=classes, sample_weight=weight),
        link,
        (0.0, 1.0),
    )


def _held_loss(fit: Fit, held: Rows, predictor: MlpPredictor) -> float:
    """Return log loss or mean squared error on the held-out rows."""
    outputs = predictor.predict(held.values)
    if fit.task == "regression":
        losses = (outputs[:, 0] - held.truth) ** 2
    else:
        losses = -np.log(np.clip(outputs[np.arange(len(outputs)), held.truth.astype(np.int64)], 1e-15, None))
    return float(np.average(losses, weights=held.weight))
