"""In every fold it is proved that what is fitted saw none of the rows that measure; a planted leak is caught."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tenfold.bundle.matrix import Matrix
from tenfold.bundle.view import FittedView
from tenfold.stages.training.in_fold import FitLeaked, prove, state
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.training.run import run

TABLE = pl.DataFrame({"x": np.arange(40.0)})
TRAIN, HELD = np.arange(30), np.arange(30, 40)


class Centred:
    """Stands in for a fitted view: takes off a mean that it learned."""

    def __init__(self, mean: float):
        self.mean = mean

    def files(self):
        return {"view.json": str(self.mean).encode()}

    def apply(self, table):
        return Matrix(values=table["x"].to_numpy()[:, None] - self.mean, names=("x",), categorical=())


class CentredOnWhatItSees(Centred):
    """A wrong transform: it takes off the mean of the rows that it is applied to."""

    def apply(self, table):
        return Matrix(values=(table["x"] - table["x"].mean()).to_numpy()[:, None], names=("x",), categorical=())


class LearnsOnTheWay(Centred):
    """A wrong transform: what it is applied to moves what it learned."""

    def apply(self, table):
        self.mean = 0.5 * self.mean + 0.5 * float(table["x"].mean())
        return super().apply(table)


def proved(view, *, train=TRAIN, held=HELD):
    before = state(view)
    values = view.apply(TABLE[held]).values
    prove("scaled", 0, view, TABLE, train=train, held=held, values=values, before=before)


def test_a_transform_that_was_fitted_on_rows_that_train_alone_passes():
    proved(Centred(14.5))


@pytest.mark.parametrize(
    ("view", "why"), [(CentredOnWhatItSees(0.0), "fewer rows"), (LearnsOnTheWay(14.5), "changed when it was applied")]
)
def test_a_transform_that_learns_from_rows_that_measure_is_caught(view, why):
    with pytest.raises(FitLeaked, match=why):
        proved(view)


def test_a_fit_on_a_row_that_measures_is_caught():
    with pytest.raises(FitLeaked, match="1 of the rows that measure it, such as row 30"):
        proved(Centred(14.5), train=np.append(TRAIN, 30))


def test_training_keeps_the_proof_of_every_fold(make_inputs, context):
    result = run(*make_inputs(), TrainingOptions(budget_trials=1), context())
    found = json.loads(result.files["in_fold.json"])
    assert [one["fold"] for one in found] == [0, 1]
    # With two folds, what trains in one measures in the other.
    assert (found[0]["fitted"], found[0]["held"]) == (found[1]["held"], found[1]["fitted"])
    assert found[0]["fitted"] != found[0]["held"]


def test_a_wrong_transform_stops_training(make_inputs, context, monkeypatch):
    apply = FittedView.apply

    def wrong(self, table):
        matrix = apply(self, table)
        return replace(matrix, values=matrix.values - np.nanmean(matrix.values, axis=0))

    monkeypatch.setattr(FittedView, "apply", wrong)
    with pytest.raises(FitLeaked, match="learns from the rows that it is applied to"):
        run(*make_inputs(), TrainingOptions(budget_trials=1), context())
