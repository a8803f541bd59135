"""Whether probabilities are as often right as they say, and the curve that would mend them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tenfold.measures.outcome import Codes, Floats

_FURTHEST = 15.0
_LEAST_SLOPE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A logistic curve over the logit of a probability: ``logit(p') = intercept + slope * logit(p)``.

    Calibrated probabilities have intercept 0 and slope 1; overconfident ones a slope below 1.
    """

    intercept: float
    slope: float

    def __call__(self, probability: Floats) -> Floats:
        """Return the mended probabilities, same shape."""
        mended: Floats = _expit(self.intercept + self.slope * _logit(probability))
        return mended

    def before(self, mended: float) -> float:
        """Return the probability that the curve takes to ``mended``; 0 and above 1 stay where they are."""
        if mended <= 0.0 or mended >= 1.0:
            return mended
        place = (math.log(mended / (1.0 - mended)) - self.intercept) / self.slope
        return float(_expit(np.array([place]))[0])


def fit_calibration(truth: Codes, probability: Floats, mass: Floats) -> Calibration:
    """Return the logistic curve through the outcomes (Platt, 1999), by Newton's method with halved steps.

    A slope is pulled towards 1 as by one row of information, so that separable predictions have a finite curve, and is
    never below 0.05, so that the order of rows is kept.

    Parameters
    ----------
    truth : ndarray of shape (n,)
        1 for positive, 0 for negative.
    probability : ndarray of shape (n,)
        Predicted for rows held out from training.
    mass : ndarray of shape (n,)
        Weight of each row.
    """
    place = _logit(probability)
    curve = np.array([0.0, 1.0])
    loss = _penalised_loss(curve, place, truth, mass)
    for _ in range(30):
        fitted = _expit(curve[0] + curve[1] * place)
        residual = mass * (fitted - truth)
        spread = mass * fitted * (1.0 - fitted)
        gradient = np.array([residual.sum(), (residual * place).sum() + curve[1] - 1.0])
        cross = (spread * place).sum()
        curvature = np.array([[spread.sum() + 1e-6, cross], [cross, (spread * place**2).sum() + 1.0]])
        step = np.linalg.solve(curvature, gradient)
        for _ in range(20):
            attempt = curve - step
            reached = _penalised_loss(attempt, place, truth, mass)
            if reached <= loss:
                break
            step = step / 2.0
        if reached > loss:
            break
        curve, loss = attempt, reached
        if np.abs(step).max() < 1e-8:
            break
    return Calibration(intercept=float(curve[0]), slope=float(max(curve[1], _LEAST_SLOPE)))


def _penalised_loss(curve: Floats, place: Floats, truth: Codes, mass: Floats) -> float:
    predicted = curve[0] + curve[1] * place
    return float((mass * (np.logaddexp(0.0, predicted) - truth * predicted)).sum() + (curve[1] - 1.0) ** 2 / 2.0)


def _logit(probability: Floats) -> Floats:
    least = math.exp(-_FURTHEST)
    clipped = np.clip(probability, least, 1.0 - least)
    logit: Floats = np.log(clipped) - np.log1p(-clipped)
    return logit


def _expit(place: Floats) -> Floats:
    expit: Floats = 0.5 * (1.0 + np.tanh(place / 2.0))
    return expit
