"""A sum of one curve for each column, boosted: what a column adds can be drawn, and nothing depends on two of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tenfold.records.features import View
from tenfold.stages.training.boosting import Boosting, merge_boosters
from tenfold.stages.training.protocols import Fit, Fitted, Merge, Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Additive:
    """A generalised additive model: boosted trees each of which may look at one column only.

    After Lou, Caruana and Gehrke (2012), "Intelligible models for classification and regression".
    """

    view: View = "native"
    merge: Merge | None = merge_boosters

    def fit(self, fit: Fit) -> Fitted:
        """Boost as LightGBM does, each tree within one column."""
        alone = [[column] for column in range(fit.train.values.shape[1])]
        # Nobody can read a curve over so many levels: their means are one column that tells as much.
        train = _silent(fit.train, fit.told)
        held = None if fit.held is None else _silent(fit.held, fit.told)
        params = {**fit.params, "interaction_constraints": alone}
        return Boosting().fit(replace(fit, train=train, held=held, params=params))


def _silent(rows: Rows, columns: tuple[int, ...]) -> Rows:
    """Return rows that are missing in these columns throughout."""
    if not columns:
        return rows
    values = np.array(rows.values)
    values[:, columns] = np.nan
    return replace(rows, values=values)
