"""Many numbers as a few: the directions in which the training rows differ most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import OnNumbers, Row, State, Transform
from tenfold.bundle.transforms.settings import whole
from tenfold.bundle.transforms.values import FARTHEST, center_and_spread, number, numbers, stacked
from tenfold.records.features import Step

COMPONENTS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedPCA:
    """Principal components of the standardised columns (Pearson, 1901); missing counts as the mean.

    ``axes`` of shape (n_columns, n_components); an axis points to where its greatest entry is positive. Components that
    the training rows do not have are 0.
    """

    columns: tuple[str, ...]
    centers: Floats
    spreads: Floats
    axes: Floats
    names: tuple[str, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        return self._projected(stacked([numbers(table, name) for name in self.columns], table.height))

    def apply_row(self, row: Row) -> list[float]:
        made: list[float] = self._projected(np.array([[number(row, name) for name in self.columns]]))[0].tolist()
        return made

    def on_numbers(self) -> OnNumbers:
        return self._projected

    def state(self) -> State:
        return State(arrays={"centers": self.centers, "spreads": self.spreads, "axes": self.axes})

    def _projected(self, values: Floats) -> Floats:
        scaled = np.clip((values - self.centers) / self.spreads, -FARTHEST, FARTHEST)
        held = np.nan_to_num(scaled, nan=0.0)
        # Not a matrix product: its last bits depend on how many rows there are, and great terms may cancel.
        result = np.empty((len(values), self.axes.shape[1]))
        for component, axis in enumerate(self.axes.T):
            result[:, component] = (held * axis).sum(axis=1)
        return result


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedPCA:
    """Learn means, deviations and axes; ``settings``: components, name (what the columns are called)."""
    del target, rng
    values = stacked([numbers(table, name) for name in step.columns], table.height)
    centers, spreads = center_and_spread(values)
    scaled = np.nan_to_num((values - centers) / spreads, nan=0.0)
    eigenvalues, vectors = np.linalg.eigh(scaled.T @ scaled)
    count = _count(step)
    axes = np.zeros((len(step.columns), count))
    order = np.argsort(-eigenvalues, kind="stable")[:count]
    kept = [place for place in order if eigenvalues[place] > 1e-9 * max(float(eigenvalues.max()), 1e-9)]
    for component, place in enumerate(kept):
        axis = vectors[:, place]
        axes[:, component] = axis * np.sign(axis[np.argmax(np.abs(axis))])
    return restore(step, State(arrays={"centers": centers, "spreads": spreads, "axes": axes}))


def _count(step: Step) -> int:
    return whole(step, "components", COMPONENTS)


def restore(step: Step, state: State) -> FittedPCA:
    """Build it again from its state."""
    name = str(step.settings.get("name", "pca"))
    names = tuple(f"{name}__{component}" for component in range(_count(step)))
    return FittedPCA(
        columns=step.columns,
        names=names,
        centers=state.arrays["centers"],
        spreads=state.arrays["spreads"],
        axes=state.arrays["axes"],
    )


PCA = Transform(fit=fit, restore=restore, aligned=False)
