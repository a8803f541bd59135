"""Boosting fits to the loss that models are chosen by."""

from __future__ import annotations

import numpy as np
import pytest

from tenfold.measures.metrics import metric_called
from tenfold.measures.outcome import Outcome
from tenfold.stages.training.learners import learner_called
from tenfold.stages.training.objectives import Objective, start_of
from tenfold.stages.training.protocols import Fit, Rows

ROWS = 1_800
BOOSTERS = ("lightgbm", "xgboost", "catboost")


def skewed(rng: np.random.Generator, rows: int = ROWS) -> Rows:
    """A target whose spread and skewness grow with a column: its mean says little of its quantiles."""
    values = rng.normal(size=(rows, 3))
    truth = np.exp(0.5 * values[:, 0] + 0.9 * rng.normal(size=rows))
    return Rows(values=values, truth=truth)


def counted(rng: np.random.Generator, rows: int = ROWS) -> Rows:
    values = rng.normal(size=(rows, 3))
    return Rows(values=values, truth=rng.poisson(np.exp(1.2 * values[:, 0] - 0.7)).astype(np.float64))


def out_of_fold(learner: str, loss: str, rows: Rows, metric: str) -> float:
    """Return the metric on rows that no fit saw: one half trains, one stops it, the last is measured."""
    parts = np.array_split(np.arange(len(rows.truth)), 3)
    train, held, new = (Rows(values=rows.values[part], truth=rows.truth[part]) for part in parts)
    fit = Fit(train=train, held=held, categorical=(), task="regression", outputs=1, params={}, seed=3, loss=loss)
    predicted = learner_called(learner).fit(fit).predictor.predict(new.values)
    return metric_called(metric).compute(Outcome(task="regression", truth=new.truth, scores=predicted))


@pytest.mark.parametrize("learner", BOOSTERS)
@pytest.mark.parametrize(
    ("metric", "gain"), [("pinball_0.9", 0.05), ("pinball_0.1", 0.3), ("mae", 0.02), ("mape", 0.2)]
)
def test_a_model_fitted_to_its_loss_beats_the_squared_one_out_of_fold(learner: str, metric: str, gain: float) -> None:
    rows = skewed(np.random.default_rng(4))
    own, squared = (out_of_fold(learner, loss, rows, metric) for loss in (metric, "rmse"))
    assert own < (1.0 - gain) * squared


@pytest.mark.parametrize("learner", BOOSTERS)
def test_counts_are_fitted_by_their_rate_and_never_below_zero(learner: str) -> None:
    rows = counted(np.random.default_rng(5))
    new = Outcome(task="regression", truth=rows.truth, scores=np.full((len(rows.truth), 1), rows.truth.mean()))
    constant = metric_called("poisson_deviance").compute(new)
    assert out_of_fold(learner, "poisson_deviance", rows, "poisson_deviance") < 0.6 * constant
    fit = Fit(
        train=rows, held=rows, categorical=(), task="regression", outputs=1, params={}, seed=3, loss="poisson_deviance"
    )
    predicted = learner_called(learner).fit(fit).predictor.predict(10 * rows.values)
    assert predicted.min() > 0.0


def test_the_best_constant_of_each_objective_counts_weights() -> None:
    rows = Rows(values=np.zeros((4, 1)), truth=np.array([1.0, 2.0, 3.0, 10.0]), weight=np.array([1.0, 1.0, 1.0, 7.0]))
    fit = Fit(train=rows, held=None, categorical=(), task="regression", outputs=1, params={}, seed=1)
    assert start_of(fit, Objective(aim="squared")) == pytest.approx(7.6)
    assert start_of(fit, Objective(aim="absolute")) == 10.0
    assert start_of(fit, Objective(aim="quantile", level=0.1)) == 1.0
