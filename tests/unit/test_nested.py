"""Nested validation: every development row is predicted by a search that never saw its target."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.foundation.context import Received, StageContext
from tenfold.nested import NESTED_FILE, Search, nested_predictions, outer_folds
from tenfold.records.dataset import Column, Dataset, Field
from tenfold.records.problem import MetricChoice, Problem
from tenfold.stages.features.options import FeatureOptions
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.tuning.options import TuningOptions
from tenfold.stages.validation.options import ValidationOptions
from tenfold.stages.validation.run import run as validate

ROWS = 260
SEARCH = Search(
    features=FeatureOptions(),
    training=TrainingOptions(budget_trials=2),
    tuning=TuningOptions(budget_trials=2),
)


def made(folder: Path, target: np.ndarray) -> tuple[Received, Received]:
    rng = np.random.default_rng(2)
    table = pl.DataFrame(rng.normal(size=(ROWS, 3)), schema=["a", "b", "c"]).with_columns(y=pl.Series(target))
    table.write_parquet(folder / "table.parquet")
    columns = tuple(
        Column(field=Field(name=name, kind="numeric"), role="target" if name == "y" else "feature", reason="")
        for name in table.columns
    )
    problem = Problem(name="p", task="regression", target="y", metric=MetricChoice(metric="rmse", reason=""))
    dataset = Dataset(rows=ROWS, columns=columns, sources=(), snapshot="")
    return Received(record=problem), Received(record=dataset, files={"table.parquet": folder / "table.parquet"})


def predictions(folder: Path, target: np.ndarray) -> tuple[np.ndarray, Received]:
    folder.mkdir()
    problem, dataset = made(folder, target)
    planned = validate(
        problem, dataset, ValidationOptions(strategy="nested"), StageContext(rng=np.random.default_rng(3))
    )
    content = planned.files["split.parquet"]
    assert isinstance(content, bytes)
    (folder / "split.parquet").write_bytes(content)
    plan = Received(record=planned.record, files={"split.parquet": folder / "split.parquet"})
    files = nested_predictions(problem, dataset, plan, SEARCH, StageContext(rng=np.random.default_rng(4)))
    return np.load(io.BytesIO(files[NESTED_FILE])), plan


def test_a_row_is_predicted_by_a_search_that_its_target_cannot_reach(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    target = rng.normal(size=ROWS)
    found, plan = predictions(tmp_path / "one", target)
    split = pl.read_parquet(plan.files["split.parquet"])
    development = (split["part"] == "train").to_numpy()
    assert np.isfinite(found[development]).all()
    assert np.isnan(found[~development]).all()
    measured = outer_folds(plan.record, split["block"].to_numpy())[0].measured
    changed = target.copy()
    changed[measured] += 100.0
    again, _ = predictions(tmp_path / "two", changed)
    assert np.array_equal(found[measured], again[measured])
    others = np.setdiff1d(np.flatnonzero(development), measured)
    assert not np.allclose(found[others], again[others])
