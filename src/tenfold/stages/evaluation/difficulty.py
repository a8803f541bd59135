"""How hard rows are for any model: near a decision boundary every model errs, and that is no weakness of this one.

The boundary is drawn by an additive model: boosted trees of one split each, whose columns cannot change each other's
effect. It cannot learn that a slice is noise, only that its rows are more or less often of a class, so what rows of the
same additive score lose elsewhere is what a slice is held against.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.measures.outcome import Outcome

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

_ROUNDS, _RATE = 120, 0.2
_MOST_LEVELS = 60
_BINS = 20
_MOST_ROWS = 10_000


def expected_losses(table: pl.DataFrame, outcome: Outcome, loss: Floats, learned: Numbers, seed: int) -> Floats:
    """Return for each row the mean loss of rows that are as hard by the additive model.

    Parameters
    ----------
    table : DataFrame
        The columns to learn from, a row for each of the outcome's.
    loss : ndarray of shape (n,)
    learned : ndarray of shape (m,)
        Rows from which the additive model and the mean losses are learned.

    Returns
    -------
    ndarray of shape (n,)
        For a regression the mean loss everywhere: there is no boundary.
    """
    everywhere = np.full(len(loss), float(loss[learned].mean()))
    if outcome.task == "regression" or not table.columns:
        return everywhere
    truth = outcome.truth.astype(np.int64)
    probabilities = _additive(table, truth, learned[:_MOST_ROWS], outcome.classes, seed)
    hard = (probabilities * (1.0 - probabilities)).sum(axis=1)
    edges = np.unique(np.quantile(hard[learned], np.arange(1, _BINS) / _BINS))
    place = np.searchsorted(edges, hard, side="right")
    rows = np.bincount(place[learned], minlength=len(edges) + 1)
    sums = np.bincount(place[learned], weights=loss[learned], minlength=len(edges) + 1)
    means = np.where(rows > 0, sums / np.maximum(rows, 1), everywhere[0])
    return np.asarray(means[place])


def _additive(table: pl.DataFrame, truth: Numbers, learned: Numbers, classes: int, seed: int) -> Floats:
    """Return probabilities, of shape (n, n_classes), of boosted trees with one split each."""
    import lightgbm

    values, categorical = _as_numbers(table)
    params = {
        "objective": "binary" if classes == 2 else "multiclass",
        "num_leaves": 2,
        "learning_rate": _RATE,
        "max_bin": 63,
        "num_threads": 1,
        "verbosity": -1,
        "deterministic": True,
        "force_col_wise": True,
        "seed": seed,
        "min_data_in_leaf": 10,
    }
    if classes > 2:
        params["num_class"] = classes
    data = lightgbm.Dataset(values[learned], truth[learned], categorical_feature=list(categorical), free_raw_data=True)
    rounds = _ROUNDS if classes == 2 else max(20, _ROUNDS // classes)
    said = np.asarray(lightgbm.train(params, data, num_boost_round=rounds).predict(values))
    return np.column_stack([1.0 - said, said]) if classes == 2 else said


def _as_numbers(table: pl.DataFrame) -> tuple[Floats, Sequence[int]]:
    columns, categorical = [], []
    for place, column in enumerate(table.get_columns()):
        if column.dtype == pl.String:
            counts = column.value_counts(sort=True).head(_MOST_LEVELS)[column.name].to_list()
            codes = {level: code for code, level in enumerate(counts) if level is not None}
            columns.append(column.replace_strict(codes, default=len(counts), return_dtype=pl.Float64).to_numpy())
            categorical.append(place)
        else:
            number = column.cast(pl.Datetime("us")).cast(pl.Int64) if column.dtype.is_temporal() else column
            columns.append(number.cast(pl.Float64).fill_null(float("nan")).to_numpy())
    return np.column_stack(columns), categorical
