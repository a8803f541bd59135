"""What the file's ``validation`` section says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Strategy = Literal["auto", "holdout", "kfold", "repeated", "stratified", "group", "time", "loo", "nested"]


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
    repeats : int or None
        How often rows are dealt into folds anew; None: three times for ``repeated``, else once.
    gap_seconds : float
        Time left free between rows that train and rows that measure; never less than the delay of the labels.
    embargo_seconds : float
        Further time left free, since rows near each other resemble each other.
    window_seconds : float or None
        How far back rows train that are measured later; None without end, 0 as far as for the first fold.
    outer : int
        Outer folds of ``nested``.
    allow : bool
        Run a strategy that leaks, or that costs more than the budget bears, all the same.
    budget_seconds, budget_trials : float, int or None
        The whole time, or trials, there is; only leave-one-out looks at them.
    outliers : OutlierOptions or None
        None does not look for any.
    """

    strategy: Strategy = "auto"
    test: float = 0.15
    validation: float = 0.15
    folds: int = 5
    repeats: int | None = None
    gap_seconds: float = 0.0
    embargo_seconds: float = 0.0
    window_seconds: float | None = None
    outer: int = 3
    allow: bool = False
    budget_seconds: float | None = None
    budget_trials: int | None = None
    outliers: OutlierOptions | None = None
