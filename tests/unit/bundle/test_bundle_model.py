from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import polars as pl
import pytest
from bundle_scene import model, problem, table

from tenfold.bundle.member import Member
from tenfold.bundle.model import Model
from tenfold.bundle.predictors.constant import ConstantPredictor
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.signature import Signature
from tenfold.bundle.view import fit_view
from tenfold.foundation.errors import DataError
from tenfold.records.dataset import Field
from tenfold.records.features import Step
from tenfold.records.problem import ValueMatrix


def hard_rows(rows: int = 300) -> pl.DataFrame:
    """Nulls in every column, categories nobody has seen, whole numbers where decimals stood."""
    found = table(rows, seed=77, missing=0.2)
    rng = np.random.default_rng(5)
    unseen = pl.Series(rng.random(rows) < 0.2)
    return found.with_columns(
        pl.when(unseen).then(pl.lit("never seen ✨")).otherwise(pl.col(name)).alias(name) for name in ("colour", "town")
    ).with_columns(pl.col("income").round(0).cast(pl.Int64))


def test_table_rows_mappings_and_pandas_agree() -> None:
    rows, fitted = hard_rows(), model()
    lab = fitted.scores(fitted.signature.conform(rows))
    assert np.isfinite(lab).all()
    np.testing.assert_allclose(lab.sum(axis=1), 1.0, atol=1e-12)
    alone = [fitted.scores_row(fitted.signature.conform_row(row))[0] for row in rows.iter_rows(named=True)]
    np.testing.assert_allclose(np.array(alone), lab, rtol=0, atol=1e-9)
    for given in (rows, rows.to_pandas(), rows.to_dicts()):
        found = fitted.predict(given)
        assert found.columns == ["prediction", "proba_no", "proba_yes"]
        np.testing.assert_allclose(found[:, 1:].to_numpy(), lab, rtol=0, atol=1e-9)
    parts = pl.concat([fitted.predict(rows[start : start + 70]) for start in range(0, 300, 70)])
    np.testing.assert_allclose(parts[:, 1:].to_numpy(), lab, rtol=0, atol=1e-9)


def test_scores_are_the_weighted_mean_of_the_members() -> None:
    fitted, rows = model(), table(20)
    expected = sum(
        part.weight * part.predictor.predict(fitted.views[part.view].apply(rows).values) for part in fitted.parts
    )
    np.testing.assert_array_equal(fitted.scores(rows), expected)


def test_views_that_are_equal_are_kept_once() -> None:
    rows = table()
    members = []
    for key in ("a", "b"):
        view, _ = fit_view((Step(kind="passthrough", columns=("age",)),), rows, None, np.random.default_rng(0))
        members.append(
            Member(key=key, weight=0.5, view_name="native", view=view, predictor=ConstantPredictor(values=(0.2, 0.8)))
        )
    made = Model.assembled(members, problem=problem(), signature=Signature(fields=(Field(name="age", kind="numeric"),)))
    assert list(made.views) == ["native-1"]
    assert [part.view for part in made.parts] == ["native-1", "native-1"]


def test_the_threshold_decides() -> None:
    rows = table(100)
    found = model(threshold=0.7).predict(rows)
    np.testing.assert_array_equal(found["prediction"] == "yes", found["proba_yes"].to_numpy() >= 0.7)
    found = model(threshold=None).predict(rows)
    np.testing.assert_array_equal(found["prediction"] == "yes", found["proba_yes"].to_numpy() >= 0.5)


def three_classes(value: ValueMatrix | None) -> Model:
    rows = pl.DataFrame({"age": [1.0, 2.0, 3.0]})
    view, _ = fit_view((Step(kind="passthrough", columns=("age",)),), rows, None, np.random.default_rng(0))
    predictor = LinearPredictor(coef=np.array([[0.0, 1.0, 0.0]]), intercept=np.array([0.0, 0.0, 1.5]), link="softmax")
    member = Member(key="line", weight=1.0, view_name="native", view=view, predictor=predictor)
    asked = problem(task="multiclass", classes=("a", "b", "c"), value=value)
    return Model.assembled([member], problem=asked, signature=Signature(fields=(Field(name="age", kind="numeric"),)))


def test_of_several_classes_the_most_probable_or_the_most_valuable_is_decided() -> None:
    rows = [{"age": 1}, {"age": 2}]
    assert three_classes(None).predict(rows)["prediction"].to_list() == ["c", "b"]
    amounts = ((100.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    valued = three_classes(ValueMatrix(classes=("a", "b", "c"), amounts=amounts))
    assert valued.predict(rows)["prediction"].to_list() == ["a", "a"]


def test_a_regression_predicts_numbers() -> None:
    fitted = three_classes(None)
    predictor = LinearPredictor(coef=np.array([[2.0]]), intercept=np.array([1.0]), link="identity")
    part = dataclasses.replace(fitted.parts[0], predictor=predictor)
    number = dataclasses.replace(fitted, task="regression", classes=(), parts=(part,))
    assert number.predict(pd.DataFrame({"age": [1, 2]})).to_dict(as_series=False) == {"prediction": [3.0, 5.0]}


def test_a_model_without_lags_takes_no_history() -> None:
    with pytest.raises(DataError, match="takes no history"):
        model().predict(table(2), history=table(2))


def test_no_rows_give_no_predictions() -> None:
    found = model().predict(table().clear())
    assert found.columns == ["prediction", "proba_no", "proba_yes"]
    assert found.height == 0
