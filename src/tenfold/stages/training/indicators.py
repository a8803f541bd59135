"""Category codes as columns of zeros and ones, for learners whose trees ask only whether a number is greater."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Indicators:
    """Which columns of the wide matrix stand for which of the narrow one.

    Attributes
    ----------
    source : ndarray of shape (n_wide,), int32
        The column of the view that each wide column is made of.
    level : ndarray of shape (n_wide,), float64
        The code whose presence it tells; NaN where it is the column itself.
    """

    source: npt.NDArray[np.int32]
    level: Values

    @classmethod
    def of(cls, values: Values, categorical: tuple[int, ...], told: tuple[int, ...] = ()) -> Indicators:
        """Return the plan for a training matrix: each code that occurs there has a column, but those of ``told``."""
        source: list[int] = []
        level: list[float] = []
        for column in range(values.shape[1]):
            if column in told:
                continue
            if column not in categorical:
                source.append(column)
                level.append(np.nan)
                continue
            codes = np.unique(values[:, column])
            codes = codes[~np.isnan(codes)]
            source.extend([column] * len(codes))
            level.extend(codes.tolist())
        return cls(source=np.array(source, dtype=np.int32), level=np.array(level, dtype=np.float64))

    def widen(self, values: Values) -> npt.NDArray[np.float32]:
        """Return the wide matrix, of shape (n_rows, n_wide); a missing or new code is zero in every column of it."""
        wide = np.empty((len(values), len(self.source)), dtype=np.float32)
        with np.errstate(over="ignore"):
            for place, (column, code) in enumerate(zip(self.source, self.level, strict=True)):
                wide[:, place] = values[:, column] if np.isnan(code) else values[:, column] == code
        return wide
