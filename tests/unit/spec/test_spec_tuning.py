from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.foundation.errors import SpecError
from tenfold.project.wiring import options_of
from tenfold.spec.load import parse_spec
from tenfold.stages.tuning.options import SettingRange

SMALLEST = "problem: {target: y}\ndata: {path: x.csv}\n"


def load(tuning: str):
    return parse_spec(f"{SMALLEST}tuning: {tuning}".encode(), path="tenfold.yaml", folder=Path("/p"), environ={})


def test_a_space_reaches_the_stage_as_it_is_written():
    spec = load(
        "{method: grid, space: {lightgbm: {num_leaves: [15, 31], extra_trees: [false, true],"
        " learning_rate: {low: 0.01, high: 0.3, log: true}}}}"
    )
    options = options_of(spec).tuning
    assert options.method == "grid"
    assert options.space["lightgbm"] == {
        "num_leaves": (15, 31),
        "extra_trees": (False, True),
        "learning_rate": SettingRange(low=0.01, high=0.3, log=True, points=3),
    }


@pytest.mark.parametrize(
    ("tuning", "words"),
    [
        ("{space: {lightgbn: {num_leaves: [3]}}}", "Did you mean 'lightgbm'"),
        ("{space: {lightgbm: {num_leafs: [3]}}}", "Did you mean 'num_leaves'"),
        ("{space: {linear: {penalty: [1.0]}}}", "walks its own path of penalties"),
        ("{space: {lightgbm: {num_leaves: [1]}}}", "takes a whole number from 2 to 131072, found 1"),
        ("{space: {lightgbm: {num_leaves: [2.5]}}}", "takes a whole number"),
        ("{space: {lightgbm: {num_leaves: []}}}", "has no values"),
        ("{space: {lightgbm: {num_leaves: [3, 3]}}}", "names a value twice"),
        ("{space: {lightgbm: {extra_trees: [1]}}}", "takes false or true"),
        ("{space: {lightgbm: {learning_rate: {low: 0.3, high: 0.1}}}}", "low must be below high"),
        ("{space: {lightgbm: {lambda_l2: {low: 0.0, high: 1.0, log: true}}}}", "low must be above 0"),
        ("{space: {lightgbm: {}}}", "is empty"),
        ("{space: {random_forest: {max_features: [sqrt, log3]}}}", "'sqrt' or 'log2', found 'log3'"),
    ],
)
def test_a_space_that_no_learner_can_search_is_refused_at_its_line(tuning: str, words: str):
    with pytest.raises(SpecError) as raised:
        load(tuning)
    assert words in str(raised.value)
    assert "tenfold.yaml:3" in str(raised.value)


def test_a_searched_learner_that_is_not_raced_is_refused():
    with pytest.raises(SpecError, match=r"training\.learners leaves out"):
        load("{space: {lightgbm: {num_leaves: [3]}}}\ntraining: {learners: [linear]}")
