"""How many units a test of two arms needs, and how long that takes, said before it starts.

The sum of the units' differences is taken as a Brownian motion with the drift that the effect gives it; the chance that
it has left the bounds by a look is found by carrying its density from look to look (Armitage, McPherson and Rowe,
1969). Looks are few here and may be many in the test, so the chance stated is a little less than the true one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tenfold.measures.experiment.mixture import HORIZON, radius
from tenfold.measures.outcome import Floats

POWER = 0.8
EVERY = 100
"""A test is planned to be looked at after so many units, or 120 times where that is less often."""
_LOOKS = 120
_POINTS = 241
_MOST_UNITS = 1e10


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long a test takes.

    Attributes
    ----------
    units : int
        Of both arms together: after so many a true effect has been found with the power asked for.
    expected : int
        How many it takes on average when the effect is true, the test ending when it is found or at ``units``.
    power : float
        The chance that it is found by then.
    """

    units: int
    expected: int
    power: float


def deviation_of_difference(of_candidate: float, of_champion: float, share: float) -> float:
    """Return the standard deviation of one unit's part in the difference of two arms.

    Parameters
    ----------
    of_candidate, of_champion : float
        Standard deviations of a row's value (of its influence, for a metric that is no mean) in either arm.
    share : float
        The candidate's share.
    """
    return math.sqrt(of_candidate**2 / share + of_champion**2 / (1.0 - share))


def skewness_of_difference(share_right: float, share: float) -> float:
    """Return the skewness of one unit's part in the difference of two shares of about this size.

    Parameters
    ----------
    share : float
        The candidate's share of the units.
    """
    variance = share_right * (1.0 - share_right)
    third = variance * (1.0 - 2.0 * share_right)
    apart = third * (1.0 / share**2 - 1.0 / (1.0 - share) ** 2)
    return apart / deviation_of_difference(math.sqrt(variance), math.sqrt(variance), share) ** 3


def length(
    effect: float,
    deviation: float,
    *,
    power: float = POWER,
    confidence: float = 0.95,
    horizon: float = HORIZON,
    skewness: float = 0.0,
) -> Length | None:
    """Return how long a test of one difference takes; None where no number of units up to ten milliard is enough.

    Parameters
    ----------
    effect : float
        By how much the difference lies beyond the bound it is held against, in the metric's unit.
    deviation : float
        See `deviation_of_difference`.
    skewness : float
        Of a unit's part in the difference. Where rare units pull far against the effect, stakes grow more slowly by
        the third term of ``log(1 + x)``, and so many more units are planned.
    """
    tail = (1.0 - confidence) / 2.0
    if effect <= 0.0:
        return None
    longer = 1.0 + 2.0 / 3.0 * abs(skewness) * effect / deviation
    drift = effect / deviation
    most = _enough(drift, power, horizon=horizon, tail=tail)
    if most > _MOST_UNITS:
        return None
    times = _looks(most)
    crossed, ended = crossing(drift, times, horizon=horizon, tail=tail)
    # `most` leaves out all looks before the last, so it is enough.
    place = min(int(np.searchsorted(crossed, power)), len(times) - 1)
    before = np.concatenate([[0.0], times[:place]])
    still = 1.0 - np.concatenate([[0.0], ended[:place]])
    expected = float((np.diff(np.append(before, times[place])) * still).sum())
    units, expected = math.ceil(longer * times[place]), math.ceil(longer * expected)
    return Length(units=units, expected=expected, power=float(crossed[place]))


def effect_found(
    units: float, deviation: float, *, power: float = POWER, confidence: float = 0.95, horizon: float = HORIZON
) -> float:
    """Return the least effect that is found with this power after so many units, in the metric's unit."""
    tail = (1.0 - confidence) / 2.0
    from scipy.special import ndtri

    times = _looks(units)
    at_the_end = float(radius(np.array(units), horizon=horizon, tail=tail)) / math.sqrt(units)
    # Looks before the last can only find more.
    low, high = 0.5 * at_the_end, at_the_end + float(ndtri(power))
    while high - low > 1e-3 * high:
        middle = 0.5 * (low + high)
        crossed, _ = crossing(middle / math.sqrt(units), times, horizon=horizon, tail=tail)
        low, high = (low, middle) if crossed[-1] >= power else (middle, high)
    return high * deviation / math.sqrt(units)


def crossing(drift: float, times: Floats, *, horizon: float, tail: float) -> tuple[Floats, Floats]:
    """Return the chance that a Brownian motion with drift has left its bounds upwards, or at all, by each time.

    Parameters
    ----------
    drift : float
        Per unit, in standard deviations of a unit.
    times : ndarray of shape (looks,), evenly spaced
        In units.
    """
    step = float(times[0])
    bounds = radius(times, horizon=horizon, tail=tail)
    up, out = np.zeros(len(times)), np.zeros(len(times))
    crossed = left = 0.0
    grid, density = np.zeros(1), np.ones(1)
    scale = math.sqrt(step)
    for place, bound in enumerate(bounds):
        centre = grid + drift * step
        above = _tail((bound - centre) / scale)
        below = _tail((bound + centre) / scale)
        crossed += float(density @ above)
        left += float(density @ (above + below))
        up[place], out[place] = crossed, left
        reached = np.linspace(-bound, bound, _POINTS)
        width = reached[1] - reached[0]
        chance = np.exp(-0.5 * ((reached[:, None] - centre) / scale) ** 2) * (
            width / (scale * math.sqrt(2.0 * math.pi))
        )
        chance[[0, -1]] *= 0.5
        grid, density = reached, chance @ density
        # What the grid gains or loses by being a grid is put right, so that chances add up to one.
        total = float(density.sum())
        if total > 0.0:
            density *= max(1.0 - left, 0.0) / total
    return up, out


def _looks(units: float) -> Floats:
    """Return when a test of so many units is looked at, the last time at its end."""
    count = min(_LOOKS, max(1, int(units // EVERY)))
    return np.linspace(0.0, units, count + 1)[1:]


def _enough(drift: float, power: float, *, horizon: float, tail: float) -> float:
    """Return units after which the bound is passed with this power at that one look."""
    from scipy.special import ndtri

    margin, units = float(ndtri(power)), 10.0
    while units <= _MOST_UNITS:
        bound = float(radius(np.array(units), horizon=horizon, tail=tail)) / math.sqrt(units)
        if drift * math.sqrt(units) >= bound + margin:
            break
        units *= 1.02
    return units


def _tail(x: Floats) -> Floats:
    from scipy.special import ndtr

    beyond: Floats = ndtr(-x)
    return beyond
