"""Expected improvement under a Gaussian process: for small spaces and few, expensive trials.

Jones, Schonlau and Welch (1998), "Efficient global optimization of expensive black-box functions", with a Matérn kernel
(Snoek, Larochelle and Adams, 2012, "Practical Bayesian optimization of machine learning algorithms"). Optuna's own
sampler of this kind needs torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tenfold.stages.tuning.options import Value
from tenfold.stages.tuning.spaces import Range, Space

MOST_SETTINGS = 4
"""Beyond so many settings TPE is the better guide."""

_CANDIDATES = 512
_LEAST_SPREAD = 1e-12
_NOISE = 1e-4

Point = Mapping[str, object]
Values = npt.NDArray[np.float64]


def suits(space: Space) -> bool:
    """Whether a space is small, and numbers throughout."""
    return len(space) <= MOST_SETTINGS and all(isinstance(each, Range) for each in space.values())


def draw(space: Space, rng: np.random.Generator) -> dict[str, Value]:
    """Return a point drawn from the space."""
    return _point(space, rng.uniform(size=len(space)))


def propose(
    space: Space, tried: Sequence[tuple[Point, float]], pending: Sequence[Point], rng: np.random.Generator
) -> dict[str, Value]:
    """Return the point of the greatest expected improvement among some that are drawn.

    Parameters
    ----------
    tried : sequence of (point, loss)
        What was measured, at least two.
    pending : sequence of points
        Under way; the process is told its own expectation there, so that two do not go to the same place.
    """
    from scipy.linalg import solve_triangular

    where = np.array([_unit(space, point) for point, _ in tried])
    losses = np.array([loss for _, loss in tried])
    spread = max(float(losses.std()), _LEAST_SPREAD)
    scaled = (losses - losses.mean()) / spread
    scale = _best_scale(where, scaled, rng)
    for point in pending:
        place = _unit(space, point)[None, :]
        mean, _ = _posterior(where, scaled, place, scale, solve_triangular)
        where, scaled = np.vstack([where, place]), np.append(scaled, mean)
    near = where[np.argmin(scaled)] + 0.1 * rng.normal(size=(_CANDIDATES // 4, len(space)))
    drawn = np.vstack([rng.uniform(size=(_CANDIDATES, len(space))), np.clip(near, 0.0, 1.0)])
    mean, deviation = _posterior(where, scaled, drawn, scale, solve_triangular)
    gain = _expected_improvement(float(scaled.min()), mean, deviation)
    # Rounded: the last bits of a matrix product must not decide between equals.
    return _point(space, drawn[int(np.argmax(np.round(gain, 9)))])


def _expected_improvement(least: float, mean: Values, deviation: Values) -> Values:
    standard = (least - mean) / deviation
    density = np.exp(-0.5 * standard**2) / math.sqrt(2 * math.pi)
    below = 0.5 * (1.0 + np.vectorize(math.erf)(standard / math.sqrt(2.0)))
    return np.asarray(deviation * (standard * below + density))


def _posterior(where: Values, scaled: Values, asked: Values, scale: Values, solve: object) -> tuple[Values, Values]:
    assert callable(solve)
    lower = np.linalg.cholesky(_matern(where, where, scale) + _NOISE * np.eye(len(where)))
    inside = solve(lower, _matern(where, asked, scale), lower=True)
    mean = inside.T @ solve(lower, scaled, lower=True)
    variance = np.maximum(1.0 - (inside**2).sum(axis=0), _LEAST_SPREAD)
    return mean, np.sqrt(variance)


def _best_scale(where: Values, scaled: Values, rng: np.random.Generator) -> Values:
    """Return the lengths of the kernel, one for each setting, with the greatest marginal likelihood of some drawn."""
    tried = np.exp(rng.uniform(math.log(0.05), math.log(3.0), size=(60, where.shape[1])))
    fits = []
    for scale in tried:
        lower = np.linalg.cholesky(_matern(where, where, scale) + _NOISE * np.eye(len(where)))
        solved = np.linalg.solve(lower, scaled)
        fits.append(-0.5 * float(solved @ solved) - float(np.log(np.diag(lower)).sum()))
    return np.asarray(tried[int(np.argmax(np.round(fits, 9)))])


def _matern(one: Values, other: Values, scale: Values) -> Values:
    distance = np.sqrt((((one[:, None, :] - other[None, :, :]) / scale) ** 2).sum(axis=2))
    stretched = math.sqrt(5.0) * distance
    return np.asarray((1.0 + stretched + stretched**2 / 3.0) * np.exp(-stretched))


def _unit(space: Space, point: Point) -> Values:
    """Return a point as numbers from 0 to 1."""
    found = []
    for name, each in space.items():
        assert isinstance(each, Range)
        value = float(str(point[name]))
        low, high = each.low, each.high
        if each.log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        found.append((value - low) / (high - low))
    return np.array(found)


def _point(space: Space, unit: Values) -> dict[str, Value]:
    made: dict[str, Value] = {}
    for (name, each), share in zip(space.items(), unit, strict=True):
        assert isinstance(each, Range)
        if each.log:
            value = math.exp(math.log(each.low) + float(share) * (math.log(each.high) - math.log(each.low)))
        else:
            value = each.low + float(share) * (each.high - each.low)
        made[name] = each.nearest(value)
    return made
