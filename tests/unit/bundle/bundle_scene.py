"""A small table of mixed columns, views over it, and a model of several members."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl

from tenfold.bundle.member import Member
from tenfold.bundle.model import Model
from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.signature import Signature
from tenfold.bundle.view import encoding_target, fit_view
from tenfold.records.dataset import Field
from tenfold.records.evaluation import Threshold
from tenfold.records.features import Step
from tenfold.records.problem import MetricChoice, Problem, ValueMatrix

COLOURS = ("blue", "green", "red")
FIELDS = (
    Field(name="age", kind="numeric", missing_markers=("?",)),
    Field(name="income", kind="numeric", decimal_comma=True, thousands="."),
    Field(name="colour", kind="categorical", levels=COLOURS, missing_markers=("?",)),
    Field(name="town", kind="categorical"),
    Field(name="member", kind="boolean"),
    Field(name="joined", kind="datetime", timezone="Europe/Paris"),
    Field(name="note", kind="text"),
)
PARTS = ("hour", "weekday", "month", "year_sin", "year_cos", "elapsed")
DATES = Step(
    kind="dates", columns=("joined",), settings={"parts": PARTS, "zone": "Europe/Paris", "epoch": "2026-01-01"}
)
DATED = tuple(f"joined__{part}" for part in PARTS)
NATIVE = (
    Step(kind="passthrough", columns=("age", "income")),
    Step(kind="boolean", columns=("member",)),
    Step(kind="codes", columns=("colour",), settings={"levels": COLOURS}),
    Step(kind="target_encoding", columns=("town",)),
    DATES,
    Step(kind="text_size", columns=("note",)),
)
DENSE = (
    Step(kind="impute", columns=("age", "income", "member"), settings={"strategy": "median", "indicator": True}),
    Step(kind="scale", columns=("age", "income"), settings={"method": "standard"}),
    Step(kind="onehot", columns=("colour",), settings={"levels": COLOURS, "min_count": 2}),
    Step(kind="target_encoding", columns=("town",)),
    Step(kind="scale", columns=("town__mean", "town__share"), settings={"method": "robust"}),
    DATES,
    Step(kind="impute", columns=DATED, settings={"strategy": "median", "indicator": False}),
    Step(kind="scale", columns=DATED, settings={"method": "minmax"}),
)


def table(rows: int = 300, *, seed: int = 0, missing: float = 0.1) -> pl.DataFrame:
    """Canonical rows in which every column has missing values."""
    rng = np.random.default_rng(seed)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    columns = {
        "age": pl.Series(rng.integers(18, 90, rows).astype(float)),
        "income": pl.Series(np.round(rng.lognormal(10, 1, rows), 2)),
        "colour": pl.Series(rng.choice(COLOURS, rows), dtype=pl.String),
        "town": pl.Series([f"Tówn {number}" for number in rng.integers(0, 60, rows)]),
        "member": pl.Series(rng.random(rows) < 0.4),
        "joined": pl.Series(
            [start + timedelta(minutes=int(minute)) for minute in rng.integers(0, 700_000, rows)],
            dtype=pl.Datetime("us", "UTC"),
        ),
        "note": pl.Series(
            ["so long  a note " * int(count) + "✨" for count in rng.integers(0, 5, rows)]
        ).str.strip_chars(),
    }
    return pl.DataFrame(
        [
            column.rename(name).set(pl.Series(rng.random(rows) < missing), None)  # type: ignore[arg-type]  # None is null
            for name, column in columns.items()
        ]
    )


def truth(rows: pl.DataFrame, *, seed: int = 1) -> np.ndarray:
    """Codes of two classes that the columns tell something about."""
    rng = np.random.default_rng(seed)
    score = (rows["age"].fill_null(50).to_numpy() - 50) / 15 + (rows["colour"] == "red").fill_null(False).to_numpy() * 2
    return (score + rng.normal(size=rows.height) > 0.5).astype(np.int64)


def problem(**changes: object) -> Problem:
    facts: Mapping[str, object] = {
        "name": "members",
        "task": "binary",
        "target": "stays",
        "classes": ("no", "yes"),
        "metric": MetricChoice(metric="roc_auc", reason="two classes"),
        **changes,
    }
    return Problem(**facts)  # type: ignore[arg-type]  # the facts are a problem's


@cache
def model_text(seed: int = 0, rounds: int = 12) -> str:
    """A LightGBM model over the native view, as LightGBM writes it."""
    import lightgbm

    rows = table()
    _, matrix = fit_view(NATIVE, rows, encoding_target(truth(rows), "binary", 2), np.random.default_rng(0))
    parameters = {"objective": "binary", "num_leaves": 7, "seed": seed, "num_threads": 1, "verbosity": -1,
                  "deterministic": True, "bagging_fraction": 0.7, "bagging_freq": 1}  # fmt: skip
    data = lightgbm.Dataset(matrix.values, truth(rows), categorical_feature=list(matrix.categorical))
    return lightgbm.train(parameters, data, rounds).model_to_string()


@cache
def model(*, threshold: float | None = 0.4, value: ValueMatrix | None = None) -> Model:
    """Boosted trees and a linear model over two views."""
    rows = table()
    target = encoding_target(truth(rows), "binary", 2)
    native, _ = fit_view(NATIVE, rows, target, np.random.default_rng(0))
    dense, matrix = fit_view(DENSE, rows, target, np.random.default_rng(0))
    trees = LightGBMPredictor.average([model_text(0), model_text(1)], link="logistic")
    rng = np.random.default_rng(3)
    linear = LinearPredictor(
        coef=rng.normal(size=(matrix.values.shape[1], 1)) / 10, intercept=np.zeros(1), link="logistic"
    )
    members = (
        Member(key="trees", weight=0.7, view_name="native", view=native, predictor=trees),
        Member(key="line", weight=0.3, view_name="dense", view=dense, predictor=linear),
    )
    chosen = None if threshold is None else Threshold(value=threshold, reason="set by hand")
    return Model.assembled(members, problem=problem(value=value), signature=Signature(fields=FIELDS), threshold=chosen)
