"""Bit planes give the very bits that LightGBM's library gives, whatever the trees and the rows."""

from __future__ import annotations

import math
import pickle

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.bundle.matrix import Floats
from tenfold.bundle.predictors.bit_planes import ROWS_FOR_PLANES, BitPlanes
from tenfold.bundle.predictors.lightgbm import LightGBMPredictor
from tenfold.bundle.predictors.lightgbm_library import TreeLibrary
from tenfold.bundle.predictors.lightgbm_text import parse

# LightGBM's zero ends at 1e-35 in single precision.
END = float(np.float32(1e-35))
AROUND_END = [END, math.nextafter(END, 1), math.nextafter(END, 0), 1e-35, 9.9e-36, 1.1e-35]
NEAR_ZERO = [0.0, -0.0, 5e-324, -0.5, 0.5, *AROUND_END, *(-value for value in AROUND_END)]
ODD = [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e10, -3.0, *NEAR_ZERO]


def rows_of(rng: np.random.Generator, count: int) -> Floats:
    """Two columns of numbers, one mostly zero, two of categories, and in each some values that are odd."""
    values = np.column_stack([
        rng.normal(0, 1, count).round(1),
        rng.normal(5, 2, count),
        np.where(rng.random(count) < 0.8, 0.0, rng.normal(0, 1, count)),
        rng.integers(0, 6, count),
        rng.integers(0, 70, count),
    ])  # fmt: skip
    values[rng.random(values.shape) < 0.05] = np.nan
    return values


def trained(seed: int, leaves: int, outputs: int, *, missing: str = "nan") -> str:
    rng = np.random.default_rng(seed)
    values = rows_of(rng, 600)
    values = np.nan_to_num(values) if missing == "never" else values
    read = np.nan_to_num(values)
    score = np.sin(read[:, 0] * 3) + read[:, 2] + (read[:, 3] % 2) + np.isin(read[:, 4], [3, 40, 66]) + read[:, 1] / 9
    told = np.digitize(score, np.quantile(score, [0.3, 0.7])) if outputs > 1 else score
    options = {
        "objective": "multiclass" if outputs > 1 else "regression",
        "num_class": outputs,
        "num_leaves": leaves,
        "min_data_in_leaf": 2,
        "min_data_per_group": 5,
        "zero_as_missing": missing == "zero",
        "verbose": -1,
        "num_threads": 1,
        "seed": 1,
    }
    data = lightgbm.Dataset(values, told, categorical_feature=[3, 4])
    return str(lightgbm.train(options, data, num_boost_round=4).model_to_string())


@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 2**16),
    leaves=st.sampled_from([2, 3, 7, 31, 90]),
    outputs=st.sampled_from([1, 3]),
    missing=st.sampled_from(["nan", "never"]),
    count=st.sampled_from([1, 63, 64, 65, 1_000, 4_097]),
)
def test_planes_answer_as_the_library_to_the_last_bit(
    seed: int, leaves: int, outputs: int, missing: str, count: int
) -> None:
    model = parse(trained(seed, leaves, outputs, missing=missing))
    rng = np.random.default_rng(seed + 1)
    values = rows_of(rng, count)
    places = rng.random(values.shape) < 0.2
    values[places] = rng.choice(ODD, int(places.sum()))
    planes = BitPlanes.of(model)
    assert planes is not None
    library = TreeLibrary(model.text(), columns=model.columns, scores=model.scores)
    np.testing.assert_array_equal(planes.raw(values), library.raw(values))


def test_trees_that_take_zero_for_missing_are_left_to_the_library() -> None:
    assert BitPlanes.of(parse(trained(9, 31, 1))) is not None
    assert BitPlanes.of(parse(trained(9, 31, 1, missing="zero"))) is None


def test_more_rows_than_a_block_holds_and_more_leaves_than_a_byte() -> None:
    model = parse(trained(3, 300, 1))
    assert max(len(tree.partition("leaf_value=")[2].splitlines()[0].split()) for tree in model.trees) > 256
    values = rows_of(np.random.default_rng(4), 70_000)
    library = TreeLibrary(model.text(), columns=model.columns, scores=1)
    planes = BitPlanes.of(model)
    assert planes is not None
    np.testing.assert_array_equal(planes.raw(values), library.raw(values))


def test_a_predictor_gives_the_same_bits_for_one_row_and_for_many() -> None:
    predictor = LightGBMPredictor.average([trained(5, 31, 3), trained(6, 15, 3)], link="softmax")
    values = rows_of(np.random.default_rng(7), ROWS_FOR_PLANES)
    many = predictor.predict(values)
    np.testing.assert_array_equal(many[:50], np.concatenate([predictor.predict(values[:50][[at]]) for at in range(50)]))
    np.testing.assert_array_equal(many, pickle.loads(pickle.dumps(predictor)).predict(values))


@pytest.mark.parametrize("threshold", ["nan", "-nan"])
def test_trees_whose_threshold_is_no_number_are_left_to_the_library(threshold: str) -> None:
    values = np.random.default_rng(8).normal(0, 1, (300, 1))
    options = {"objective": "regression", "num_leaves": 2, "verbose": -1, "num_threads": 1}
    text = lightgbm.train(options, lightgbm.Dataset(values, values[:, 0]), num_boost_round=2).model_to_string()
    first = text.partition("threshold=")[2].split()[0]
    assert BitPlanes.of(parse(text)) is not None
    assert BitPlanes.of(parse(text.replace(f"threshold={first}", f"threshold={threshold}", 1))) is None
