"""The calibration error without what chance adds to it."""

from __future__ import annotations

import numpy as np
import pytest
from measures_scene import asked, binary, multiclass

from tenfold.measures.calibration_error import calibration_bins, expected_calibration_error
from tenfold.measures.interval import estimate
from tenfold.measures.judge import judge
from tenfold.measures.metrics import METRICS
from tenfold.measures.outcome import Outcome, UndefinedMetric
from tenfold.measures.paired import difference


def said(n: int, rng: np.random.Generator, gap: float = 0.0) -> Outcome:
    probability = rng.uniform(0.2, 0.8, size=n)
    truth = (rng.random(n) < probability + gap).astype(np.int64)
    return Outcome(task="binary", truth=truth, scores=np.column_stack([1.0 - probability, probability]))


def plain(outcome: Outcome) -> float:
    bins = calibration_bins(outcome)
    return sum(each.mass * abs(each.happened - each.said) for each in bins) / outcome.n


@pytest.mark.parametrize("n", [200, 1_000, 5_000])
def test_true_probabilities_have_next_to_no_error_where_the_plain_figure_shows_one(n: int) -> None:
    rng = np.random.default_rng(n)
    drawn = [said(n, rng) for _ in range(200)]
    debiased = np.mean([expected_calibration_error(each) for each in drawn])
    assert debiased < 0.3 * np.mean([plain(each) for each in drawn])
    assert debiased < 0.2 / np.sqrt(n) * np.sqrt(10)


@pytest.mark.parametrize("gap", [0.1, 0.19])
def test_an_error_that_is_there_is_found_at_its_size(gap: float) -> None:
    rng = np.random.default_rng(3)
    found = np.mean([expected_calibration_error(said(5_000, rng, gap)) for _ in range(40)])
    assert found == pytest.approx(gap, abs=0.01)


def test_equal_probabilities_stay_together_and_weights_count() -> None:
    probability = np.repeat([0.2, 0.6], 100)
    truth = (np.arange(200) % 5 == 0).astype(np.int64)
    o = Outcome(task="binary", truth=truth, scores=np.column_stack([1 - probability, probability]))
    assert [round(each.said, 9) for each in calibration_bins(o)] == [0.2, 0.6]
    weight = np.where(probability == 0.6, 1e-9, 1.0)
    weighted = Outcome(task="binary", truth=truth, scores=o.scores, weight=weight)
    assert expected_calibration_error(weighted) < 0.01 < expected_calibration_error(o)


def test_no_interval_is_claimed_and_nothing_is_judged_by_it() -> None:
    for o in (binary(300), multiclass(300)):
        found = estimate(METRICS["ece"], o, rng=np.random.default_rng(0))
        assert found.value is not None
        assert (found.low, found.high) == (None, None)
        assert "no interval is claimed" in found.reason
        assert difference(METRICS["ece"], o, o).low is None
    verdict = judge(asked("ece", "<=", offset=0.5), place="test", outcome=binary(300), rng=np.random.default_rng(0))
    assert verdict.verdict == "inconclusive"
    with pytest.raises(UndefinedMetric, match="no interval is claimed"):
        METRICS["ece"].influence(binary(300))
