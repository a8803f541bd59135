"""``Classifier`` and ``Regressor`` keep scikit-learn's word, and are Tenfold behind it."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import tenfold
from tenfold import Classifier, Regressor

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "a row of weight two and a row given twice are divided into folds "
    "differently, so that other models are chosen",
}


@pytest.mark.slow
@parametrize_with_checks(
    [Classifier(budget_trials=1, n_jobs=1), Regressor(budget_trials=1, n_jobs=1)],
    expected_failed_checks=lambda estimator: EXPECTED,
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def mixed(rows: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows).astype(float),
            "city": rng.choice(["Bonn", "Ulm", "Kiel"], rows),
            "member": rng.random(rows) < 0.5,
        }
    )
    frame.loc[rng.random(rows) < 0.1, "age"] = np.nan
    y = np.where((frame["city"] == "Ulm") ^ (frame["age"].fillna(40) > 60), "stays", "leaves")
    return frame, y


def test_a_frame_of_words_holes_and_truths_is_learned_and_classes_keep_their_names():
    frame, y = mixed()
    fitted = Classifier(budget_trials=3, n_jobs=1, learners=["lightgbm"]).fit(frame[:200], y[:200])
    assert fitted.classes_.tolist() == ["leaves", "stays"]
    assert fitted.score(frame[200:], y[200:]) > 0.9
    probabilities = fitted.predict_proba(frame[200:])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    np.testing.assert_array_equal(fitted.predict(frame[200:]), fitted.classes_[probabilities.argmax(axis=1)])
    np.testing.assert_array_equal(fitted.predict_proba(pl.from_pandas(frame[200:])), probabilities)
    assert fitted.feature_names_in_.tolist() == ["age", "city", "member"]


def test_the_same_trials_give_the_same_model_and_it_outlives_pickling_and_saving(tmp_path):
    frame, y = mixed()
    one = Classifier(budget_trials=3, n_jobs=1, learners=["linear", "lightgbm"]).fit(frame, y)
    other = clone(one).fit(frame, y)
    expected = one.predict_proba(frame)
    np.testing.assert_array_equal(other.predict_proba(frame), expected)
    assert other.save(tmp_path / "other.zip").read_bytes() == one.save(tmp_path / "one.zip").read_bytes()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(one)).predict_proba(frame), expected)
    loaded = tenfold.load(str(tmp_path / "one.zip")).predict(frame)
    np.testing.assert_allclose(loaded["proba_c000001"].to_numpy(), expected[:, 1], rtol=0, atol=1e-12)


def test_a_budget_in_seconds_is_kept_and_leaves_a_model():
    X, y = load_diabetes(return_X_y=True)
    fitted = Regressor(budget_seconds=4.0).fit(X, y)
    assert fitted.leaderboard_[0]["learner"] != "constant"
    assert fitted.score(X, y) > 0.3
    assert sum(each["weight"] for each in fitted.leaderboard_) == pytest.approx(1.0)


def test_a_row_of_weight_zero_teaches_nothing():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 2))
    y = (X[:, 0] > 0).astype(int)
    wrong = np.arange(400) % 2 == 0
    spoiled = np.where(wrong, 1 - y, y)
    fitted = Classifier(budget_trials=2, n_jobs=1).fit(X, spoiled, sample_weight=np.where(wrong, 0.0, 1.0))
    assert fitted.score(X, y) > 0.9


def test_it_works_inside_scikit_learns_own_tools():
    X, y = load_iris(return_X_y=True)
    scores = cross_val_score(Classifier(budget_trials=1, n_jobs=1, learners=["linear"]), X, y, cv=3)
    assert scores.mean() > 0.85


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"budget_seconds": -1.0}, "budget_seconds must be greater than 0"),
        ({"budget_trials": 1, "metric": "rmse"}, "'rmse' is not defined for a multiclass task"),
        ({"budget_trials": 1, "learners": ["lightbgm"]}, "Did you mean 'lightgbm'"),
    ],
)
def test_wrong_parameters_are_told(given, message):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=message):
        Classifier(n_jobs=1, **given).fit(X, y)
