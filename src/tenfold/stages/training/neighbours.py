"""Nearest neighbours, for few rows: held-out rows say how many are asked.

The model is the training rows. So it takes part only where it is named: nobody should find rows in a bundle who did not
ask for them to be there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tenfold.bundle.matrix import Floats
from tenfold.bundle.predictors.neighbours import NeighboursPredictor, averaged
from tenfold.records.features import View
from tenfold.stages.training.protocols import Fit, FitFailed, Fitted, Merge, Rows

MOST_ROWS, MOST_CELLS = 5_000, 400_000
"""Beyond this one row takes longer than a millisecond, and trees are better anyway."""

_ASKED = (1, 3, 5, 8, 12, 20, 35, 60, 100)
_SURE = 0.02
"""Shares are drawn this far towards equal ones: a class that no neighbour has is still possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The mean of the nearest rows; its iterations are how many are asked."""

    view: View = "dense"
    merge: Merge | None = None

    def fit(self, fit: Fit) -> Fitted:
        """Keep the rows, and choose how many neighbours are asked by the loss on held-out rows.

        Raises
        ------
        FitFailed
            When there are too many rows or columns.
        """
        rows, columns = fit.train.values.shape
        if rows > MOST_ROWS or rows * columns > MOST_CELLS:
            raise FitFailed(
                f"nearest neighbours are for up to {MOST_ROWS:,} rows and {MOST_CELLS:,} cells; these are {rows:,} "
                f"rows of {columns} columns"
            )
        weights = np.ones(rows) if fit.train.weight is None else np.asarray(fit.train.weight, dtype=np.float64)
        known = NeighboursPredictor(np.array(fit.train.values), _outcomes(fit), weights, neighbours=1)
        asked = fit.iterations or self._best(fit, known)
        chosen = NeighboursPredictor(known.rows, known.outcomes, weights, neighbours=min(asked, rows))
        return Fitted(predictor=chosen, iterations=asked, made=1)

    @staticmethod
    def _best(fit: Fit, known: NeighboursPredictor) -> int:
        """Return how many neighbours had the least loss; without held-out rows as many as are open."""
        open_to = [count for count in _ASKED if count <= len(known.rows) and count <= (fit.most or count)] or [1]
        if fit.held is None:
            return open_to[-1]
        sums, total = np.zeros(len(open_to)), 0.0
        for place, row in enumerate(fit.held.values):
            if fit.deadline.expired and place:
                break
            weight = 1.0 if fit.held.weight is None else float(fit.held.weight[place])
            nearest, distances = known.nearest(row, open_to[-1])
            for at, count in enumerate(open_to):
                mean = averaged(known.outcomes[nearest[:count]], distances[:count], known.weights[nearest[:count]])
                sums[at] += weight * _loss(fit, mean, fit.held, place)
            total += weight
        return open_to[int(np.argmin(sums))] if total else open_to[-1]


def _outcomes(fit: Fit) -> Floats:
    if fit.task == "regression":
        return np.asarray(fit.train.truth, dtype=np.float64)[:, None]
    shares = np.full((len(fit.train.truth), fit.outputs), _SURE / fit.outputs)
    shares[np.arange(len(shares)), fit.train.truth.astype(np.int64)] += 1.0 - _SURE
    return shares


def _loss(fit: Fit, mean: Floats, held: Rows, place: int) -> float:
    if fit.task == "regression":
        return float((mean[0] - held.truth[place]) ** 2)
    return float(-np.log(mean[int(held.truth[place])]))
