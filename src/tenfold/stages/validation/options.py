"""What the file's ``validation`` section says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Strategy = Literal["auto", "holdout", "kfold", "stratified", "group", "time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierOptions:
    """How outliers are found among the rows that train, and what is done about them.

    Attributes
    ----------
    limit : float or None
        Times the distance of the quartiles (``iqr``, 3), robust deviations (``robust_z``, 6), or the share of rows that
        are taken for odd (``isolation_forest`` and ``lof``, 0.01).
    columns : tuple of str
        Where to look; empty: all numeric features.
    """

    method: Literal["iqr", "robust_z", "isolation_forest", "lof"] = "iqr"
    action: Literal["flag", "clip", "drop"] = "flag"
    limit: float | None = None
    columns: tuple[str, ...] = ()
    seed: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationOptions:
    """How the rows shall be divided.

    Attributes
    ----------
    strategy : str
        ``auto`` chooses from the data and says why.
    test, validation : float
        Share of all rows that judges, and that chooses. ``test`` 0: nothing is sealed, every row is used in
        development and judged by cross-validation. ``validation`` counts only where there is one validation part
        instead of folds.
    folds : int
        Number of folds where there are folds.
    gap_seconds : float
        Time left free between rows that train and rows that measure; never less than the delay of the labels.
    outliers : OutlierOptions or None
        None does not look for any.
    """

    strategy: Strategy = "auto"
    test: float = 0.15
    validation: float = 0.15
    folds: int = 5
    gap_seconds: float = 0.0
    outliers: OutlierOptions | None = None
