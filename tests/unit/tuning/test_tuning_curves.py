from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

import tuning as bench


def test_hyperband_is_as_good_as_random_search_with_a_fraction_of_its_rounds():
    medians = bench.curves(40, bench.bank(), 27)
    assert medians["hyperband"] <= 0.4


def test_the_replay_of_a_search_that_ends_nothing_early_costs_what_random_search_costs():
    from tenfold.stages.tuning.rungs import Whole

    replay = bench.bank()["segment"]
    drawn = list(range(27))
    target, whole = replay.random_search(drawn)
    share = replay.share_until(Whole(), drawn, target, whole)
    assert 0.0 < share <= 1.0
    assert replay.share_until(Whole(), drawn, target - 1.0, whole) == 1.0
