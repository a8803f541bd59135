"""Small tables, planned and split, for the tests of training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from training_tables import make_plan, make_table

from tenfold.foundation.context import Received, StageContext
from tenfold.measures.choice import choose_metric
from tenfold.records.dataset import Column, Dataset, Field
from tenfold.records.problem import Problem
from tenfold.records.validation import ValidationPlan
from tenfold.stages.training.bench import Inputs
from tenfold.stages.validation import run as validation
from tenfold.stages.validation.options import ValidationOptions


@pytest.fixture
def make_inputs(tmp_path: Path) -> Callable[..., Inputs]:
    """Return a maker of what training receives."""

    def make(
        task: str = "binary",
        rows: int = 240,
        *,
        strategy: str = "auto",
        rule: str | None = None,
        weighted: bool = False,
        metric: str | None = None,
    ) -> Inputs:
        table = make_table(task, rows)
        path = tmp_path / "table.parquet"
        table.write_parquet(path)
        classes = () if task == "regression" else tuple(sorted(table["target"].unique().to_list()))
        problem = Received(
            record=Problem(
                name="test",
                task=task,
                target="target",
                metric=choose_metric(task, override=metric),
                classes=classes,
                positive=classes[-1] if task == "binary" else None,
                rule=rule,
            )
        )
        roles = {"target": "target", "importance": "weight" if weighted else "ignored"}
        columns = tuple(
            Column(
                field=Field(name=name, kind="numeric" if table[name].dtype == pl.Float64 else "categorical"),
                role=roles.get(name, "feature"),
                reason="",
            )
            for name in table.columns
        )
        dataset = Received(
            record=Dataset(rows=rows, columns=columns, sources=(), snapshot="0"), files={"table.parquet": path}
        )
        ctx = StageContext(rng=np.random.default_rng(1))
        planned = validation.run(problem, dataset, ValidationOptions(strategy=strategy, folds=2), ctx)
        split = tmp_path / "split.parquet"
        split.write_bytes(planned.files["split.parquet"])
        plan: Received[ValidationPlan] = Received(record=planned.record, files={"split.parquet": split})
        return problem, dataset, plan, Received(record=make_plan())

    return make


@pytest.fixture
def context() -> Callable[..., StageContext]:
    """Return a maker of contexts."""

    def make(**parts) -> StageContext:
        return StageContext(rng=np.random.default_rng(1), **parts)

    return make
