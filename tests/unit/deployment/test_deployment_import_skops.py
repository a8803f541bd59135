"""Pipelines of scikit-learn that skops wrote: what they predict is what we predict."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler
from tests.unit.deployment.proof_scene import proven

from tenfold.bundle.foreign_read import read_content
from tenfold.foundation.errors import InputError

_ROWS = 400


@cache
def frame() -> pd.DataFrame:
    chance = np.random.default_rng(13)
    table = pd.DataFrame(
        {
            "wind": chance.normal(size=_ROWS),
            "gust": 100 * chance.normal(size=_ROWS),
            "origin": chance.choice(["JFK", "LGA", "EWR"], _ROWS),
            "gate": chance.integers(0, 4, _ROWS).astype(float),
        }
    )
    table.loc[chance.random(_ROWS) < 0.1, ["gust", "gate"]] = np.nan
    return table


def signal() -> Any:
    table = frame()
    return table["wind"] + (table["origin"] == "JFK") * table["gust"].fillna(0) / 50 + table["gate"].fillna(1) / 4


def written(model: Any) -> bytes:
    import skops.io

    content: bytes = skops.io.dumps(model)
    return content


def prepared(words: Any, last: Any, *, indicator: bool = False) -> Pipeline:
    """Return a pipeline that fills and scales numbers, and encodes words and numbers that stand for words."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=indicator), StandardScaler())
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), words)
    parts = [("numbers", numbers, ["gust", "wind"]), ("words", filled, ["gate", "origin"])]
    return make_pipeline(ColumnTransformer(parts), last)


def test_a_pipeline_with_one_hot_words_and_a_sum_is_the_same_in_the_projects_order() -> None:
    model = prepared(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(
        frame(), np.where(signal() > 1, "yes", "no")
    )
    foreign = read_content(written(model), "it")
    assert (foreign.kind, foreign.classes) == ("skops", ("no", "yes"))
    assert foreign.inputs.names == tuple(frame())
    found = proven(foreign, frame(), "binary", ("yes", "no"), (1, 0))
    assert found.rows > 1300
    assert found.greatest_difference <= 1e-12


def test_a_forest_over_places_of_words_and_marks_of_missing_is_the_same() -> None:
    words = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    forest = RandomForestClassifier(10, max_depth=6, random_state=1)
    model = prepared(words, forest, indicator=True).fit(frame(), np.digitize(signal(), [0.0, 1.5]))
    found = proven(read_content(written(model), "it"), frame(), "multiclass", ("2", "0", "1"), (2, 0, 1))
    assert found.rows > 1300
    assert found.greatest_difference <= 1e-12


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([PolynomialFeatures(), LinearRegression()], "PolynomialFeatures, which is not on the list"),
        (
            [StandardScaler(), OneHotEncoder(handle_unknown="ignore"), LinearRegression()],
            "numbers that another step",
        ),
    ],
)
def test_what_is_not_carried_over_is_refused_by_name(steps: list[Any], words: str) -> None:
    model = make_pipeline(*steps).fit(frame()[["wind"]], signal())
    with pytest.raises(InputError, match=words):
        read_content(written(model), "it")
