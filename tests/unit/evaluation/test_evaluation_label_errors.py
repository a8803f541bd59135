"""Labels that were flipped come out first; without flips there are few doubts."""

from __future__ import annotations

import numpy as np
import pytest

from tenfold.stages.evaluation.label_errors import doubtful_classes, doubtful_numbers


def out_of_fold(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    return np.asarray(
        cross_val_predict(LogisticRegression(max_iter=300), features, labels, cv=5, method="predict_proba")
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_of_digits_five_percent_of_which_were_mislabelled_the_wrong_ones_come_first(seed: int) -> None:
    from sklearn.datasets import load_digits

    rng = np.random.default_rng(seed)
    features, truth = load_digits(return_X_y=True)
    flipped = rng.permutation(len(truth))[: len(truth) // 20]
    labels = truth.copy()
    labels[flipped] = (truth[flipped] + rng.integers(1, 10, len(flipped))) % 10
    found = doubtful_classes(labels, out_of_fold(features / 16.0, labels))
    first = found.rows[: len(flipped)]
    assert np.isin(first, flipped).mean() >= 0.7
    assert np.isin(flipped, found.rows).mean() >= 0.7


@pytest.mark.slow
def test_clean_labels_raise_few_doubts() -> None:
    from sklearn.datasets import load_digits

    features, truth = load_digits(return_X_y=True)
    assert len(doubtful_classes(truth, out_of_fold(features / 16.0, truth)).rows) < 0.02 * len(truth)


@pytest.mark.parametrize("seed", range(5))
def test_numbers_far_off_what_is_usual_at_their_level_are_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    level = rng.uniform(1, 10, 4_000)
    truth = level + 0.1 * level * rng.normal(size=4_000)
    assert len(doubtful_numbers(truth, level).rows) <= 8
    wrong = rng.permutation(4_000)[:100]
    truth[wrong] += rng.choice([-1, 1], 100) * level[wrong]
    found = doubtful_numbers(truth, level)
    assert np.isin(found.rows[:100], wrong).mean() >= 0.9
