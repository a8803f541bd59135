"""The stages before features, as their results would be: a table with its records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.foundation.context import Received, StageContext
from tenfold.records.dataset import Column, Dataset, Field
from tenfold.records.features import FeaturePlan, Step, View
from tenfold.records.problem import MetricChoice, Problem
from tenfold.records.validation import ValidationPlan
from tenfold.stages.features.options import FeatureOptions
from tenfold.stages.features.run import run

_KINDS = {pl.Float64: "numeric", pl.String: "categorical", pl.Boolean: "boolean"}


def kind_of(values: pl.Series) -> str:
    return "datetime" if isinstance(values.dtype, pl.Datetime) else _KINDS[values.dtype]


def plan(
    folder: Path,
    table: pl.DataFrame,
    *,
    target: str = "y",
    options: FeatureOptions | None = None,
    columns: Mapping[str, Mapping[str, object]] | None = None,
    split_by_time: bool = False,
    test: float = 0.2,
    **facts: object,
) -> tuple[FeaturePlan, Mapping[str, bytes | Path]]:
    """Run the stage on a table whose last rows are the sealed test part.

    ``columns`` says what is special of a column: role, kind, available, impute, scale, timezone.
    """
    task = str(facts.setdefault("task", "regression" if table[target].dtype == pl.Float64 else "binary"))
    classes = () if task == "regression" else tuple(sorted(table[target].unique().to_list()))
    problem = Problem(name="m", target=target, metric=MetricChoice(metric="x", reason=""), classes=classes, **facts)  # type: ignore[arg-type]  # a problem's facts
    described = []
    for name in table.columns:
        own = dict((columns or {}).get(name, {}))
        field = Field(
            name=name,
            kind=own.pop("kind", kind_of(table[name])),  # type: ignore[arg-type]  # a kind
            timezone=own.pop("timezone", None),  # type: ignore[arg-type]  # a zone or None
        )
        role = "target" if name == target else own.pop("role", "feature")
        described.append(Column(field=field, role=role, reason="said so", **own))  # type: ignore[arg-type]  # a column's facts
    table.write_parquet(folder / "table.parquet")
    sealed = round(table.height * (1 - test))
    part = np.where(np.arange(table.height) < sealed, "train", "test")
    pl.DataFrame({"part": part, "block": np.where(part == "train", np.arange(table.height) % 5, -1)}).write_parquet(
        folder / "split.parquet"
    )
    result = run(
        Received(record=problem),
        Received(
            record=Dataset(rows=table.height, columns=tuple(described), sources=(), snapshot=""),
            files={"table.parquet": folder / "table.parquet"},
        ),
        Received(
            record=ValidationPlan(
                strategy="x", scheme="kfold", blocks=5, reason="", counts={}, split="",
                time=str(facts["time"]) if split_by_time else None,
            ),
            files={"split.parquet": folder / "split.parquet"},
        ),
        options or FeatureOptions(),
        StageContext(rng=np.random.default_rng(0)),
    )  # fmt: skip
    return result.record, result.files


def step(found: FeaturePlan, view: View, column: str, kind: str | None = None) -> Step:
    """The step of a view that reads a column first."""
    return next(each for each in found.views[view] if column in each.columns and kind in {None, each.kind})
