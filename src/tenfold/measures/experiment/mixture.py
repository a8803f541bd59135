"""The mixture that both methods share: bets of half-normal size, narrowest after a number of units said beforehand.

A bet of size ``b`` on a sum S with variance v multiplies the stake by about ``exp(b S - b^2 v / 2)``. Nobody knows the
best size beforehand, so stakes are spread over sizes as a half-normal distribution does (Robbins, 1970). What the
stakes come to is, under the null, a martingale with mean one, so by Ville's inequality it ever reaches 1 / a with a
chance of at most a, however often one looks.
"""

from __future__ import annotations

import math

import numpy as np

from tenfold.measures.outcome import Floats

HORIZON = 5000
"""Units of both arms together after which bounds are narrowest, where no other number was fixed beforehand.

From a fifth of it to twenty times of it they are at most a tenth wider than they could be; what they promise is the
same at every number.
"""
_SIZES = 40
_REACH = 4.0


def spread(horizon: float, tail: float) -> float:
    """Return the standard deviation of the sizes, per standard deviation of a unit, that serves best at ``horizon``.

    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), section 3.2, for both tails together.
    """
    twice = -2.0 * math.log(2.0 * tail)
    return math.sqrt((twice + math.log(twice) + 1.0) / horizon)


def radius(units: Floats, *, horizon: float, tail: float) -> Floats:
    """Return how far a sum of units of variance one must lie from what is expected of it, shape as ``units``.

    The stakes come to ``2 exp(x^2 / 2) Phi(x) / sqrt(v r^2 + 1)`` with ``x = r S / sqrt(v r^2 + 1)``; as ``1 - Phi(x)``
    is at most ``exp(-x^2 / 2) / 2``, they are at least 1 / tail beyond the radius.
    """
    rho = spread(horizon, tail)
    inner = units * rho**2 + 1.0
    reached: Floats = np.sqrt(2.0 * inner * np.log(0.5 + np.sqrt(inner) / (2.0 * tail))) / rho
    return reached


def bets(largest: float, deviation: float, *, horizon: float, tail: float) -> tuple[Floats, Floats]:
    """Return sizes of bets and the logarithms of the stakes on them, each of shape (40,).

    Parameters
    ----------
    largest : float
        The largest size that cannot lose more than the stake.
    deviation : float
        What the standard deviation of a unit is taken to be. A wrong one costs width, nothing else.
    """
    scale = spread(horizon, tail) / max(deviation, 1e-300)
    top = min(_REACH * scale, largest)
    sizes = top * (np.arange(_SIZES) + 0.5) / _SIZES
    stakes = -0.5 * (sizes / scale) ** 2
    return sizes, stakes - np.logaddexp.reduce(stakes)
