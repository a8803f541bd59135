"""Rows through both paths of a model: a difference is found and its column named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from tenfold.bundle.model import Model, Part
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.signature import Signature
from tenfold.bundle.transforms.protocols import Fitted, State
from tenfold.bundle.view import fit_view
from tenfold.project.skew import features_apart, scores_apart
from tenfold.records.dataset import Field
from tenfold.records.features import Step


@dataclass(frozen=True, eq=False)
class Otherwise:
    """A transform whose path for one row reads another value."""

    fitted: Fitted
    column: str
    change: Callable[[float | None], float | None]

    @property
    def names(self) -> tuple[str, ...]:
        return self.fitted.names

    @property
    def categorical(self) -> bool:
        return self.fitted.categorical

    def apply(self, table: pl.DataFrame) -> np.ndarray:
        return self.fitted.apply(table)

    def apply_row(self, row: Mapping[str, object]) -> list[float]:
        return self.fitted.apply_row({**row, self.column: self.change(row[self.column])})  # type: ignore[arg-type]

    def state(self) -> State:
        return self.fitted.state()


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    rng = np.random.default_rng(3)
    table = pl.DataFrame({"score": rng.normal(60, 9, 40), "amount": np.exp(rng.normal(3, 0.6, 40))})
    return table.with_columns(pl.when(pl.int_range(pl.len()) % 5 > 0).then(pl.col("score")).alias("score"))


@pytest.fixture(scope="module")
def model(rows: pl.DataFrame) -> Model:
    steps = (
        Step(kind="impute", columns=("score",), settings={"strategy": "mean"}),
        Step(kind="power", columns=("amount",), settings={"method": "log"}),
    )
    view, _ = fit_view(steps, rows, None, np.random.default_rng(1))
    predictor = LinearPredictor(coef=np.array([[0.3], [2.0]]), intercept=np.zeros(1), link="identity")
    return Model(
        name="m",
        task="regression",
        target="y",
        classes=(),
        signature=Signature(fields=tuple(Field(name=name, kind="numeric") for name in rows.columns)),
        views={"v": view},
        parts=(Part(key="p", view="v", weight=1.0, predictor=predictor),),
    )


def test_paths_that_agree_say_nothing(model: Model, rows: pl.DataFrame):
    alone = np.concatenate([model.scores_row(row) for row in rows.iter_rows(named=True)])
    assert features_apart(model, rows) is None
    assert scores_apart(model, rows, alone) is None


@pytest.mark.parametrize(
    ("place", "column", "change", "words"),
    [
        (0, "score", lambda value: 55.0 if value is None else value, "just where 'score' is missing"),
        (1, "amount", lambda value: value + 1, "moved by +1"),
        (1, "amount", lambda value: round(value, 1), "rounded to 1 digits"),
    ],
)
def test_a_path_that_differs_is_found_before_traffic_and_in_the_log(  # noqa: PLR0917 - one case
    model: Model,
    rows: pl.DataFrame,
    place: int,
    column: str,
    change: Callable[[float | None], float | None],
    words: str,
):
    view = model.views["v"]
    fitted = tuple(Otherwise(each, column, change) if at == place else each for at, each in enumerate(view.fitted))
    other = replace(model, views={"v": replace(view, fitted=fitted)})
    before = features_apart(other, rows)
    assert before is not None
    assert before.columns == (column,)
    logged = np.concatenate([other.scores_row(row) for row in rows.iter_rows(named=True)])
    after = scores_apart(model, rows, logged)
    assert after is not None
    assert after.columns == (column,)
    assert words in after.message
