"""Intervals and sets hold the truth of the share of rows that they are to hold."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tenfold.bundle.conformal import checked, conformal_columns, interval_of, set_of
from tenfold.foundation.errors import StoreError
from tenfold.measures.outcome import Outcome
from tenfold.records.evaluation import Conformal
from tenfold.stages.evaluation.conformal import check_intervals, fit_intervals


def numbers(rows: int, rng: np.random.Generator, *, shift: float = 0.0) -> Outcome:
    """Skewed errors whose spread grows with the prediction."""
    said = rng.uniform(0.0, 4.0, size=rows)
    truth = said + (0.2 + 0.5 * said) * (rng.gamma(2.0, size=rows) - 2.0) + shift
    return Outcome(task="regression", truth=truth, scores=said[:, None])


def classes(rows: int, rng: np.random.Generator) -> Outcome:
    place = 1.5 * rng.normal(size=(rows, 3)) + np.array([1.5, 0.0, -2.0])
    truth = np.argmax(place + rng.gumbel(size=place.shape), axis=1)
    powers = np.exp(place)
    scores = powers / powers.sum(axis=1, keepdims=True)
    return Outcome(task="multiclass", truth=truth, scores=scores, decision=scores.argmax(axis=1))


@pytest.mark.parametrize("rows", [200, 1_000, 5_000])
def test_ninety_percent_intervals_hold_ninety_percent_of_new_rows(rows: int) -> None:
    rng = np.random.default_rng(rows)
    new = numbers(20_000, rng)
    shares = []
    for _ in range(60):
        step, _ = fit_intervals(numbers(rows, rng), 0.9)
        low, high = interval_of(new.scores, step)
        shares.append(((low <= new.truth) & (new.truth <= high)).mean())
    assert 0.88 <= np.mean(shares) <= 0.92


def test_intervals_hold_as_often_where_the_model_errs_most() -> None:
    rng = np.random.default_rng(1)
    step, _ = fit_intervals(numbers(5_000, rng), 0.9)
    new = numbers(20_000, rng)
    low, high = interval_of(new.scores, step)
    held = (low <= new.truth) & (new.truth <= high)
    for edge in range(4):
        inside = (edge <= new.scores[:, 0]) & (new.scores[:, 0] < edge + 1)
        assert 0.86 <= held[inside].mean() <= 0.94
    assert (high - low)[new.scores[:, 0] > 3].mean() > 3 * (high - low)[new.scores[:, 0] < 0.5].mean()


def test_few_rows_hold_as_often_in_every_tenth_of_the_predictions() -> None:
    rng = np.random.default_rng(8)
    new = numbers(20_000, rng)
    tenth = np.searchsorted(np.quantile(new.scores[:, 0], np.arange(0.1, 1.0, 0.1)), new.scores[:, 0])
    shares = []
    for _ in range(30):
        step, _ = fit_intervals(numbers(500, rng), 0.9)
        low, high = interval_of(new.scores, step)
        held = (low <= new.truth) & (new.truth <= high)
        shares.append([held[tenth == number].mean() for number in range(10)])
    assert 0.88 <= np.mean(shares) <= 0.92
    assert np.mean(shares, axis=0).min() >= 0.87
    assert np.mean(shares, axis=0).max() <= 0.95


def test_where_the_shape_of_errors_differs_each_bin_has_its_own_quantiles() -> None:
    rng = np.random.default_rng(9)

    def turning(rows: int) -> Outcome:
        said = rng.uniform(-1.0, 1.0, size=rows)
        return Outcome(
            task="regression", truth=said + np.sign(said) * (rng.exponential(size=rows) - 1.0), scores=said[:, None]
        )

    step, _ = fit_intervals(turning(4_000), 0.9)
    assert len(step.edges) > 1
    same, _ = fit_intervals(numbers(4_000, rng), 0.9)
    assert same.edges == ()
    new = turning(20_000)
    low, high = interval_of(new.scores, step)
    for side in (new.scores[:, 0] < -0.1, new.scores[:, 0] > 0.1):
        assert ((low < new.truth) & (new.truth < high))[side].mean() == pytest.approx(0.9, abs=0.03)
        assert (new.truth > high)[side].mean() == pytest.approx(0.05, abs=0.02)


def test_sets_hold_each_class_as_often_the_rare_one_too() -> None:
    rng = np.random.default_rng(2)
    step, _ = fit_intervals(classes(4_000, rng), 0.9)
    new = classes(30_000, rng)
    inside = set_of(new.scores, step)
    for code in range(3):
        of_class = new.truth == code
        assert inside[of_class, code].mean() >= 0.86, code
    assert (inside.sum(axis=1) >= 1).all()
    assert inside.sum(axis=1).mean() < 2.0


def test_too_few_rows_give_none_and_a_class_without_enough_is_in_every_set() -> None:
    rng = np.random.default_rng(3)
    step, why = fit_intervals(numbers(15, rng), 0.9)
    assert step is None
    assert "15 rows are too few for 90 %, at least 19 are needed" in why
    few = classes(400, rng)
    few = few.take(np.flatnonzero((few.truth != 2) | (np.cumsum(few.truth == 2) <= 5)))
    step, _ = fit_intervals(few, 0.9)
    assert step is not None
    assert step.least[2] == 0.0


def test_rows_that_shifted_are_told_to_be_under_covered() -> None:
    rng = np.random.default_rng(4)
    step, _ = fit_intervals(numbers(2_000, rng), 0.9)
    as_before = check_intervals(step, numbers(1_000, rng), "test", rng)
    assert as_before.reason == ""
    assert as_before.coverage.low <= 0.9 <= as_before.coverage.high
    shifted = check_intervals(step, numbers(1_000, rng, shift=1.5), "test", rng)
    assert "the 90 % intervals hold the truth of" in shifted.reason


def test_equal_predictions_still_have_an_interval() -> None:
    rng = np.random.default_rng(5)
    truth = rng.normal(size=3_000)
    said = np.where(rng.random(3_000) < 0.97, 1.0, rng.normal(size=3_000))
    step, _ = fit_intervals(Outcome(task="regression", truth=truth, scores=said[:, None]), 0.9)
    assert checked(step, 0) == step


def test_columns_are_low_and_high_or_a_set_as_json() -> None:
    step = Conformal(level=0.9, edges=(1.0,), below=(-1.0, -2.0), above=(1.0, 3.0))
    low, high = conformal_columns(np.array([[0.0], [2.0]]), step, ())
    assert (low.name, low.to_list(), high.name, high.to_list()) == ("low", [-1.0, 0.0], "high", [1.0, 5.0])
    (sets,) = conformal_columns(np.array([[0.7, 0.3], [0.5, 0.5]]), Conformal(level=0.9, least=(0.4, 0.4)), ("a", "é"))
    assert [json.loads(text) for text in sets] == [["a"], ["a", "é"]]


@pytest.mark.parametrize(
    ("step", "classes"),
    [
        (Conformal(level=0.9, below=(-1.0,), above=()), 0),
        (Conformal(level=0.9, least=(0.1,)), 2),
        (Conformal(level=1.5, below=(-1.0,), above=(1.0,)), 0),
        (Conformal(level=0.9, edges=(2.0, 1.0), below=(-1.0,) * 3, above=(1.0,) * 3), 0),
        (Conformal(level=0.9, below=(float("nan"),), above=(1.0,)), 0),
        (Conformal(level=0.9, below=(-1.0,), above=(1.0,), knots=(1.0, 2.0), spread=(1.0,)), 0),
        (Conformal(level=0.9, below=(-1.0,), above=(1.0,), knots=(2.0, 1.0), spread=(1.0, 1.0)), 0),
        (Conformal(level=0.9, below=(-1.0,), above=(1.0,), knots=(1.0,), spread=(0.0,)), 0),
        (Conformal(level=0.9, least=(0.1, 0.2), knots=(1.0,), spread=(1.0,)), 2),
    ],
)
def test_numbers_that_describe_no_interval_are_refused(step: Conformal, classes: int) -> None:
    with pytest.raises(StoreError, match="do not describe"):
        checked(step, classes)
