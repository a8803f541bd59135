"""What the nearest training rows had, on average: the rows themselves are the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tenfold.bundle.arrays import pack, unpack
from tenfold.bundle.matrix import Floats
from tenfold.foundation.errors import StoreError
from tenfold.foundation.serial import canonical_json, from_json

_NEAREST = 1e-9
"""Added to squared distances: a row that equals a training row is not infinitely near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    neighbours: int


class NeighboursPredictor:
    """The mean of the nearest rows' outcomes, the nearer the heavier.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_columns)
        On one scale, nothing missing.
    outcomes : ndarray of shape (n_rows, n_outputs)
        Shares of classes, or numbers.
    weights : ndarray of shape (n_rows,)
    neighbours : int
        How many are asked, at most as many as there are.
    """

    kind: ClassVar[str] = "neighbours"
    __slots__ = ("neighbours", "outcomes", "rows", "weights")

    def __init__(self, rows: Floats, outcomes: Floats, weights: Floats, *, neighbours: int):
        fits = rows.ndim == outcomes.ndim == 2 and weights.shape == (len(rows),) and len(outcomes) == len(rows) > 0
        if not fits or neighbours < 1:
            raise StoreError("the arrays do not describe rows with their outcomes")
        self.rows, self.outcomes, self.weights, self.neighbours = rows, outcomes, weights, neighbours

    def predict(self, values: Floats) -> Floats:
        if values.shape[1] != self.rows.shape[1]:
            raise ValueError(f"the model reads {self.rows.shape[1]} columns, not {values.shape[1]}")
        return np.array([self._one(*self.nearest(row, self.neighbours)) for row in values]).reshape(len(values), -1)

    def nearest(self, row: Floats, most: int) -> tuple[npt.NDArray[np.int64], Floats]:
        """Return the places of the nearest rows, the nearest first, and their squared distances.

        Of rows equally far the earlier ones come first.
        """
        distances = np.square(self.rows - row).sum(axis=1)
        order = np.argsort(distances, kind="stable")[:most]
        return order, distances[order]

    def _one(self, places: npt.NDArray[np.int64], distances: Floats) -> Floats:
        return averaged(self.outcomes[places], distances, self.weights[places])

    def files(self) -> dict[str, bytes]:
        arrays = {"rows": self.rows, "outcomes": self.outcomes, "weights": self.weights}
        return {
            "neighbours.json": canonical_json(_Facts(neighbours=self.neighbours)),
            "neighbours.safetensors": pack(arrays),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> NeighboursPredictor:
        """Build it again from its files."""
        arrays = unpack(files["neighbours.safetensors"], name="neighbours.safetensors")
        if set(arrays) != {"rows", "outcomes", "weights"}:
            raise StoreError("'neighbours.safetensors' does not hold rows, outcomes and weights")
        facts = from_json(_Facts, files["neighbours.json"])
        return cls(arrays["rows"], arrays["outcomes"], arrays["weights"], neighbours=facts.neighbours)


def averaged(outcomes: Floats, distances: Floats, weights: Floats) -> Floats:
    """Return the mean of outcomes of shape (n, n_outputs), by weight over distance."""
    shares = weights / np.sqrt(distances + _NEAREST)
    total = shares.sum()
    if total <= 0:
        shares, total = np.ones(len(outcomes)), float(len(outcomes))
    mean: Floats = (shares[:, None] * outcomes).sum(axis=0) / total
    return mean
