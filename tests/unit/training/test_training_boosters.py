"""What CatBoost and XGBoost learned is served without them, to the last digit that they give."""

from __future__ import annotations

import numpy as np
import pytest

from tenfold.bundle.predictors.link import linked
from tenfold.bundle.predictors.oblivious import ObliviousPredictor
from tenfold.bundle.predictors.table import predictor_from_files
from tenfold.foundation.errors import StoreError
from tenfold.stages.training.catboost import flat
from tenfold.stages.training.indicators import Indicators
from tenfold.stages.training.learners import learner_called
from tenfold.stages.training.protocols import Fit, Rows

TASKS = {"binary": 2, "multiclass": 3, "regression": 1}


def mixed(rows: int, seed: int) -> np.ndarray:
    """Return numbers with holes, a column of few whole numbers, and two columns of category codes."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 5))
    values[:, 2] = rng.integers(0, 4, rows)
    values[:, 3] = rng.integers(0, 6, rows)
    values[:, 4] = rng.integers(0, 40, rows)
    values[rng.random(values.shape) < 0.1] = np.nan
    return values


def truth_of(task: str, values: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    signal = (
        np.nan_to_num(values[:, 0])
        + 1.5 * (values[:, 3] == 2)
        - (values[:, 4] > 30)
        + 0.3 * rng.normal(size=len(values))
    )
    if task == "regression":
        return 10.0 + signal
    return np.digitize(signal, [0.0] if task == "binary" else [-0.5, 0.8]).astype(np.int64)


def fit_of(task: str, **parts) -> Fit:
    values, held = mixed(800, 1), mixed(300, 2)
    given = {
        "train": Rows(values=values, truth=truth_of(task, values, 3)),
        "held": Rows(values=held, truth=truth_of(task, held, 4)),
        "categorical": (3, 4),
        "task": task,
        "outputs": TASKS[task],
        "params": {"learning_rate": 0.1},
        "seed": 5,
    }
    return Fit(**{**given, **parts})


def hard(rows: int = 400) -> np.ndarray:
    """Return rows with codes that training never saw, extremes, and values on float32's edges."""
    values = mixed(rows, 9)
    values[:20, 3] = 77
    values[20:40, 0] = 1e30
    values[40:60, 0] = -1e30
    values[60:80] = np.nan
    values[80:100, 0] = np.float32(0.1)
    values[100:120, 0] = np.nextafter(np.float64(np.float32(0.1)), 1.0)
    return values


@pytest.mark.parametrize("task", TASKS)
def test_catboost_and_its_arrays_agree(task):
    import catboost

    fit = fit_of(task)
    indicators = Indicators.of(fit.train.values, fit.categorical)
    loss = {"binary": "Logloss", "multiclass": "MultiClass", "regression": "RMSE"}[task]
    model = catboost.CatBoost(
        {
            "loss_function": loss,
            "iterations": 60,
            "depth": 5,
            "nan_mode": "Min",
            "verbose": False,
            "thread_count": 1,
            "allow_writing_files": False,
        }
    )
    model.fit(catboost.Pool(indicators.widen(fit.train.values), fit.train.truth))
    link = {"binary": "logistic", "multiclass": "softmax", "regression": "identity"}[task]
    ours = flat(model, 60, indicators, link=link, columns=5)
    raw = np.asarray(model.predict(indicators.widen(hard()), prediction_type="RawFormulaVal")).reshape(400, -1)
    np.testing.assert_allclose(ours.predict(hard()), linked(raw, link), rtol=0, atol=1e-12)


def test_a_tree_that_drew_no_column_worth_a_split_is_one_leaf():
    import catboost

    values = np.random.default_rng(0).normal(size=(200, 3))
    truth = values[:, 0] = np.repeat([0.0, 1.0], 100)
    indicators = Indicators.of(values, ())
    model = catboost.CatBoost(
        {"iterations": 50, "learning_rate": 0.3, "rsm": 0.34, "verbose": False, "allow_writing_files": False}
    )
    model.fit(catboost.Pool(indicators.widen(values), truth))
    ours = flat(model, 50, indicators, link="identity", columns=3)
    assert np.isinf(ours.above).all(axis=1).any()
    np.testing.assert_allclose(ours.predict(values)[:, 0], model.predict(indicators.widen(values)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("task", TASKS)
def test_xgboost_and_its_trees_in_lightgbms_format_agree(task):
    import xgboost

    fit = fit_of(task)
    fitted = learner_called("xgboost").fit(fit_of(task, held=None, iterations=40))
    indicators = Indicators.of(fit.train.values, fit.categorical)
    objective = {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"}[task]
    mean = float(fit.train.truth.mean())
    booster = xgboost.train(
        {
            "objective": objective,
            "learning_rate": 0.1,
            "nthread": 1,
            "tree_method": "hist",
            "max_depth": 6,
            "seed": 5,
            "base_score": 0.0 if task == "multiclass" else mean,
        }
        | ({"num_class": 3} if task == "multiclass" else {}),
        xgboost.DMatrix(indicators.widen(fit.train.values), fit.train.truth),
        num_boost_round=40,
    )
    theirs = booster.predict(xgboost.DMatrix(indicators.widen(hard()))).reshape(400, -1)
    ours = fitted.predictor.predict(hard())
    # Their sums are of single precision.
    np.testing.assert_allclose(ours[:, 1:] if task == "binary" else ours, theirs, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("learner", ["catboost", "xgboost"])
@pytest.mark.parametrize("task", TASKS)
def test_one_row_among_many_and_a_model_read_from_its_files_give_the_same(task, learner):
    predictor = learner_called(learner).fit(fit_of(task)).predictor
    read = predictor_from_files(predictor.kind, predictor.files())
    rows = hard()
    whole = predictor.predict(rows)
    np.testing.assert_array_equal(read.predict(rows), whole)
    np.testing.assert_allclose(np.concatenate([read.predict(row[None]) for row in rows]), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("learner", ["catboost", "xgboost"])
@pytest.mark.parametrize("task", TASKS)
def test_models_of_folds_are_averaged_before_the_link(task, learner):
    one, two = (learner_called(learner).fit(fit_of(task, seed=seed)).predictor for seed in (1, 2))
    merged = learner_called(learner).merge([one.files(), two.files()])
    link = {"binary": "logistic", "multiclass": "softmax", "regression": "identity"}[task]

    def raw(predictor):
        made = predictor.predict(hard())
        return np.log(made[:, 1:] / made[:, :1]) if task == "binary" else np.log(made) if task == "multiclass" else made

    np.testing.assert_allclose(merged.predict(hard()), linked((raw(one) + raw(two)) / 2, link), rtol=1e-7, atol=1e-9)


def test_arrays_that_point_outside_of_the_leaves_are_refused():
    predictor = learner_called("catboost").fit(fit_of("binary")).predictor
    arrays = {name: getattr(predictor, name) for name in ("feature", "above", "upto", "first", "leaves", "bias")}
    for wrong in ({"first": arrays["first"] + 1}, {"feature": arrays["feature"] + 5}, {"bias": arrays["bias"][:0]}):
        with pytest.raises(StoreError, match="oblivious trees"):
            ObliviousPredictor({**arrays, **wrong}, link="logistic", columns=5)
