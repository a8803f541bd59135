from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from tenfold.bundle.predictors.forest import ForestPredictor
from tenfold.foundation.errors import StoreError

ROWS = 300


def values(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(ROWS, 6))
    found[:, 4] = rng.integers(-1, 4, ROWS)
    # Values that float32 cannot hold exactly lie close to the thresholds between them.
    found[:, 5] = np.round(found[:, 5], 1)
    return found


def target(classes: int) -> np.ndarray:
    score = values()[:, 0] + values()[:, 4] / 2
    return score if classes == 0 else np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))


FORESTS = pytest.mark.parametrize(
    ("kind", "classes"),
    [
        (RandomForestClassifier, 2),
        (ExtraTreesClassifier, 2),
        (RandomForestClassifier, 3),
        (ExtraTreesClassifier, 4),
        (RandomForestRegressor, 0),
        (ExtraTreesRegressor, 0),
    ],
)


@FORESTS
@pytest.mark.parametrize("leaves", [None, 9])
def test_predictions_are_those_of_scikit_learn(kind: Any, classes: int, leaves: int | None) -> None:
    fitted = kind(12, random_state=0, max_leaf_nodes=leaves).fit(values(), target(classes))
    predictor = ForestPredictor.from_sklearn([fitted], classes=classes)
    for rows in (values(), values(1), values().astype(np.float32).astype(np.float64)):
        expected = fitted.predict_proba(rows) if classes else fitted.predict(rows)[:, None]
        np.testing.assert_allclose(predictor.predict(rows), expected, rtol=0, atol=1e-13)


@FORESTS
def test_one_row_alone_is_predicted_as_among_others(kind: Any, classes: int) -> None:
    fitted = kind(12, random_state=0).fit(values(), target(classes))
    predictor = ForestPredictor.from_sklearn([fitted], classes=classes)
    alone = np.concatenate([predictor.predict(values(2)[row : row + 1]) for row in range(60)])
    np.testing.assert_array_equal(alone, predictor.predict(values(2))[:60])


@FORESTS
def test_few_rows_and_many_are_predicted_alike_to_the_last_bit(kind: Any, classes: int) -> None:
    fitted = kind(7, random_state=0).fit(values(), target(classes))
    predictor = ForestPredictor.from_sklearn([fitted], classes=classes)
    many = np.concatenate([values(seed) for seed in range(70)])
    few = np.concatenate([predictor.predict(many[start : start + 900]) for start in range(0, len(many), 900)])
    np.testing.assert_array_equal(predictor.predict(many), few)


def test_rows_exactly_on_a_threshold_go_where_scikit_learn_sends_them() -> None:
    fitted = RandomForestRegressor(8, random_state=1).fit(values(), target(0))
    predictor = ForestPredictor.from_sklearn([fitted], classes=0)
    edges = np.concatenate([tree.tree_.threshold[tree.tree_.feature == 5] for tree in fitted.estimators_])
    around = np.concatenate([edges, np.nextafter(edges, -9), np.nextafter(edges, 9), edges.astype(np.float32)])
    rows = np.zeros((len(around), 6))
    rows[:, 5] = around
    np.testing.assert_allclose(predictor.predict(rows)[:, 0], fitted.predict(rows), rtol=0, atol=1e-13)


def test_fold_forests_are_averaged_and_classes_that_a_fold_lacks_have_probability_zero_there() -> None:
    rows, codes = values(), target(3)
    whole = RandomForestClassifier(5, random_state=0).fit(rows, codes)
    without = RandomForestClassifier(10, random_state=0).fit(rows[codes != 1], codes[codes != 1])
    expected = np.zeros((ROWS, 3))
    expected[:, [0, 2]] = without.predict_proba(rows)
    predictor = ForestPredictor.from_sklearn([whole, without], classes=3)
    np.testing.assert_allclose(predictor.predict(rows), (whole.predict_proba(rows) + expected) / 2, atol=1e-13)


def forest() -> ForestPredictor:
    fitted = RandomForestClassifier(3, random_state=0, max_depth=3).fit(values(), target(2))
    return ForestPredictor.from_sklearn([fitted], classes=2)


def test_a_forest_comes_back_from_its_files_and_travels_to_other_processes() -> None:
    predictor = forest()
    for again in (ForestPredictor.from_files(predictor.files()), pickle.loads(pickle.dumps(predictor))):
        np.testing.assert_array_equal(again.predict(values()), predictor.predict(values()))
        assert again.files() == predictor.files()


def test_no_rows_give_no_predictions() -> None:
    assert forest().predict(np.empty((0, 6))).shape == (0, 2)


def test_numbers_beyond_float32_are_walked_as_infinite() -> None:
    predictor = forest()
    np.testing.assert_array_equal(predictor.predict(np.full((2, 6), 1e300)), predictor.predict(np.full((2, 6), 3e38)))


def test_missing_values_and_other_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="no missing values"):
        forest().predict(np.full((2, 6), np.nan))
    with pytest.raises(ValueError, match="reads 6 columns"):
        forest().predict(np.zeros((2, 5)))


@pytest.mark.parametrize(
    "change",
    [
        {"first": lambda first: first * 0},
        {"first": lambda first: first + 1000},
        {"first": lambda first: first - 1},
        {"feature": lambda feature: feature + 6},
        {"feature": lambda feature: feature - 7},
        {"threshold": np.zeros_like},
        {"threshold": lambda threshold: threshold[:-1]},
        {"values": lambda leaves: leaves[:-1]},
        {"roots": lambda roots: roots + 10_000},
        {"roots": lambda roots: roots[:0]},
        {"roots": lambda roots: roots[::-1]},
        {"roots": lambda roots: roots[1:]},
    ],
)
def test_arrays_that_are_no_trees_are_refused(change: dict[str, Any]) -> None:
    predictor = forest()
    arrays = {name: getattr(predictor, name) for name in ("roots", "feature", "first", "threshold", "values")}
    for name, alter in change.items():
        arrays[name] = alter(arrays[name])
    with pytest.raises(StoreError, match="do not describe trees"):
        ForestPredictor(arrays, columns=6, binary=True)
