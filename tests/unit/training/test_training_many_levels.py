"""Categories of many levels: trees that split on sets of them read the codes, the other learners the means alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tenfold.stages.training import boosting
from tenfold.stages.training.indicators import Indicators
from tenfold.stages.training.learners import learner_called
from tenfold.stages.training.protocols import Fit, Rows

LEVELS = 120


def rows_of(count: int, seed: int) -> Rows:
    """Return rows of a code whose even levels are high, beside a mean that says nothing, and noise."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, LEVELS, count).astype(float)
    values = np.column_stack([codes, rng.normal(size=count), rng.normal(size=count)])
    return Rows(values=values, truth=(codes % 2) * 2.0 + 0.1 * rng.normal(size=count))


def fit_of(**parts: object) -> Fit:
    given: dict[str, object] = {
        "train": rows_of(3_000, 1),
        "held": rows_of(600, 2),
        "categorical": (0,),
        "told": (0,),
        "task": "regression",
        "outputs": 1,
        "params": {"learning_rate": 0.2},
        "seed": 3,
    }
    return Fit(**{**given, **parts})  # type: ignore[arg-type]  # of several types


def spread(learner: str, fit: Fit) -> float:
    """Return how far predictions move when nothing but the code does."""
    fitted = learner_called(learner).fit(fit)
    values = np.zeros((LEVELS, 3))
    values[:, 0] = np.arange(LEVELS)
    return float(np.ptp(fitted.predictor.predict(values)[:, 0]))


def test_lightgbm_splits_on_sets_of_levels() -> None:
    assert spread("lightgbm", fit_of()) > 1.5


@pytest.mark.parametrize("learner", ["catboost", "xgboost", "additive"])
def test_others_leave_out_codes_of_which_means_tell(learner: str) -> None:
    assert spread(learner, fit_of(params={})) == 0.0


@pytest.mark.parametrize("learner", ["catboost", "xgboost", "additive"])
def test_others_read_codes_of_which_nothing_else_tells(learner: str) -> None:
    few = replace(fit_of(params={"learning_rate": 0.3}), told=())
    assert spread(learner, few) > 1.0


def test_codes_that_are_told_have_no_indicator() -> None:
    wide = Indicators.of(rows_of(500, 4).values, (0,), (0,))
    assert wide.source.tolist() == [1, 2]


def test_a_model_of_large_trees_has_fewer_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosting, "MOST_LEAVES", 64)
    params = {"learning_rate": 0.01, "num_leaves": 32, "min_data_in_leaf": 2}
    assert learner_called("lightgbm").fit(fit_of(params=params)).iterations == 2
