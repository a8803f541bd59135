from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training_tables import BackwardsMap, MemoryCheckpoints, TickingClock

from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import InlineMap, Received
from tenfold.foundation.serial import from_json
from tenfold.records.model import Candidates
from tenfold.stages.training import run as training
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.training.trainer import open_trainer
from tenfold.stages.tuning import run as tuning
from tenfold.stages.tuning.options import TuningOptions

LEARNERS = ("linear", "lightgbm")


def carried(inputs, ctx, folder: Path, trials: int = 3) -> Received[Candidates]:
    result = training.run(*inputs, TrainingOptions(budget_trials=trials, learners=LEARNERS), ctx)
    for name, content in result.files.items():
        path = folder / "training" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Received(record=result.record, files={name: folder / "training" / name for name in result.files})


def served(files):
    return {name: content for name, content in files.items() if name not in {"candidates.json", "study.journal"}}


@pytest.mark.parametrize("method", ["random", "bayesian"])
def test_two_searches_with_the_same_trials_give_equal_bytes(make_inputs, context, tmp_path, method):
    inputs = make_inputs()
    candidates = carried(inputs, context(), tmp_path)
    options = TuningOptions(method=method, budget_trials=7)
    one = tuning.run(*inputs, candidates, options, context(), open_trainer=open_trainer)
    other = tuning.run(*inputs, candidates, options, context(map=BackwardsMap()), open_trainer=open_trainer)
    assert served(one.files) == served(other.files)
    assert one.record.members == other.record.members
    assert [(each.params, each.state, each.loss) for each in one.record.trials] == [
        (each.params, each.state, each.loss) for each in other.record.trials
    ]
    # Three of the seven were tried by training.
    assert [each.number for each in one.record.trials] == [0, 1, 2, 3]
    assert one.record.method == method


def test_the_search_never_loses_what_training_found(make_inputs, context, tmp_path):
    inputs = make_inputs("regression")
    candidates = carried(inputs, context(), tmp_path)
    result = tuning.run(*inputs, candidates, TuningOptions(budget_trials=7), context(), open_trainer=open_trainer)
    assert result.record.best_before is not None
    assert result.record.best_after <= result.record.best_before
    everything = from_json(Candidates, result.files["candidates.json"])
    tried = {candidate.key for candidate in everything.candidates}
    assert tried >= {candidate.key for candidate in candidates.record.candidates}
    assert {key for key, _ in result.record.members} <= tried
    assert sum(weight for _, weight in result.record.members) == pytest.approx(1.0)
    oof = np.load(io.BytesIO(result.files["oof.npy"]))
    assert oof.shape == (240, 1)
    assert (~np.isnan(oof[:, 0])).sum() == 204


def test_a_tuned_ensemble_is_rebuilt_to_equal_bytes(make_inputs, context, tmp_path):
    inputs = make_inputs()
    candidates = carried(inputs, context(), tmp_path)
    result = tuning.run(*inputs, candidates, TuningOptions(budget_trials=7), context(), open_trainer=open_trainer)
    everything = from_json(Candidates, result.files["candidates.json"])
    again = training.rebuild(*inputs, everything, everything.members, context())
    members = {
        name: body for name, body in result.files.items() if name not in {"candidates.json", "oof.npy", "study.journal"}
    }
    assert again == members


class Killed(Exception):
    """The process went away."""


class DyingMap(InlineMap):
    def __init__(self, calls: int):
        self.left = calls

    def __call__(self, function, items, *, deadline=None):
        for index, item in enumerate(items):
            if self.left == 0:
                raise Killed
            self.left -= 1
            yield index, function(item)


def test_a_killed_search_goes_on_and_ends_the_same(make_inputs, context, tmp_path):
    inputs = make_inputs()
    candidates = carried(inputs, context(), tmp_path)
    options = TuningOptions(budget_trials=7)
    whole = tuning.run(*inputs, candidates, options, context(), open_trainer=open_trainer)
    kept = MemoryCheckpoints()
    with pytest.raises(Killed):
        tuning.run(*inputs, candidates, options, context(checkpoint=kept, map=DyingMap(9)), open_trainer=open_trainer)
    assert kept.kept
    resumed = tuning.run(*inputs, candidates, options, context(checkpoint=kept), open_trainer=open_trainer)
    assert served(resumed.files) == served(whole.files)
    assert [each.params for each in resumed.record.trials] == [each.params for each in whole.record.trials]


def test_with_no_time_left_the_search_makes_nothing_and_serves_something(make_inputs, context, tmp_path):
    inputs = make_inputs()
    candidates = carried(inputs, context(), tmp_path)
    clock = TickingClock(seconds=10.0)
    ctx = context(deadline=Deadline(at_seconds=5.0, clock=clock), clock=clock)
    result = tuning.run(*inputs, candidates, TuningOptions(), ctx, open_trainer=open_trainer)
    assert result.record.trials == ()
    assert result.record.members == (("constant", 1.0),)
    assert "time" in result.record.stopped


def test_luck_is_taken_off_where_rows_are_measured_several_times_and_a_candidate_left_the_race(
    make_inputs, context, tmp_path
):
    inputs = make_inputs(rows=120, strategy="repeated")
    candidates = carried(inputs, context(), tmp_path)
    with open_trainer(inputs, candidates.files, context()) as trainer:
        last = trainer.complete[-1]
        trainer.pool["left"] = replace(last, candidate=replace(last.candidate, key="left"), dropped="race")
        corrected = trainer.correct(Deadline())
    assert corrected.value is not None
    assert 0.0 <= corrected.value <= 1.0
