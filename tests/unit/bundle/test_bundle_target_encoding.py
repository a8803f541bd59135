from __future__ import annotations

import numpy as np
import polars as pl

from tenfold.bundle.transforms.target_encoding import SMOOTHING_ROWS, cross_fit, fit
from tenfold.bundle.view import encoding_target
from tenfold.records.features import Step

STEP = Step(kind="target_encoding", columns=("town",))


def noise(rows: int, levels: int, seed: int = 0) -> tuple[pl.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    towns = pl.DataFrame({"town": [f"t{number}" for number in rng.integers(0, levels, rows)]})
    return towns, (rng.random((rows, 1)) < 0.3).astype(float)


def test_a_level_is_drawn_towards_the_overall_mean_by_the_smoothing() -> None:
    rows = pl.DataFrame({"town": ["a"] * 30 + ["b"] * 70})
    target = np.r_[np.ones(30), np.zeros(70)][:, None]
    fitted = fit(STEP, rows, target, np.random.default_rng(0))
    expected = (30 + SMOOTHING_ROWS * 0.3) / (30 + SMOOTHING_ROWS)
    np.testing.assert_allclose(fitted.apply_row({"town": "a"}), [expected, 0.3])
    np.testing.assert_allclose(fitted.apply_row({"town": "never seen"}), [0.3, 0.0])
    np.testing.assert_allclose(fitted.apply_row({"town": None}), [0.3, 0.0])


def test_a_training_row_is_encoded_without_its_own_label() -> None:
    rows, target = noise(400, 100)
    _, values = cross_fit(STEP, rows, target, np.random.default_rng(1))
    for row in range(0, 400, 37):
        flipped = target.copy()
        flipped[row] = 1 - flipped[row]
        _, others = cross_fit(STEP, rows, flipped, np.random.default_rng(1))
        assert others[row, 0] == values[row, 0]


def test_pure_noise_of_many_levels_stays_noise_on_training_rows() -> None:
    rows, target = noise(2000, 1500)
    fitted, values = cross_fit(STEP, rows, target, np.random.default_rng(1))
    assert abs(np.corrcoef(values[:, 0], target[:, 0])[0, 1]) < 0.1
    # Read back without care, the same encoding would know its labels.
    assert np.corrcoef(fitted.apply(rows)[:, 0], target[:, 0])[0, 1] > 0.5


def test_several_classes_have_a_mean_each() -> None:
    rows = pl.DataFrame({"town": ["a", "a", "b", "b"]})
    target = encoding_target(np.array([0, 1, 2, 2]), "multiclass", 3)
    fitted = fit(STEP, rows, target, np.random.default_rng(0))
    assert fitted.names == ("town__mean0", "town__mean1", "town__mean2", "town__share")
    np.testing.assert_allclose(fitted.apply(rows)[:, :3].sum(axis=1), 1.0)
    np.testing.assert_allclose(fitted.apply(rows)[:, 3], 0.5)


def test_the_share_of_a_level_is_the_same_on_training_rows_and_later() -> None:
    rows, target = noise(300, 40)
    fitted, values = cross_fit(STEP, rows, target, np.random.default_rng(1))
    np.testing.assert_array_equal(values[:, 1], fitted.apply(rows)[:, 1])


def test_one_training_row_can_be_encoded() -> None:
    fitted, values = cross_fit(STEP, pl.DataFrame({"town": ["a"]}), np.ones((1, 1)), np.random.default_rng(0))
    np.testing.assert_allclose(values, [[1.0, 1.0]])
    np.testing.assert_allclose(fitted.apply_row({"town": "b"}), [1.0, 0.0])
