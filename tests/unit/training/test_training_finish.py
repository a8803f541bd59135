from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import polars as pl
import pytest
from training_tables import TickingClock

from tenfold.bundle.member import Member as ServedMember
from tenfold.foundation.clock import Deadline
from tenfold.records.model import Candidates, Member
from tenfold.stages.training.bench import ALL_ROWS, lay_out_views
from tenfold.stages.training.ensemble import Blend
from tenfold.stages.training.finish import finish
from tenfold.stages.training.fitting import proposal
from tenfold.stages.training.run import rebuild
from tenfold.stages.training.trainer import open_trainer

PARTS = {
    "lightgbm": {"learning_rate": 0.1, "num_leaves": 7, "bagging_fraction": 0.8},
    "random_forest": {"trees": 15},
    "linear": {},
}


@contextmanager
def trained(inputs, ctx, learners=tuple(PARTS)):
    """Give a trainer that has scored one candidate of each learner."""
    with open_trainer(inputs, {}, ctx) as trainer:
        folds = trainer.bench.folds
        proposals = [proposal(name, name, PARTS[name]) for name in learners]
        trainer.fit_and_score("all", proposals, lambda *_: folds, folds=folds)
        yield trainer


@pytest.mark.parametrize("strategy", ["auto", "holdout"])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_members_are_rebuilt_from_their_decisions_to_equal_bytes(make_inputs, context, task, strategy):
    inputs = make_inputs(task, strategy=strategy)
    ctx = context()
    with trained(inputs, ctx) as trainer:
        blend = Blend(weights={"lightgbm": 0.5, "random_forest": 0.3, "linear": 0.2}, loss=0.0)
        made = finish(trainer.bench, blend, trainer.pool, ctx, Deadline())
    record = Candidates(metric="any", candidates=made.candidates, members=made.members)
    assert rebuild(*inputs, record, made.members, ctx) == made.files


def test_folds_are_merged_in_kfold_and_fitted_again_on_all_rows_in_holdout(make_inputs, context):
    for strategy, refitted in (("auto", False), ("holdout", True)):
        ctx = context()
        with trained(make_inputs(strategy=strategy), ctx, ("lightgbm",)) as trainer:
            made = trainer.assemble(Deadline())
        folds = [decision.fold for decision in made.candidates[0].fits]
        assert (ALL_ROWS in folds) == refitted


def test_a_refit_makes_some_more_rounds_than_the_fold(make_inputs, context):
    ctx = context()
    with trained(make_inputs(strategy="holdout"), ctx, ("lightgbm",)) as trainer:
        fits = trainer.assemble(Deadline()).candidates[0].fits
    assert fits[0].iterations <= fits[1].iterations <= 1.2 * fits[0].iterations


def test_served_members_predict_held_rows_as_well_as_their_folds_did(make_inputs, context):
    inputs = make_inputs("regression")
    ctx = context()
    with trained(inputs, ctx) as trainer:
        made = trainer.assemble(Deadline())
    table = pl.read_parquet(inputs[1].files["table.parquet"])
    test = np.flatnonzero(pl.read_parquet(inputs[2].files["split.parquet"])["part"].to_numpy() == "test")
    scores = np.zeros((len(test), 1))
    for member in made.members:
        prefix = f"{member.key}/"
        files = {name.removeprefix(prefix): body for name, body in made.files.items() if name.startswith(prefix)}
        served = ServedMember.from_files(files)
        assert served.weight == member.weight
        scores += served.weight * served.scores(table[test])
    truth = table["target"].to_numpy()[test]
    assert np.sqrt(np.mean((scores[:, 0] - truth) ** 2)) < 0.75 * truth.std()
    known = ~np.isnan(made.oof[:, 0])
    assert known.sum() == 204
    assert not known[test].any()


def test_without_time_for_refits_boosters_serve_their_folds_and_others_leave(make_inputs, context):
    ctx = context()
    with trained(make_inputs(strategy="holdout"), ctx) as trainer:
        lay_out_views(trainer.bench, [("native", ALL_ROWS), ("filled", ALL_ROWS)], ctx)
        blend = Blend(weights={"lightgbm": 0.5, "random_forest": 0.5}, loss=0.0)
        clock = TickingClock(seconds=10.0)
        made = finish(trainer.bench, blend, trainer.pool, ctx, Deadline(at_seconds=1.0, clock=clock))
    assert [(member.key, member.weight) for member in made.members] == [("lightgbm", 1.0)]
    assert [decision.fold for decision in made.candidates[0].fits] == [0]


def test_an_ensemble_that_cannot_be_made_becomes_the_constant(make_inputs, context):
    ctx = context()
    with trained(make_inputs(), ctx, ("linear",)) as trainer:
        clock = TickingClock(seconds=10.0)
        blend = Blend(weights={"linear": 1.0}, loss=0.0)
        made = finish(trainer.bench, blend, trainer.pool, ctx, Deadline(at_seconds=1.0, clock=clock))
    assert made.members == (Member(key="constant", weight=1.0),)


def test_rebuild_of_the_constant_gives_equal_bytes(make_inputs, context):
    inputs = make_inputs()
    ctx = context()
    with open_trainer(inputs, {}, ctx) as trainer:
        made = trainer.assemble(Deadline())
    record = Candidates(metric="any", candidates=made.candidates, members=made.members)
    assert rebuild(*inputs, record, made.members, ctx) == made.files


def test_models_of_folds_are_kept_for_the_best_alone(make_inputs, context):
    ctx = context()
    with open_trainer(make_inputs(), {}, ctx) as trainer:
        few = [
            proposal(f"boosted-{leaves}", "lightgbm", {**PARTS["lightgbm"], "num_leaves": leaves})
            for leaves in range(3, 12)
        ]
        trainer.fit_and_score("all", few, lambda *_: 2, folds=2)
        kept = [bool(one.folds) for one in trainer.complete]
    assert kept == [True] * 6 + [False] * 3
