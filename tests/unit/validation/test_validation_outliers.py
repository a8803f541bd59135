"""Outliers: found among the rows that train, told by row and reason, undone by leaving the setting out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tenfold.records.dataset import Column, Field
from tenfold.records.validation import Fold
from tenfold.stages.training.outliers import clipped, read_outliers
from tenfold.stages.validation.options import OutlierOptions
from tenfold.stages.validation.outliers import ALL_ROWS, find_outliers, outliers_finding, outliers_payload

ROWS = 1_000
FAR = (5, 105, 905)
"""Rows with a far value; the last of them is in the sealed part."""


def table() -> pl.DataFrame:
    values = np.random.default_rng(0).normal(size=(ROWS, 3))
    values[list(FAR), 0] = 40.0
    return pl.DataFrame(values, schema=["a", "b", "c"])


COLUMNS = [Column(field=Field(name=name, kind="numeric"), role="feature", reason="") for name in "abc"]
DEVELOPMENT = np.arange(900)
FOLDS = [Fold(train=DEVELOPMENT[DEVELOPMENT >= 100], validation=DEVELOPMENT[:100])]


def found(options: OutlierOptions, rows: pl.DataFrame | None = None) -> pl.DataFrame:
    return find_outliers(table() if rows is None else rows, COLUMNS, FOLDS, DEVELOPMENT, options)


@pytest.mark.parametrize("method", ["iqr", "robust_z"])
def test_far_values_of_training_rows_are_named_with_their_reason_and_sealed_ones_never(method: str) -> None:
    lines = found(OutlierOptions(method=method, action="clip"))  # type: ignore[arg-type]  # a method
    assert lines.filter(pl.col("fold") == ALL_ROWS)["row"].to_list() == [5, 105]
    assert lines.filter(pl.col("fold") == 0)["row"].to_list() == [105]
    assert set(lines["column"]) == {"a"}
    assert (lines["value"] == 40.0).all()
    assert (lines["becomes"] < 10.0).all()
    assert lines["reason"].str.contains("lies outside of").all()


@pytest.mark.parametrize("method", ["isolation_forest", "lof"])
def test_odd_rows_are_named_as_a_whole(method: str) -> None:
    lines = found(OutlierOptions(method=method, action="drop"))  # type: ignore[arg-type]  # a method
    everywhere = lines.filter(pl.col("fold") == ALL_ROWS)
    assert {5, 105} <= set(everywhere["row"])
    assert everywhere.height == 9
    assert lines["column"].null_count() == lines.height
    assert lines["row"].max() < 900


def test_rows_that_measure_never_change_what_is_an_outlier() -> None:
    options = OutlierOptions(method="robust_z", action="clip")
    changed = table().with_columns(a=pl.when(pl.int_range(ROWS) < 100).then(pl.col("a") * 100).otherwise("a"))
    assert found(options, changed).filter(pl.col("fold") == 0).equals(found(options).filter(pl.col("fold") == 0))


def payload(folder: Path, action: str) -> Path:
    options = OutlierOptions(method="iqr", action=action)  # type: ignore[arg-type]  # an action
    path = folder / "outliers.parquet"
    path.write_bytes(outliers_payload(found(options), action)["outliers.parquet"])
    return path


def test_dropped_rows_do_not_train_and_the_table_stays_as_it_was(tmp_path: Path) -> None:
    outliers = read_outliers({"outliers.parquet": payload(tmp_path, "drop")})
    assert set(DEVELOPMENT) - set(outliers.without(DEVELOPMENT, ALL_ROWS)) == {5, 105}
    assert set(FOLDS[0].train) - set(outliers.without(FOLDS[0].train, 0)) == {105}
    assert len(read_outliers({}).without(DEVELOPMENT, ALL_ROWS)) == 900


def test_clipped_values_move_to_the_bound_in_training_rows_alone(tmp_path: Path) -> None:
    outliers = read_outliers({"outliers.parquet": payload(tmp_path, "clip")})
    there = tmp_path / "bench"
    there.mkdir()
    outliers.keep(there)
    before = table()[FOLDS[0].train]
    after = clipped(before, FOLDS[0].train, there, 0)
    moved = (before["a"] != after["a"]).arg_true().to_list()
    assert [int(FOLDS[0].train[place]) for place in moved] == [105]
    assert after["a"].max() < 10.0
    assert after["b"].equals(before["b"])
    assert len(outliers.without(FOLDS[0].train, 0)) == 800


def test_the_finding_says_how_many_where_and_how_to_undo_it() -> None:
    options = OutlierOptions(method="iqr", action="clip")
    told = outliers_finding(found(options), options)
    assert told.startswith("2 development rows hold outliers by iqr: 'a' (2)")
    assert "data: {outliers:" in told
