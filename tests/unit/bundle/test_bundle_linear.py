from __future__ import annotations

import numpy as np
import pytest

from tenfold.bundle.predictors.constant import ConstantPredictor
from tenfold.bundle.predictors.linear import LinearPredictor
from tenfold.bundle.predictors.link import linked
from tenfold.bundle.predictors.table import predictor_from_files
from tenfold.foundation.errors import StoreError


def test_links_keep_their_digits_at_both_ends() -> None:
    raw = np.array([[-800.0], [-40.0], [0.0], [40.0], [800.0]])
    found = linked(raw, "logistic")
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    np.testing.assert_allclose(found[1, 1], np.exp(-40), rtol=1e-12)
    np.testing.assert_allclose(found[3, 0], np.exp(-40), rtol=1e-12)
    np.testing.assert_allclose(linked(np.array([[1000.0, 999.0, -1000.0]]), "softmax").sum(), 1.0)


def test_a_linear_model_agrees_with_scikit_learn_and_with_itself_row_by_row() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 30))
    codes = np.digitize(values[:, 0] + rng.normal(size=200) / 3, [-0.5, 0.5])
    fitted = LogisticRegression().fit(values, codes)
    predictor = LinearPredictor(coef=fitted.coef_.T.copy(), intercept=fitted.intercept_, link="softmax")
    together = predictor.predict(values)
    np.testing.assert_allclose(together, fitted.predict_proba(values), atol=1e-12)
    alone = np.concatenate([predictor.predict(values[row : row + 1]) for row in range(200)])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "predictor",
    [
        ConstantPredictor(values=(0.25, 0.75)),
        LinearPredictor(coef=np.array([[1.0], [-2.0]]), intercept=np.array([0.5]), link="logistic"),
        LinearPredictor(coef=np.array([[1.0], [-2.0]]), intercept=np.array([0.5]), link="identity"),
    ],
)
def test_a_predictor_comes_back_from_its_files(predictor: ConstantPredictor | LinearPredictor) -> None:
    again = predictor_from_files(predictor.kind, predictor.files())
    values = np.array([[1.0, 2.0], [0.0, -1.0]])
    np.testing.assert_array_equal(again.predict(values), predictor.predict(values))
    assert again.files() == predictor.files()


def test_an_unknown_predictor_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(StoreError, match="Did you mean 'linear'"):
        predictor_from_files("liner", {})
