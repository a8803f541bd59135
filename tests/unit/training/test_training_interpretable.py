"""Where a person must be able to read the model, one readable model serves alone, and its price is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tenfold.foundation.context import Received
from tenfold.foundation.serial import from_json
from tenfold.records.model import Candidates
from tenfold.stages.training import run as training
from tenfold.stages.training.learners import READABLE, learner_called
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.training.protocols import Fit, Rows
from tenfold.stages.training.trainer import open_trainer
from tenfold.stages.tuning import run as tuning
from tenfold.stages.tuning.options import TuningOptions


def carried(inputs, ctx, folder: Path, **options) -> Received[Candidates]:
    result = training.run(*inputs, TrainingOptions(budget_trials=8, interpretable=True, **options), ctx)
    for name, content in result.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Received(record=result.record, files={name: folder / name for name in result.files})


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_one_readable_model_serves_alone_and_its_price_is_told(make_inputs, context, tmp_path, task):
    inputs = make_inputs(task)
    candidates = carried(inputs, context(), tmp_path)
    result = tuning.run(*inputs, candidates, TuningOptions(budget_trials=12), context(), open_trainer=open_trainer)
    everything = from_json(Candidates, result.files["candidates.json"])
    assert len(result.record.members) == 1
    assert everything.candidate(result.record.members[0][0]).learner in READABLE
    free = everything.candidate("lightgbm-usual")
    assert free.origin == "reference"
    assert "not served" in everything.note
    assert f"{free.score:.4g}" in everything.note
    assert {trial.learner for trial in result.record.trials} <= set(READABLE)


def interacting(rows: int, seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 3))
    truth = values[:, 0] + np.sign(values[:, 1] * values[:, 2]) + 0.1 * rng.normal(size=rows)
    return Rows(values=values, truth=truth)


def fit_of(learner: str, **params) -> Fit:
    return Fit(
        train=interacting(1500, 1),
        held=interacting(500, 2),
        categorical=(),
        task="regression",
        outputs=1,
        params=params,
        seed=5,
    )


def test_what_an_additive_model_adds_for_one_column_does_not_depend_on_the_others():
    predictor = learner_called("additive").fit(fit_of("additive", learning_rate=0.2, num_leaves=6)).predictor
    rng = np.random.default_rng(3)
    here, there = rng.normal(size=(2, 200, 3))
    for column in range(3):
        moved_here, moved_there = here.copy(), there.copy()
        moved_here[:, column] = moved_there[:, column] = 0.5
        here[:, column] = there[:, column] = -0.5
        step_here = predictor.predict(moved_here) - predictor.predict(here)
        step_there = predictor.predict(moved_there) - predictor.predict(there)
        np.testing.assert_allclose(step_here, step_there, atol=1e-9)


def test_a_sparse_linear_model_leaves_out_columns_that_say_nothing():
    rng = np.random.default_rng(4)
    values = rng.normal(size=(600, 30))
    for task, outputs in (("regression", 1), ("binary", 2), ("multiclass", 3)):
        signal = 2.0 * values[:, 0] - values[:, 1] + 0.5 * rng.normal(size=600)
        truth = {"regression": signal, "binary": (signal > 0).astype(np.int64)}.get(
            task, np.digitize(signal, [-1.0, 1.0]).astype(np.int64)
        )
        half = Rows(values=values[:400], truth=truth[:400]), Rows(values=values[400:], truth=truth[400:])
        fit = Fit(train=half[0], held=half[1], categorical=(), task=task, outputs=outputs, params={}, seed=1)
        coef = learner_called("sparse_linear").fit(fit).predictor.coef
        used = np.abs(coef).max(axis=1) > 1e-9
        assert used[:2].all()
        assert used[2:].sum() <= 14


def test_a_tree_has_no_more_leaves_than_asked():
    predictor = learner_called("tree").fit(fit_of("tree", max_leaf_nodes=7)).predictor
    assert predictor.trees == 1
    assert len(predictor.values) <= 7
