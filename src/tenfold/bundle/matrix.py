"""What learners and predictors read: numbers only, with the names of their columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matrix:
    """Rows as numbers.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_columns), float64, C order
        Missing is NaN.
    names : tuple of str
        One for each column.
    categorical : tuple of int
        The columns that hold category codes (0, 1, 2, ...; NaN for missing and for unseen) rather than quantities.
    """

    values: Floats
    names: tuple[str, ...]
    categorical: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise ValueError(f"a matrix of shape {self.values.shape} does not have {len(self.names)} named columns")
