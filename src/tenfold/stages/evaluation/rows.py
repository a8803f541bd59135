"""The rows to judge on: development rows by their out-of-fold predictions, the sealed rows by one look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from tenfold.bundle.inputs import input_table
from tenfold.foundation.context import Received
from tenfold.foundation.errors import DataError
from tenfold.records.dataset import Dataset
from tenfold.records.features import FeaturePlan
from tenfold.records.problem import Problem
from tenfold.records.tuning import Tuning
from tenfold.records.validation import ValidationPlan

Floats: TypeAlias = npt.NDArray[np.float64]
Truth: TypeAlias = npt.NDArray[np.int64] | Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Some rows of the table with what is known of them.

    Attributes
    ----------
    name : str
        ``test``, ``validation`` or ``cross-validation``.
    numbers : ndarray of shape (n,)
        Their places in the table.
    table : polars.DataFrame
        All their columns, lags included.
    truth : ndarray of shape (n,)
    weight, group : ndarray of shape (n,) or None
    """

    name: str
    numbers: npt.NDArray[np.int64]
    table: pl.DataFrame
    truth: Truth
    weight: Floats | None = None
    group: npt.NDArray[np.int64] | None = None

    def take(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Rows:
        """Return some of these rows."""
        return Rows(
            name=self.name,
            numbers=self.numbers[which],
            table=self.table[np.flatnonzero(which) if which.dtype == np.bool_ else which],
            truth=self.truth[which],
            weight=None if self.weight is None else self.weight[which],
            group=None if self.group is None else self.group[which],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Divided:
    """The table by part.

    Attributes
    ----------
    development : Rows
        Every row that models were trained or chosen on.
    predicted : Rows
        Those of them that have out-of-fold predictions, ``scores`` of shape (n, n_outputs).
    sealed : Rows or None
        The test part; None when there is none.
    """

    development: Rows
    predicted: Rows
    scores: Floats
    sealed: Rows | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """Every row of the table, and the part that each belongs to: train, validation, test or out."""

    every: Rows
    part: npt.NDArray[np.str_]

    @property
    def development(self) -> Rows:
        """The rows that models may be trained and chosen on."""
        return self.every.take(np.isin(self.part, ["train", "validation"]))

    @property
    def sealed(self) -> Rows | None:
        """The test part; None when there is none."""
        if not (self.part == "test").any():
            return None
        return _named(self.every.take(self.part == "test"), "test")


def read_parts(
    problem: Problem,
    dataset: Received[Dataset],
    validation: Received[ValidationPlan],
    features: Received[FeaturePlan],
) -> Parts:
    """Read the table and the split.

    Raises
    ------
    DataError
        When they do not belong together.
    """
    table = input_table(dataset.files["table.parquet"], features.files.get("lags.parquet"))
    split = pl.read_parquet(validation.files["split.parquet"])
    if split.height != table.height:
        raise DataError(f"the table has {table.height} rows, the split {split.height}: run the stages again")
    weights = dataset.record.with_role("weight")
    every = Rows(
        name=_name(validation.record),
        numbers=np.arange(table.height),
        table=table,
        truth=_truth(table[problem.target], problem),
        weight=None if not weights else table[weights[0].name].cast(pl.Float64).fill_null(0.0).to_numpy(),
        group=_groups(table, validation.record.groups),
    )
    return Parts(every=every, part=split["part"].to_numpy().astype(np.str_))


def divide(
    problem: Problem,
    dataset: Received[Dataset],
    validation: Received[ValidationPlan],
    features: Received[FeaturePlan],
    tuning: Received[Tuning],
) -> Divided:
    """Read the table, the split and the ensemble's out-of-fold predictions.

    Raises
    ------
    DataError
        When they do not belong together.
    """
    parts = read_parts(problem, dataset, validation, features)
    every = parts.every
    oof = np.load(tuning.files["oof.npy"], allow_pickle=False)
    if len(oof) != len(every.numbers):
        raise DataError(f"the table has {len(every.numbers)} rows, the predictions {len(oof)}: run the stages again")
    predicted = np.isin(parts.part, ["train", "validation"]) & np.isfinite(oof).all(axis=1)
    return Divided(
        development=parts.development,
        predicted=every.take(predicted),
        scores=np.ascontiguousarray(oof[predicted]),
        sealed=parts.sealed,
    )


def divide_nested(divided: Divided, tuning: Received[Tuning]) -> tuple[Rows | None, Floats]:
    """Return development rows with their predictions by searches that did not see them; None where none were made."""
    path = tuning.files.get("nested.npy")
    if path is None:
        return None, np.empty((0, 0))
    scores = np.load(path, allow_pickle=False)[divided.development.numbers]
    known = np.isfinite(scores).all(axis=1)
    return _named(divided.development.take(known), "nested"), np.ascontiguousarray(scores[known])


def _name(plan: ValidationPlan) -> str:
    """Return what out-of-fold predictions are called: one part that models were chosen on is no cross-validation."""
    return "validation" if plan.fold_count == 1 else "cross-validation"


def _named(rows: Rows, name: str) -> Rows:
    return Rows(
        name=name, numbers=rows.numbers, table=rows.table, truth=rows.truth, weight=rows.weight, group=rows.group
    )


def _truth(target: pl.Series, problem: Problem) -> Truth:
    if problem.task == "regression":
        return target.cast(pl.Float64).to_numpy()
    codes = {name: code for code, name in enumerate(problem.classes)}
    return target.replace_strict(codes, return_dtype=pl.Int64).to_numpy()


def _groups(table: pl.DataFrame, column: str | None) -> npt.NDArray[np.int64] | None:
    """Return a number for each group; a row without one is a group of its own."""
    if column is None:
        return None
    codes = table[column].rank("dense").cast(pl.Int64).fill_null(-1).to_numpy().copy()
    alone = np.flatnonzero(codes < 0)
    codes[alone] = codes.max(initial=0) + 1 + np.arange(len(alone))
    return codes
