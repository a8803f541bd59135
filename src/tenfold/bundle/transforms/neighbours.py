"""Missing numbers filled by the mean of the training rows that are nearest in the other columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl

from tenfold.bundle.matrix import Floats
from tenfold.bundle.transforms.protocols import OnNumbers, Row, State, Transform
from tenfold.bundle.transforms.settings import whole
from tenfold.bundle.transforms.values import FARTHEST, center_and_spread, number, numbers, stacked
from tenfold.records.features import Step

NEIGHBOURS = 5
_MOST_DONORS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedNeighbours:
    """Columns of ``targets`` with missing values filled from neighbours; all ``columns`` measure the distance.

    The distance of two rows is that over the columns that both have, scaled up to all of them (as in scikit-learn's
    ``nan_euclidean``), each column in units of its spread. ``donors`` of shape (n_donors, n_columns) are training rows
    in these units. Who shares no column with any donor gets the mean of the training rows.
    """

    columns: tuple[str, ...]
    targets: tuple[str, ...]
    donors: Floats
    centers: Floats
    spreads: Floats
    neighbours: int
    indicator: bool
    names: tuple[str, ...]
    categorical: bool = False

    def apply(self, table: pl.DataFrame) -> Floats:
        return self._filled(stacked([numbers(table, name) for name in self.columns], table.height))

    def apply_row(self, row: Row) -> list[float]:
        filled: list[float] = self._filled(np.array([[number(row, name) for name in self.columns]]))[0].tolist()
        return filled

    def on_numbers(self) -> OnNumbers:
        return self._filled

    def state(self) -> State:
        return State(arrays={"donors": self.donors, "centers": self.centers, "spreads": self.spreads})

    def _filled(self, values: Floats) -> Floats:
        places = [self.columns.index(name) for name in self.targets]
        missing = np.isnan(values[:, places])
        scaled = np.clip((values - self.centers) / self.spreads, -FARTHEST, FARTHEST)
        result = values[:, places]
        # Row by row, so that a row's neighbours are the same whatever rows stand beside it, to the last bit.
        for row in np.flatnonzero(missing.any(axis=1)):
            distances = _distances(scaled[row], self.donors)
            for target in np.flatnonzero(missing[row]):
                result[row, target] = self._stand_in(distances, places[target])
        if not self.indicator:
            return result
        both = np.empty((len(values), 2 * len(places)))
        both[:, 0::2], both[:, 1::2] = result, missing
        return both

    def _stand_in(self, distances: Floats, place: int) -> float:
        usable = np.flatnonzero(~np.isnan(distances) & ~np.isnan(self.donors[:, place]))
        if not len(usable):
            return float(self.centers[place])
        nearest = usable[np.argsort(distances[usable], kind="stable")[: self.neighbours]]
        return float(self.donors[nearest, place].mean() * self.spreads[place] + self.centers[place])


def _distances(row: Floats, donors: Floats) -> Floats:
    """Return the squared distance to each donor; NaN where no column is shared."""
    squared = (donors - row) ** 2
    shared = (~np.isnan(squared)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(shared > 0, np.nansum(squared, axis=1) * (len(row) / shared), np.nan)


def fit(step: Step, table: pl.DataFrame, target: Floats | None, rng: np.random.Generator) -> FittedNeighbours:
    """Keep training rows as donors; ``settings``: targets, neighbours, indicator.

    Of more than a thousand training rows so many are drawn.
    """
    del target
    values = stacked([numbers(table, name) for name in step.columns], table.height)
    present = ~np.isnan(values)
    centers, spreads = center_and_spread(values)
    rows = np.flatnonzero(present.any(axis=1))
    if len(rows) > _MOST_DONORS:
        rows = np.sort(rng.choice(rows, _MOST_DONORS, replace=False))
    donors = (values[rows] - centers) / spreads
    return restore(step, State(arrays={"donors": donors, "centers": centers, "spreads": spreads}))


def restore(step: Step, state: State) -> FittedNeighbours:
    """Build it again from its state."""
    targets = tuple(cast("tuple[str, ...]", step.settings["targets"]))
    indicator = bool(step.settings.get("indicator", False))
    names = tuple(part for name in targets for part in (name, f"{name}__missing")) if indicator else targets
    return FittedNeighbours(
        columns=step.columns,
        targets=targets,
        neighbours=whole(step, "neighbours", NEIGHBOURS),
        indicator=indicator,
        names=names,
        donors=state.arrays["donors"],
        centers=state.arrays["centers"],
        spreads=state.arrays["spreads"],
    )


NEIGHBOURS_IMPUTE = Transform(fit=fit, restore=restore)
