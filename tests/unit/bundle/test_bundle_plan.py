from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from bundle_scene import model, table

from tenfold.bundle.format import pack_bundle, verify_probe
from tenfold.bundle.matrix import Floats
from tenfold.bundle.model import Model, Part
from tenfold.bundle.plan.plan import Plan
from tenfold.bundle.plan.proof import hard_rows, prove
from tenfold.bundle.predictors.constant import ConstantPredictor
from tenfold.bundle.predictors.forest import ForestPredictor
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.predictors.mlp import MlpPredictor
from tenfold.bundle.predictors.oblivious import ObliviousPredictor
from tenfold.bundle.transforms.protocols import LowersColumns, LowersMoments, LowersNumbers, LowersWords
from tenfold.bundle.transforms.scale import FittedScale
from tenfold.bundle.view import assembled, encoding_target, fit_view
from tenfold.foundation.errors import StoreError
from tenfold.records.evaluation import Recalibration
from tenfold.records.features import Step

FILLED = (
    Step(kind="impute", columns=("age", "income"), settings={"strategy": "median", "indicator": True}),
    Step(kind="scale", columns=("age", "income"), settings={}),
    Step(kind="onehot", columns=("colour",), settings={"levels": ("blue", "green", "red"), "impute": "mode"}),
)


def whole(view_steps: tuple[Step, ...], predictor_of: Any, classes: tuple[str, ...] = ("no", "yes")) -> Model:
    """A model of one part over a view of the scene's table."""
    rows = table(200)
    target = encoding_target(np.arange(rows.height) % 2, "binary", 2)
    view, _ = fit_view(view_steps, rows, target, np.random.default_rng(0))
    part = Part(key="a", view="v", weight=1.0, predictor=predictor_of(len(view.names)))
    return replace(model(), classes=classes, views={"v": view}, parts=(part,), threshold=None)


def forest(columns: int) -> ForestPredictor:
    from sklearn.ensemble import ExtraTreesClassifier

    rng = np.random.default_rng(3)
    fitted = ExtraTreesClassifier(20, max_depth=6, random_state=0).fit(
        rng.normal(size=(300, columns)), rng.integers(0, 2, 300)
    )
    return ForestPredictor.from_sklearn([fitted], classes=2)


def network(columns: int) -> MlpPredictor:
    rng = np.random.default_rng(4)
    return MlpPredictor(
        [rng.normal(size=(columns, 8)), rng.normal(size=(8, 3))], [rng.normal(size=8), np.zeros(3)], link="softmax"
    )


def oblivious(columns: int) -> ObliviousPredictor:
    rng = np.random.default_rng(5)
    trees, depth = 30, 4
    arrays = {
        "feature": rng.integers(0, columns, (trees, depth)).astype(np.int32),
        "above": rng.normal(size=(trees, depth)).astype(np.float32),
        "upto": np.full((trees, depth), np.inf, dtype=np.float32),
        "first": (np.arange(trees) * 2**depth).astype(np.int64),
        "leaves": rng.normal(size=(trees * 2**depth, 1)),
        "bias": np.zeros(1),
    }
    return ObliviousPredictor(arrays, link="logistic", columns=columns)


def linear(columns: int) -> LinearPredictor:
    rng = np.random.default_rng(6)
    return LinearPredictor(coef=rng.normal(size=(columns, 3)), intercept=np.zeros(3), link="softmax")


def test_an_ensemble_of_boosted_trees_and_a_linear_model_is_its_plan_on_hard_rows() -> None:
    fitted = model()
    assert Plan.of(fitted).own == ()
    assert prove(fitted, table(30, seed=9)) <= 1e-9


@pytest.mark.parametrize(
    ("predictor_of", "classes"),
    [
        (forest, ("no", "yes")),
        (network, ("a", "b", "c")),
        (oblivious, ("no", "yes")),
        (linear, ("a", "b", "c")),
    ],
)
def test_every_family_is_its_plan_on_hard_rows(predictor_of: Any, classes: tuple[str, ...]) -> None:
    assert prove(whole(FILLED, predictor_of, classes), table(20, seed=9)) <= 1e-9


def test_a_constant_that_reads_no_column_is_its_plan() -> None:
    constant = whole((), lambda _: ConstantPredictor(values=(0.7, 0.3)))
    assert constant.views["v"].names == ()
    assert prove(constant, table(5, seed=9)) <= 1e-9


def test_a_recalibrated_model_is_its_plan() -> None:
    step = Recalibration(method="logistic", params=(0.3, 1.4))
    assert prove(replace(model(), recalibration=step), table(20, seed=9)) <= 1e-9


def test_a_plan_scores_one_row_as_it_scores_many() -> None:
    plan, fitted = Plan.of(model()), model()
    rows = fitted.signature.conform(table(40, seed=3, missing=0.3))
    together = plan.scores([rows[name].to_list() for name in rows.columns], rows.height)
    alone = np.concatenate([plan.scores_row(row) for row in rows.rows()])
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_allclose(together, fitted.scores(rows), rtol=0, atol=1e-9)


def test_hard_rows_have_null_in_each_column_extremes_and_whole_numbers() -> None:
    fields = model().signature.fields
    given = model().signature.conform(table(5, seed=1)).rows()
    found = [row for _, row in hard_rows(fields, given)]
    assert (None,) * len(fields) in found
    for at, field in enumerate(fields):
        values = [row[at] for row in found]
        assert None in values
        if field.kind == "numeric":
            assert {0.0, 1.7e308, 5e-324} <= set(values)
            assert any(type(value) is int for value in values)
        if field.kind == "categorical":
            assert "\u2603 never seen" in values
        if field.kind == "datetime":
            assert datetime(2024, 2, 29, 12, tzinfo=UTC) in values


@dataclass(frozen=True, slots=True, kw_only=True)
class Crooked(FittedScale):
    """Scaling whose lowered form for many rows is off where a value is large."""

    def on_numbers(self) -> Any:
        right = FittedScale.on_numbers(self)
        return lambda values: right(np.where(values > 1e11, 0.0, values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Scaling that nobody lowered."""

    inner: FittedScale

    names = property(lambda self: self.inner.names)
    categorical = False

    def apply(self, rows: pl.DataFrame) -> Floats:
        return self.inner.apply(rows)

    def apply_row(self, row: Any) -> list[float]:
        return self.inner.apply_row(row)

    def state(self) -> Any:
        return self.inner.state()


def with_scaling(made: Any) -> Model:
    """The model whose view scales two columns, with another object in the place of what scales them."""
    fitted = whole(FILLED, linear, ("a", "b", "c"))
    view = fitted.views["v"]
    changed = [made(each) if isinstance(each, FittedScale) else each for each in view.fitted]
    return replace(fitted, views={"v": assembled(view.steps, changed)})


def test_a_plan_that_differs_where_values_are_large_makes_no_bundle() -> None:
    crooked = with_scaling(
        lambda each: Crooked(names=each.names, centers=each.centers, spreads=each.spreads),
    )
    with pytest.raises(StoreError, match=r"its plan gives .* where the model gives .* \('age' as 1000000000000"):
        pack_bundle(crooked, table(20, seed=9))


def test_a_plan_that_fails_where_the_model_answers_is_refused() -> None:
    class Failing(Plain):
        def apply_row(self, row: Any) -> list[float]:
            if row["age"] > 1e11:
                raise ValueError("too old")
            return self.inner.apply_row(row)

    with pytest.raises(StoreError, match="its plan gives ValueError"):
        prove(with_scaling(lambda each: Failing(inner=each)), table(20, seed=9))


def test_a_transform_without_a_lowered_form_goes_row_by_row_and_is_named() -> None:
    plain = with_scaling(lambda each: Plain(inner=each))
    assert Plan.of(plain).own == ("v: scale(age, income)",)
    assert prove(plain, table(20, seed=9)) <= 1e-9


def test_what_is_loaded_is_proved_again() -> None:
    fitted = model()
    rows = fitted.signature.conform(table(20, seed=9))
    from tenfold.bundle.model import Probe

    assert verify_probe(replace(fitted, probe=Probe(rows=rows, scores=fitted.scores(rows)))) <= 1e-9


def test_every_transform_that_there_is_has_a_lowered_form() -> None:
    import importlib
    import pkgutil

    import tenfold.bundle.transforms as room

    lowered = (LowersNumbers, LowersWords, LowersMoments, LowersColumns)
    found = set()
    for module in pkgutil.iter_modules(room.__path__):
        for name, kind in vars(importlib.import_module(f"{room.__name__}.{module.name}")).items():
            if name.startswith("Fitted") and name not in {"Fitted", "FittedInPlace"} and hasattr(kind, "apply_row"):
                forms = [form for form in lowered if hasattr(kind, _FORM[form])]
                assert len(forms) == 1, name
                found.add(name)
    assert len(found) >= 24


_FORM = {
    LowersNumbers: "on_numbers",
    LowersWords: "on_words",
    LowersMoments: "on_moments",
    LowersColumns: "on_columns",
}
