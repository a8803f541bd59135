"""Rows that are held out more than once have the mean of their predictions; a row alone never stops its own fit."""

from __future__ import annotations

import numpy as np
import pytest

from tenfold.stages.training.finish import blended
from tenfold.stages.training.fitting import proposal
from tenfold.stages.training.protocols import Fit, Fitted, Rows
from tenfold.stages.training.stopping import fit_apart
from tenfold.stages.training.trainer import open_trainer

BOOSTED = {"learning_rate": 0.2, "num_leaves": 7, "min_data_in_leaf": 5}


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_predictions_of_repeats_are_averaged_in_scores_and_out_of_fold(make_inputs, context, task):
    with open_trainer(make_inputs(task, strategy="repeated"), {}, context()) as trainer:
        bench = trainer.bench
        assert (bench.folds, bench.repeats) == (6, True)
        (one,) = trainer.fit_and_score("all", [proposal("b", "lightgbm", BOOSTED)], lambda *_: 6, folds=6)
        oof = blended(bench, {"b": 1.0}, trainer.pool)
        rows = bench.held_rows(range(6))
        row = int(rows[0])
        each = [one.held[fold][np.flatnonzero(bench.row_numbers(fold)[1] == row)] for fold in range(6)]
        own = np.concatenate([values for values in each if len(values)])
        assert len(own) == 3
        assert np.allclose(oof[row], own.mean(axis=0))
        assert np.isfinite(oof).all(axis=1).sum() == bench.development
        measure = bench.yardstick(range(6))
        known = np.unique(rows)
        assert len(measure.truth) == bench.development
        assert np.isclose(measure.loss(one.predictions(range(6))), measure.loss(oof[known]))
        assert np.isclose(one.candidate.loss, measure.loss(oof[known]))
        # Intervals count rows, not predictions.
        assert measure.interval(one.predictions(range(6)), np.random.default_rng(0)).n == bench.development


class Counting:
    """A learner that writes down what it is asked for, and would stop where its held-out rows say."""

    view = "dense"
    merge = None

    def __init__(self):
        self.fits: list[Fit] = []

    def fit(self, fit: Fit) -> Fitted:
        self.fits.append(fit)
        return Fitted(predictor=None, iterations=17 if fit.iterations is None else fit.iterations)  # type: ignore[arg-type]  # never asked


def test_a_row_alone_does_not_choose_when_its_own_fit_stops():
    rows = Rows(values=np.arange(50.0)[:, None], truth=np.arange(50.0))
    alone = Rows(values=np.array([[99.0]]), truth=np.array([99.0]))
    learner = Counting()
    fit = Fit(train=rows, held=alone, categorical=(), task="regression", outputs=1, params={}, seed=3)
    assert fit_apart(learner, fit).iterations == 17
    found, made = learner.fits
    assert found.held is not None
    assert 99.0 not in found.held.truth
    assert not set(found.held.truth) & set(found.train.truth)
    assert set(found.held.truth) | set(found.train.truth) == set(rows.truth)
    assert (made.held, made.iterations, len(made.train.truth)) == (None, 17, 50)
