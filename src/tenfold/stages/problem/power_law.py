"""How a loss falls with the rows: a power law with a floor, and all that the points leave open about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_EXPONENTS = np.linspace(0.1, 1.6, 31)
_USUAL_EXPONENT, _SPREAD_OF_EXPONENTS = 0.7, 0.4
_FLOORS = np.linspace(0.0, 1.0, 61)
_ENDS = np.linspace(-3.5, 3.5, 29)
_MISFIT = 0.02
"""By this share of the fall a curve of learning strays from its law."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PowerLaws:
    """Laws ``loss(rows) = floor + (end - floor) * (rows / last) ** -exponent`` with their probabilities.

    Attributes
    ----------
    floor, end, exponent, weight : ndarray of shape (n_laws,)
        ``end`` is the loss at ``last`` rows; the weights sum to 1.
    last : float
        The most rows that were measured.
    """

    floor: Floats
    end: Floats
    exponent: Floats
    weight: Floats
    last: float

    def at(self, rows: float) -> Floats:
        """Return the loss at a number of rows by each law, shape (n_laws,)."""
        result: Floats = self.floor + (self.end - self.floor) * (rows / self.last) ** -self.exponent
        return result

    def rows_to(self, level: float) -> Floats:
        """Return the rows from which on the loss is ``level``, shape (n_laws,); infinite below a law's floor."""
        reachable = level > self.floor
        ratio = np.divide(
            self.end - self.floor, level - self.floor, out=np.full(len(self.floor), np.inf), where=reachable
        )
        with np.errstate(over="ignore"):
            rows: Floats = self.last * ratio ** (1.0 / self.exponent)
        return rows

    def quantile(self, values: Floats, share: float) -> float:
        """Return the value below which lies a share of the laws, by weight."""
        order = np.argsort(values, kind="stable")
        mass = np.cumsum(self.weight[order])
        return float(values[order][min(int(np.searchsorted(mass, share * mass[-1])), len(order) - 1)])

    def among(self, kept: npt.NDArray[np.bool_]) -> PowerLaws:
        """Return the laws of which something holds, given that it does."""
        weight = self.weight[kept]
        return PowerLaws(
            floor=self.floor[kept],
            end=self.end[kept],
            exponent=self.exponent[kept],
            weight=weight / weight.sum(),
            last=self.last,
        )


def pool(laws: Sequence[PowerLaws]) -> PowerLaws:
    """Return the laws of several models, each model as likely as the others to be the one that matters."""
    return PowerLaws(
        floor=np.concatenate([one.floor for one in laws]),
        end=np.concatenate([one.end for one in laws]),
        exponent=np.concatenate([one.exponent for one in laws]),
        weight=np.concatenate([one.weight for one in laws]) / len(laws),
        last=laws[0].last,
    )


def fit_power_laws(rows: Floats, losses: Floats, covariance: Floats) -> PowerLaws:
    """Return the laws that measured losses leave open, each with its posterior probability.

    The law is that of Cortes et al. (1993, "Learning curves: asymptotic values and rate of convergence"). The floor is
    taken to lie anywhere between 0 and the end, the exponent about 0.7, as it does for tables; errors are normal.

    Parameters
    ----------
    rows, losses : ndarray of shape (n_points,)
        Increasing rows, and a loss that is at least 0.
    covariance : ndarray of shape (n_points, n_points)
        Of the losses: all were measured on the same rows.
    """
    fall = max(float(losses[0] - losses[-1]), 0.0)
    noise = covariance + np.diag(np.full(len(rows), (_MISFIT * fall) ** 2 + 1e-12))
    end_error = np.sqrt(noise[-1, -1])
    ends = np.maximum(losses[-1] + _ENDS * end_error, 0.0)
    end, floor_share, exponent = (part.ravel() for part in np.meshgrid(ends, _FLOORS, _EXPONENTS, indexing="ij"))
    floor = floor_share * end
    shape = (rows[None, :] / rows[-1]) ** -exponent[:, None]
    misses = floor[:, None] + (end - floor)[:, None] * shape - losses[None, :]
    whitened = np.linalg.solve(np.linalg.cholesky(noise), misses.T)
    fit = -0.5 * (whitened**2).sum(axis=0) - 0.5 * ((exponent - _USUAL_EXPONENT) / _SPREAD_OF_EXPONENTS) ** 2
    weight = np.exp(fit - fit.max())
    kept = weight > 1e-9
    return PowerLaws(
        floor=floor[kept],
        end=end[kept],
        exponent=exponent[kept],
        weight=weight[kept] / weight[kept].sum(),
        last=float(rows[-1]),
    )
