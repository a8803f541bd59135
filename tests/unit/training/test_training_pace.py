from __future__ import annotations

import pytest
from training_tables import TickingClock

from tenfold.foundation.clock import Deadline
from tenfold.stages.training.fitting import Limits, proposal
from tenfold.stages.training.pace import FASTEST_RATE, LEAST_BAGGING, Pace, affordable_folds, hurried, measured
from tenfold.stages.training.portfolio import first_rung, later_rungs

SLOW = proposal("slow", "lightgbm", {"learning_rate": 0.05, "num_leaves": 31, "bagging_fraction": 0.8})


def test_a_slower_rate_takes_more_time_and_fewer_rows_less():
    pace = Pace(seconds=2.0)
    assert pace.fit_seconds(proposal("same", "lightgbm", {"learning_rate": 0.1})) == pytest.approx(2.0)
    assert pace.fit_seconds(SLOW) == pytest.approx(2.0 * 2 * 0.8)
    assert pace.fit_seconds(proposal("deep", "lightgbm", {"num_leaves": 124})) == pytest.approx(4.0)


def test_what_was_measured_is_what_is_expected():
    pace = measured(SLOW, 7.0)
    assert pace.fit_seconds(SLOW) == pytest.approx(7.0)


def test_a_candidate_with_enough_time_is_left_alone():
    assert hurried(Pace(seconds=1.0), SLOW, seconds=5.0) is SLOW


def test_a_hurried_candidate_learns_faster_and_then_from_fewer_rows():
    faster = hurried(Pace(seconds=10.0), SLOW, seconds=4.0)
    assert 0.05 < faster.params["learning_rate"] <= FASTEST_RATE
    assert faster.params["bagging_fraction"] == 0.8
    fewer = hurried(Pace(seconds=100.0), SLOW, seconds=5.0)
    assert fewer.params["learning_rate"] == FASTEST_RATE
    assert LEAST_BAGGING <= fewer.params["bagging_fraction"] < 0.8
    assert Pace(seconds=100.0).fit_seconds(fewer) < 0.2 * Pace(seconds=100.0).fit_seconds(SLOW)


def test_other_learners_cannot_be_hurried():
    forest = proposal("forest", "random_forest", {"trees": 80})
    assert hurried(Pace(seconds=100.0), forest, seconds=1.0) is forest


def test_few_folds_are_afforded_when_a_fit_is_slow_and_all_when_it_is_fast():
    portfolio = [SLOW, SLOW]
    assert affordable_folds(Pace(seconds=0.1), portfolio, seconds=60.0, folds=5) == 5
    assert affordable_folds(Pace(seconds=6.0), portfolio, seconds=60.0, folds=5) == 3
    assert affordable_folds(Pace(seconds=600.0), portfolio, seconds=60.0, folds=5) == 1


def test_the_time_of_a_fit_is_its_share_of_the_waves_to_come():
    limits = Limits(folds=5, share=0.5, deadline=Deadline.after(100.0, TickingClock(tick=0.0)))
    assert limits.fit_seconds(10, 2) == pytest.approx(10.0)
    assert limits.fit_seconds(1, 4) == pytest.approx(50.0)
    assert Limits(folds=5).fit_seconds(10, 2) is None
    assert Limits(folds=5, share=0.5).fit_seconds(10, 2) is None


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("rows", [200, 10_000, 1_000_000])
def test_a_portfolio_has_unique_names_and_no_forest_where_it_would_be_huge(task, rows):
    rungs = [first_rung(task, rows, ()), *later_rungs(task, rows, 3, ())]
    keys = [each.key for rung in rungs for each in rung]
    assert len(set(keys)) == len(keys)
    learners = {each.learner for rung in rungs for each in rung}
    assert ("random_forest" in learners) == (rows <= 50_000)
    assert {"linear", "lightgbm"} <= learners


def test_learners_asked_for_are_the_only_ones_tried():
    assert [each.learner for each in first_rung("binary", 500, ("linear",))] == ["linear"]
    rungs = later_rungs("binary", 500, 2, ("extra_trees",))
    assert [[each.key for each in rung] for rung in rungs] == [["extra-trees"]]
