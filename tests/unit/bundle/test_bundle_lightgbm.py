from __future__ import annotations

import pickle
import subprocess
import sys
import threading

import lightgbm
import numpy as np
import pytest
from bundle_scene import model_text

from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.lightgbm_text import merge, parse
from tenfold.foundation.errors import StoreError

ROWS = 400


def values(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(ROWS, 5))
    found[:, 3] = rng.integers(0, 9, ROWS)
    found[rng.random((ROWS, 5)) < 0.15] = np.nan
    return found


def target(task: str) -> np.ndarray:
    found = np.nan_to_num(values())
    score = found[:, 0] + (found[:, 3] % 3) - found[:, 1] / 2
    return {
        "binary": score > 1,
        "multiclass": np.digitize(score, [0.5, 1.5]),
        "regression": score,
        "poisson": np.exp(score),
    }[task]


def booster(task: str, *, seed: int = 0, rounds: int = 25, **more: object) -> lightgbm.Booster:
    parameters = {
        "objective": task, "num_leaves": 8, "min_data_in_leaf": 5, "min_data_per_group": 5, "cat_smooth": 1,
        "seed": seed, "bagging_fraction": 0.7, "bagging_freq": 1, "num_threads": 1, "deterministic": True,
        "verbosity": -1, **more,
    }  # fmt: skip
    if task == "multiclass":
        parameters["num_class"] = 3
    data = lightgbm.Dataset(values(), target(task).astype(float), categorical_feature=[3])
    return lightgbm.train(parameters, data, rounds)


LINKS = {"binary": "logistic", "multiclass": "softmax", "regression": "identity", "poisson": "exp"}
TASKS = pytest.mark.parametrize("task", list(LINKS))


@TASKS
def test_predictions_are_those_of_lightgbm_itself(task: str) -> None:
    fitted = booster(task)
    predictor = LightGBMPredictor(fitted.model_to_string(), link=LINKS[task])
    expected = fitted.predict(values(1))
    found = predictor.predict(values(1))
    if task == "binary":
        np.testing.assert_allclose(found[:, 1], expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found[:, 0], 1 - expected, rtol=0, atol=1e-12)
    else:
        np.testing.assert_allclose(found, np.asarray(expected).reshape(found.shape), rtol=1e-12, atol=1e-12)


@TASKS
def test_one_row_alone_is_predicted_as_among_others(task: str) -> None:
    predictor = LightGBMPredictor(booster(task).model_to_string(), link=LINKS[task])
    rows = values(2)
    alone = np.concatenate([predictor.predict(rows[row : row + 1]) for row in range(50)])
    np.testing.assert_array_equal(alone, predictor.predict(rows)[:50])


@TASKS
def test_fold_models_become_one_that_is_their_average(task: str) -> None:
    folds = [booster(task, seed=seed, rounds=10 + seed) for seed in range(3)]
    predictor = LightGBMPredictor.average([fold.model_to_string() for fold in folds], link=LINKS[task])
    raw = np.mean([fold.predict(values(1), raw_score=True) for fold in folds], axis=0)
    from tenfold.bundle.predictors.link import linked

    np.testing.assert_allclose(
        predictor.predict(values(1)), linked(raw.reshape(ROWS, -1), LINKS[task]), rtol=0, atol=1e-12
    )
    assert predictor.trees == sum(fold.num_trees() for fold in folds)


def test_equal_trees_have_equal_bytes_whatever_the_parameters_say() -> None:
    plain = booster("binary").model_to_string()
    noted = booster("binary", metric="auc", bin_construct_sample_cnt=100_000).model_to_string()
    assert plain != noted
    first, second = (LightGBMPredictor(text, link="logistic") for text in (plain, noted))
    assert first.files() == second.files()
    assert "parameters" not in first.text
    assert parse(first.text).text() == first.text


def test_a_model_of_single_leaves_predicts_its_mean() -> None:
    fitted = booster("regression", min_data_in_leaf=ROWS, rounds=3)
    predictor = LightGBMPredictor(fitted.model_to_string(), link="identity")
    np.testing.assert_allclose(predictor.predict(values())[:, 0], fitted.predict(values()), atol=1e-12)


def test_a_predictor_travels_to_another_process_and_back_from_files() -> None:
    predictor = LightGBMPredictor.average([booster("binary").model_to_string()] * 2, link="logistic")
    expected = predictor.predict(values())
    for again in (pickle.loads(pickle.dumps(predictor)), LightGBMPredictor.from_files(predictor.files())):
        np.testing.assert_array_equal(again.predict(values()), expected)
        assert again.files() == predictor.files()


def test_threads_that_predict_one_row_each_do_not_disturb_each_other() -> None:
    predictor = LightGBMPredictor(booster("multiclass").model_to_string(), link="softmax")
    rows = values()
    expected = predictor.predict(rows)
    wrong: list[int] = []

    def ask(start: int) -> None:
        mine = range(start, ROWS, 4)
        wrong.extend(
            row for row in mine if not np.array_equal(predictor.predict(rows[row : row + 1])[0], expected[row])
        )

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_predicting_needs_neither_scikit_learn_nor_pandas_nor_the_package_itself() -> None:
    text = model_text()
    width = parse(text).columns
    lines = subprocess.run(
        [sys.executable, "-c", _script(width)], input=text, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    own = LightGBMPredictor(text, link="logistic").predict(np.zeros((1, width)))[0, 1]
    assert float(lines[0]) == own
    assert lines[1] == "[]"


def _script(width: int) -> str:
    return (
        "import sys\n"
        "import numpy as np\n"
        "from tenfold.bundle.predictors.lightgbm import LightGBMPredictor\n"
        "predictor = LightGBMPredictor(sys.stdin.read(), link='logistic')\n"
        f"print(predictor.predict(np.zeros((1, {width})))[0, 1])\n"
        "print(sorted(set(sys.modules) & {'lightgbm', 'sklearn', 'pandas', 'scipy'}))\n"
    )


def test_rows_of_another_width_are_refused() -> None:
    predictor = LightGBMPredictor(booster("binary").model_to_string(), link="logistic")
    with pytest.raises(ValueError, match="reads 5 columns, not 4"):
        predictor.predict(np.zeros((2, 4)))


def changed(**lines: str) -> str:
    """The canonical text with lines of its second tree written otherwise."""
    head, separator, rest = LightGBMPredictor(booster("binary").model_to_string(), link="logistic").text.partition(
        "Tree=1\n"
    )
    tree, end, tail = rest.partition("\n\n")
    kept = [
        f"{key}={lines.pop(key)}" if (key := line.partition("=")[0]) in lines else line for line in tree.splitlines()
    ]
    return head + separator + "\n".join([*kept, *(f"{key}={value}" for key, value in lines.items())]) + end + tail


SPLITS = 7


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x80\x04K\x01.",
        "tree\nversion=v9\n",
        "tree\nversion=v4\nmax_feature_idx=x\nnum_tree_per_iteration=1\n",
        "tree\nversion=v4\nmax_feature_idx=99999999\nnum_tree_per_iteration=1\n",
        "tree\nversion=v4\nmax_feature_idx=4\nnum_tree_per_iteration=1\naverage_output\n",
        changed(num_leaves="9"),
        changed(num_leaves="900000000"),
        changed(num_leaves="0"),
        changed(left_child=" ".join(["0"] * SPLITS)),
        changed(left_child=" ".join(["99"] * SPLITS)),
        changed(right_child=" ".join(["-99"] * SPLITS)),
        changed(right_child="1"),
        changed(split_feature=" ".join(["5"] * SPLITS)),
        changed(split_feature=" ".join(["-1"] * SPLITS)),
        changed(split_feature="1e9 " * SPLITS),
        changed(threshold="0"),
        changed(threshold="a b c d e f g"),
        changed(decision_type=" ".join(["77"] * SPLITS)),
        changed(decision_type=" ".join(["1"] * SPLITS), threshold=" ".join(["50"] * SPLITS)),
        changed(num_cat="0", decision_type=" ".join(["1"] * SPLITS)),
        changed(num_cat="1", cat_boundaries="0 5", cat_threshold="1"),
        changed(num_cat="1", cat_boundaries="0 1", cat_threshold="-4"),
        changed(leaf_value="0 0"),
        changed(is_linear="1"),
        changed(surprise="1"),
    ],
)
def test_a_text_that_the_library_could_not_walk_safely_is_refused(text: str) -> None:
    with pytest.raises(StoreError):
        LightGBMPredictor(text, link="logistic")


def test_models_of_different_shapes_are_not_merged() -> None:
    with pytest.raises(StoreError, match="different shapes"):
        merge([booster("binary").model_to_string(), booster("multiclass").model_to_string()])
