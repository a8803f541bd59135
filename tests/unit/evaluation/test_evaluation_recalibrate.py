"""Probabilities are mended where that helps out of fold, and left alone where it does not."""

from __future__ import annotations

import numpy as np
import pytest

from tenfold.bundle.recalibration import checked, recalibrated
from tenfold.foundation.errors import StoreError
from tenfold.measures.calibration_error import expected_calibration_error
from tenfold.measures.outcome import Outcome
from tenfold.measures.rank import roc_auc
from tenfold.records.evaluation import Recalibration
from tenfold.stages.evaluation.recalibrate import Mended, crossfitted, mend


def expit(place):
    return 1.0 / (1.0 + np.exp(-place))


def pair(probability):
    return np.column_stack([1.0 - probability, probability])


def binary(rows: int, seed: int, bend) -> tuple[np.ndarray, np.ndarray]:
    """Return truths, and probabilities whose logits are bent by ``bend``."""
    rng = np.random.default_rng(seed)
    place = 1.3 * rng.normal(size=rows) - 0.8
    truth = (rng.random(rows) < expit(place)).astype(np.int64)
    return truth, pair(expit(bend(place)))


def several(rows: int, seed: int, bend) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    place = 1.2 * rng.normal(size=(rows, 4))
    truth = np.argmax(place + rng.gumbel(size=place.shape), axis=1)
    powers = np.exp(bend(place))
    return truth, powers / powers.sum(axis=1, keepdims=True)


def mended(task: str, truth: np.ndarray, scores: np.ndarray, **parts: object) -> Mended:
    return mend(task, truth, scores, **{"weight": None, "group": None, "seed": 7, **parts})


def error(task: str, truth: np.ndarray, scores: np.ndarray) -> float:
    return expected_calibration_error(Outcome(task=task, truth=truth, scores=scores))


BENT = {
    "overconfident": lambda place: 2.5 * place,
    "timid": lambda place: 0.4 * place,
    "shifted": lambda place: place + 1.0,
    "one-sided": lambda place: np.where(place > 0, 3.0 * place, place),
}


@pytest.mark.parametrize("bend", list(BENT))
def test_wrong_probabilities_of_two_classes_are_mended(bend: str) -> None:
    truth, scores = binary(4_000, 1, BENT[bend])
    found = mended("binary", truth, scores)
    assert found.step is not None
    assert found.check.mended
    new, said = binary(20_000, 2, BENT[bend])
    after = recalibrated(said, found.step)
    assert error("binary", new, after) < 0.4 * error("binary", new, said)
    assert roc_auc(new == 1, after[:, 1]) == pytest.approx(roc_auc(new == 1, said[:, 1]), abs=1e-6)


@pytest.mark.parametrize(
    ("bend", "method"),
    [
        (lambda place: 2.0 * place, "temperature"),
        (lambda place: place + np.array([0.0, 1.0, -1.0, 0.5]), "temperature and offsets"),
    ],
)
def test_wrong_probabilities_of_several_classes_are_mended(bend, method: str) -> None:
    truth, scores = several(3_000, 1, bend)
    found = mended("multiclass", truth, scores)
    assert found.step is not None
    assert found.step.method == method
    new, said = several(10_000, 2, bend)
    assert error("multiclass", new, recalibrated(said, found.step)) < 0.35 * error("multiclass", new, said)


def test_true_probabilities_are_seldom_touched() -> None:
    touched = [mended("binary", *binary(1_500, seed, lambda place: place)).step for seed in range(40)]
    assert sum(step is not None for step in touched) <= 1
    touched = [mended("multiclass", *several(1_000, seed, lambda place: place)).step for seed in range(15)]
    assert sum(step is not None for step in touched) <= 1


def test_probabilities_that_are_left_are_the_same_bytes() -> None:
    truth, scores = binary(1_500, 3, lambda place: place)
    found = mended("binary", truth, scores)
    assert found.step is None
    assert found.scores is scores
    assert "chance" in found.check.reason


def test_too_few_rows_of_a_class_are_not_tried_and_that_is_said() -> None:
    truth, scores = binary(100, 3, lambda place: 3 * place - 2)
    found = mended("binary", truth, scores)
    assert found.step is None
    assert found.check.reason.startswith("not tried:")


def test_no_row_is_mended_by_a_curve_that_saw_it() -> None:
    truth, scores = binary(2_000, 5, BENT["overconfident"])
    found = mended("binary", truth, scores)
    assert found.step is not None
    turned = truth.copy()
    turned[0] = 1 - turned[0]
    again = mended("binary", turned, scores)
    assert again.scores[0].tolist() == found.scores[0].tolist()
    assert not np.array_equal(again.scores, found.scores)
    other = crossfitted("logistic", "binary", truth, scores, weight=None, seed=1)
    assert other.sum(axis=1) == pytest.approx(np.ones(len(other)))


def test_groups_that_repeat_a_row_give_no_certainty() -> None:
    truth, scores = binary(60 * 4, 8, lambda place: 1.6 * place)
    copies = np.repeat(np.arange(len(truth)), 30)
    alone = mended("binary", truth[copies], scores[copies])
    together = mended("binary", truth[copies], scores[copies], group=copies)
    assert alone.step is not None
    assert together.step is None


@pytest.mark.parametrize(
    "step",
    [
        Recalibration(method="logistic", params=(0.3, 0.5)),
        Recalibration(method="beta", params=(0.1, 0.5, 1.5)),
        Recalibration(method="isotonic", before=(0.0, 0.4, 1.0), after=(0.01, 0.3, 0.9)),
        Recalibration(method="temperature", params=(0.5, 0.0, 0.0)),
    ],
)
def test_a_step_keeps_probabilities_whole_even_at_the_ends(step: Recalibration) -> None:
    scores = pair(np.array([0.0, 1e-300, 0.2, 0.5, 1.0 - 1e-16, 1.0]))
    after = recalibrated(scores, step)
    assert np.isfinite(after).all()
    assert after.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-12)
    assert (np.diff(after[:, 1]) >= 0).all()
    one_by_one = np.concatenate([recalibrated(row[None], step) for row in scores])
    assert one_by_one == pytest.approx(after, abs=1e-15)


@pytest.mark.parametrize(
    ("step", "classes"),
    [
        (Recalibration(method="logistic", params=(0.3,)), 2),
        (Recalibration(method="logistic", params=(0.3, float("inf"))), 2),
        (Recalibration(method="beta", params=(0.1, 0.5, 1.5)), 3),
        (Recalibration(method="temperature", params=(0.5, 0.0, 0.0)), 3),
        (Recalibration(method="isotonic", before=(0.5, 0.4), after=(0.1, 0.2)), 2),
        (Recalibration(method="isotonic"), 2),
    ],
)
def test_numbers_that_describe_no_step_are_refused(step: Recalibration, classes: int) -> None:
    with pytest.raises(StoreError, match="do not describe it"):
        checked(step, classes)
