"""How much too good a shuffled split looks on timed rows: one quick model, measured both ways."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.foundation.context import Received
from tenfold.measures.rank import roc_auc
from tenfold.records.dataset import Dataset
from tenfold.records.problem import Problem
from tenfold.records.validation import Optimism

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

_MOST_ROWS = 8_000
_FEWEST_ROWS = 60
_FOLDS = 4
_ROUNDS = 60
_READ = ("numeric", "categorical", "boolean", "datetime")


def measure_optimism(
    problem: Problem, dataset: Received[Dataset], development: Numbers, time: str, seed: int
) -> Optimism | None:
    """Return the score of quick boosted trees on shuffled folds, and on blocks newer than what they learned from.

    Both measure the same number of folds on the same rows, with training parts of equal size, so that only the order
    differs. None where there are too few rows, or one class only.

    Parameters
    ----------
    development : ndarray of shape (n,)
        Rows that may be looked at: never the sealed ones.
    """
    rng = np.random.default_rng([seed, *b"optimism"])
    names = [
        column.name
        for column in dataset.record.columns
        if column.role in {"feature", "sensitive", "time"} and column.available == "now" and column.field.kind in _READ
    ]
    if len(development) < _FEWEST_ROWS or not names:
        return None
    table = pl.read_parquet(dataset.files["table.parquet"], columns=list(dict.fromkeys([problem.target, time, *names])))
    rows = np.sort(rng.permutation(development)[:_MOST_ROWS])
    table = table[rows].filter(pl.col(time).is_not_null()).sort(time, maintain_order=True)
    values = np.column_stack([_as_numbers(table[name]) for name in names])
    truth = _truth(table[problem.target], problem)
    shuffled: list[float] = []
    forward: list[float] = []
    for train, held in _forward(table.height):
        mixed = rng.permutation(table.height)[: len(train) + len(held)]
        for into, learned, asked in ((forward, train, held), (shuffled, mixed[len(held) :], mixed[: len(held)])):
            score = _score(problem, values[learned], truth[learned], values[asked], truth[asked], seed)
            if score is not None:
                into.append(score)
    if not shuffled or not forward:
        return None
    return Optimism(
        metric=_METRIC[problem.task],
        shuffled=float(np.mean(shuffled)),
        forward=float(np.mean(forward)),
        rows=table.height,
    )


def told(found: Optimism) -> str:
    """Say what was measured, for a person."""
    return (
        f"measured with a quick model on {found.rows:,} rows: {found.metric} {found.shuffled:.3f} on shuffled folds,"
        f" {found.forward:.3f} on rows newer than those it learned from; so the figures of this split promise about"
        f" {found.optimism:+.3f} too much"
        if found.optimism > 0
        else f"measured with a quick model on {found.rows:,} rows: {found.metric} {found.shuffled:.3f} on shuffled"
        f" folds, {found.forward:.3f} on rows newer than those it learned from"
    )


def _forward(rows: int) -> list[tuple[Numbers, Numbers]]:
    """Return blocks of rows in order of time, each with the older ones before it."""
    edges = np.linspace(0, rows, _FOLDS + 2).astype(np.int64)
    return [(np.arange(edges[place]), np.arange(edges[place], edges[place + 1])) for place in range(2, _FOLDS + 1)]


def _score(  # noqa: PLR0917 - both sides of one fit
    problem: Problem, values: Floats, truth: Floats, held: Floats, held_truth: Floats, seed: int
) -> float | None:
    import lightgbm

    params = {
        "objective": {"binary": "binary", "multiclass": "multiclass", "regression": "l2"}[problem.task],
        "num_leaves": 15,
        "min_data_in_leaf": max(5, min(20, len(values) // 20)),
        "num_threads": 1,
        "verbosity": -1,
        "deterministic": True,
        "seed": seed,
    }
    if problem.task == "multiclass":
        params["num_class"] = len(problem.classes)
    elif problem.task == "binary" and (len(np.unique(truth)) < 2 or len(np.unique(held_truth)) < 2):
        return None
    fitted = lightgbm.train(params, lightgbm.Dataset(values, truth), num_boost_round=_ROUNDS)
    said = np.asarray(fitted.predict(held))
    if problem.task == "binary":
        return float(roc_auc(held_truth == 1, said))
    if problem.task == "multiclass":
        return float((said.argmax(axis=1) == held_truth).mean())
    spread = float(((held_truth - held_truth.mean()) ** 2).sum())
    return None if spread == 0 else 1.0 - float(((held_truth - said) ** 2).sum()) / spread


def _as_numbers(column: pl.Series) -> Floats:
    if column.dtype == pl.String:
        return column.rank("dense").cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if column.dtype.is_temporal():
        column = column.cast(pl.Datetime("us")).cast(pl.Int64)
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _truth(column: pl.Series, problem: Problem) -> Floats:
    if problem.task == "regression":
        return column.cast(pl.Float64).fill_null(0.0).to_numpy()
    codes = {name: code for code, name in enumerate(problem.classes)}
    return column.replace_strict(codes, return_dtype=pl.Int64).cast(pl.Float64).to_numpy()


_METRIC = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "r2"}
