"""Mending probabilities that are not as often right as they say, where that helps out of fold."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tenfold.bundle.recalibration import recalibrated
from tenfold.measures.calibration import fit_calibration
from tenfold.measures.calibration_error import expected_calibration_error
from tenfold.measures.outcome import Codes, Floats, Outcome
from tenfold.records.evaluation import CalibrationCheck, Recalibration, RecalibrationMethod
from tenfold.records.problem import Task

_FOLDS = 5
_FEWEST_OF_A_CLASS, _FEWEST_FOR_STEPS = 50, 1_000
_MOST_ROWS = 50_000
_SURE = 2.33
"""Standard errors by which the loss must fall: one-sided 99 %, since several curves are tried."""

_LEAST_GAIN = 0.002
"""Part of the loss that a further step must be worth."""

_SIMPLER = 1.0
"""Standard errors by which a curve with more freedom must be better than one with less."""

_KEPT_ORDER = 0.01
_LEAST = 1e-15
_SOFT = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mended:
    """Probabilities after the step, each row's by a curve that was fitted without it, and what was found.

    ``step`` is None where nothing is mended; ``scores`` are then those that were given.
    """

    scores: Floats
    step: Recalibration | None
    check: CalibrationCheck


_Fitted = Callable[[Codes, Floats, Floats], Recalibration]


def mend(
    task: Task,
    truth: Codes,
    scores: Floats,
    *,
    weight: Floats | None,
    group: npt.NDArray[np.int64] | None,
    seed: int,
) -> Mended:
    """Return the probabilities mended by the curve that helps most out of fold, or as they are where none clearly does.

    Two classes: a logistic curve over the logit (Platt, 1999), the beta family (Kull, Silva Filho and Flach, 2017), and
    with 1,000 rows of each class an isotonic one (Zadrozny and Elkan, 2002). More: one temperature (Guo et al., 2017),
    and a temperature with an offset for each class. A curve is fitted on four fifths and judged on the last; it is kept
    when the log loss falls by more than chance (99 %) and a five-hundredth, and the Brier score does not rise. Of two
    that help, the simpler is kept unless the other is better by a standard error.

    Parameters
    ----------
    truth : ndarray of shape (n,)
    scores : ndarray of shape (n, K)
        Probabilities of rows that the model was not trained on.
    group : ndarray of shape (n,) or None
        Rows with an equal entry stay on one side.
    """
    mass = np.ones(len(truth)) if weight is None else weight
    counts = np.bincount(truth, minlength=scores.shape[1])
    rarest = int(counts.min())
    if rarest < _FEWEST_OF_A_CLASS:
        reason = (
            f"not tried: {rarest} rows of the rarest class, at least {_FEWEST_OF_A_CLASS} are needed to tell a gain"
            " from chance"
        )
        return Mended(scores=scores, step=None, check=CalibrationCheck(ece=None, reason=reason))
    rng = np.random.default_rng([seed, 11])
    units = np.arange(len(truth)) if group is None else np.unique(group, return_inverse=True)[1]
    fold = rng.integers(0, _FOLDS, size=int(units.max()) + 1)[units]
    before = _log_loss(truth, scores)
    tried = [_tried(name, fit, truth, scores, mass, fold, before, units) for name, fit in _curves(task, rarest).items()]
    sure = [one for one in tried if one.gain > _SURE * one.error and one.gain > _LEAST_GAIN * _mean(before, mass)]
    sure = [one for one in sure if _brier(truth, one.scores, mass) <= _brier(truth, scores, mass)]
    best = max(tried, key=lambda one: one.gain)
    loss = _mean(before, mass)
    if not sure:
        check = CalibrationCheck(
            ece=None,
            method=best.method,
            loss_before=loss,
            loss_after=loss - best.gain,
            reason=f"the best curve ({best.method}) changes the log loss out of fold by"
            f" {-best.gain:.2g}, which chance explains or is too little",
        )
        return Mended(scores=scores, step=None, check=check)
    kept = sure[0]
    for other in sure[1:]:
        if other.gain > kept.gain + _SIMPLER * other.error:
            kept = other
    step = _on_some(_curves(task, rarest)[kept.method], truth, scores, mass, rng)
    check = CalibrationCheck(
        ece=None,
        mended=True,
        method=kept.method,
        loss_before=loss,
        loss_after=loss - kept.gain,
        reason=f"the log loss out of fold falls from {loss:.4g} to {loss - kept.gain:.4g}, by"
        f" {kept.gain / max(kept.error, 1e-300):.1f} standard errors",
    )
    return Mended(scores=kept.scores, step=step, check=check)


def crossfitted(
    method: RecalibrationMethod, task: Task, truth: Codes, scores: Floats, *, weight: Floats | None, seed: int
) -> Floats:
    """Return other probabilities mended by the same method, each row's by a curve fitted without it."""
    mass = np.ones(len(truth)) if weight is None else weight
    fold = np.random.default_rng([seed, 12]).integers(0, _FOLDS, size=len(truth))
    return _crossfitted(_curves(task, len(truth))[method], truth, scores, mass, fold)


def measured(check: CalibrationCheck, outcome: Outcome) -> CalibrationCheck:
    """Return the check with what the judged rows show of the probabilities that are served."""
    slope = intercept = None
    truth = outcome.truth.astype(np.int64)
    if outcome.classes == 2 and 0 < truth.sum() < outcome.n:
        mass = np.ones(outcome.n) if outcome.weight is None else outcome.weight
        line = fit_calibration(truth, outcome.scores[:, 1], mass)
        slope, intercept = line.slope, line.intercept
    return CalibrationCheck(
        ece=expected_calibration_error(outcome),
        slope=slope,
        intercept=intercept,
        mended=check.mended,
        method=check.method,
        loss_before=check.loss_before,
        loss_after=check.loss_after,
        reason=check.reason,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tried:
    method: RecalibrationMethod
    scores: Floats
    gain: float
    error: float


def _tried(  # noqa: PLR0917 - rows with all that belongs to them
    method: RecalibrationMethod,
    fit: _Fitted,
    truth: Codes,
    scores: Floats,
    mass: Floats,
    fold: npt.NDArray[np.int64],
    before: Floats,
    units: npt.NDArray[np.int64],
) -> _Tried:
    after = _crossfitted(fit, truth, scores, mass, fold)
    gain = mass * (before - _log_loss(truth, after)) / mass.sum()
    by_unit = np.bincount(units, weights=gain - gain.mean())
    error = math.sqrt(float((by_unit**2).sum()) * len(by_unit) / max(len(by_unit) - 1, 1))
    return _Tried(method=method, scores=after, gain=float(gain.sum()), error=error)


def _crossfitted(fit: _Fitted, truth: Codes, scores: Floats, mass: Floats, fold: npt.NDArray[np.int64]) -> Floats:
    mended = np.empty_like(scores)
    rng = np.random.default_rng(len(truth))
    for number in range(_FOLDS):
        inside = fold == number
        if inside.any():
            step = _on_some(fit, truth[~inside], scores[~inside], mass[~inside], rng)
            mended[inside] = recalibrated(scores[inside], step)
    return mended


def _on_some(fit: _Fitted, truth: Codes, scores: Floats, mass: Floats, rng: np.random.Generator) -> Recalibration:
    if len(truth) > _MOST_ROWS:
        chosen = np.sort(rng.choice(len(truth), _MOST_ROWS, replace=False))
        truth, scores, mass = truth[chosen], scores[chosen], mass[chosen]
    return fit(truth, scores, mass)


def _curves(task: Task, rarest: int) -> dict[RecalibrationMethod, _Fitted]:
    """Return the curves to be tried, the one with the least freedom first."""
    if task == "binary":
        steps: dict[RecalibrationMethod, _Fitted] = {"logistic": _logistic, "beta": _beta}
        return {**steps, "isotonic": _isotonic} if rarest >= _FEWEST_FOR_STEPS else steps
    return {"temperature": _temperature, "temperature and offsets": _temperature_and_offsets}


def _logistic(truth: Codes, scores: Floats, mass: Floats) -> Recalibration:
    line = fit_calibration(truth, scores[:, 1], mass)
    return Recalibration(method="logistic", params=(line.intercept, line.slope))


def _beta(truth: Codes, scores: Floats, mass: Floats) -> Recalibration:
    positive = np.clip(scores[:, 1], math.exp(-15.0), 1.0 - math.exp(-15.0))
    design = np.column_stack([np.ones(len(truth)), np.log(positive), -np.log1p(-positive)])

    def loss(params: Floats) -> tuple[float, Floats]:
        place = design @ params
        residual = mass * (0.5 * (1.0 + np.tanh(place / 2.0)) - truth)
        pull = params - np.array([0.0, 1.0, 1.0])
        value = (mass * (np.logaddexp(0.0, place) - truth * place)).sum() + (pull[1:] ** 2).sum() / 2.0
        return float(value), design.T @ residual + np.array([0.0, pull[1], pull[2]])

    found = _least(loss, np.array([0.0, 1.0, 1.0]), bounds=[(None, None), (0.02, None), (0.02, None)])
    return Recalibration(method="beta", params=tuple(found.tolist()))


def _isotonic(truth: Codes, scores: Floats, mass: Floats) -> Recalibration:
    """Return the rising steps that fit best, joined in their middles; a hundredth of the old order is kept."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(scores[:, 1], kind="stable")
    said, weight = scores[order, 1], np.maximum(mass[order], 1e-12)
    found = isotonic_regression(truth[order].astype(np.float64), weights=weight)
    starts = np.asarray(found.blocks, dtype=np.int64)[:-1]
    total = np.add.reduceat(weight, starts)
    middle = np.add.reduceat(weight * said, starts) / total
    share = (np.add.reduceat(weight * truth[order], starts) + 0.5 * _SOFT) / (total + _SOFT)
    apart = np.append(True, np.diff(middle) > 1e-12)
    middle, share = middle[apart], np.maximum.accumulate(share[apart])
    after = (1.0 - _KEPT_ORDER) * share + _KEPT_ORDER * middle
    before = np.concatenate([[0.0], middle, [1.0]])
    ends = np.concatenate([[(1.0 - _KEPT_ORDER) * share[0]], after, [(1.0 - _KEPT_ORDER) * share[-1] + _KEPT_ORDER]])
    apart = np.append(True, np.diff(before) > 0.0)
    return Recalibration(method="isotonic", before=tuple(before[apart].tolist()), after=tuple(ends[apart].tolist()))


def _temperature(truth: Codes, scores: Floats, mass: Floats) -> Recalibration:
    return _softened(truth, scores, mass, offsets=False)


def _temperature_and_offsets(truth: Codes, scores: Floats, mass: Floats) -> Recalibration:
    return _softened(truth, scores, mass, offsets=True)


def _softened(truth: Codes, scores: Floats, mass: Floats, *, offsets: bool) -> Recalibration:
    logs = np.log(np.clip(scores, math.exp(-15.0), 1.0))
    rows, classes = logs.shape
    happened = np.eye(classes)[truth]

    def loss(params: Floats) -> tuple[float, Floats]:
        factor, moved = params[0], params[1:] if offsets else np.zeros(classes)
        place = factor * logs + moved
        place = place - place.max(axis=1, keepdims=True)
        powers = np.exp(place)
        mended = powers / powers.sum(axis=1, keepdims=True)
        value = -(mass * np.log(np.clip(mended[np.arange(rows), truth], _LEAST, None))).sum()
        residual = mass[:, None] * (mended - happened)
        slope = np.append((residual * logs).sum() + factor - 1.0, residual.sum(axis=0) + moved)
        pull = ((factor - 1.0) ** 2 + (moved**2).sum()) / 2.0
        return float(value + pull), slope if offsets else slope[:1]

    start = np.append(1.0, np.zeros(classes)) if offsets else np.array([1.0])
    bounds: list[tuple[float | None, float | None]] = [(0.02, None), *([(None, None)] * (len(start) - 1))]
    found = _least(loss, start, bounds=bounds)
    params = found.tolist() if offsets else [*found.tolist(), *([0.0] * classes)]
    method: RecalibrationMethod = "temperature and offsets" if offsets else "temperature"
    return Recalibration(method=method, params=tuple(params))


def _least(
    loss: Callable[[Floats], tuple[float, Floats]],
    start: Floats,
    *,
    bounds: Sequence[tuple[float | None, float | None]],
) -> Floats:
    from scipy.optimize import minimize

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200})
    return np.asarray(found.x, dtype=np.float64)


def _log_loss(truth: Codes, scores: Floats) -> Floats:
    return -np.log(np.clip(scores[np.arange(len(truth)), truth], _LEAST, None))


def _brier(truth: Codes, scores: Floats, mass: Floats) -> float:
    return _mean(((scores - np.eye(scores.shape[1])[truth]) ** 2).sum(axis=1), mass)


def _mean(values: Floats, mass: Floats) -> float:
    return float(np.average(values, weights=mass))
