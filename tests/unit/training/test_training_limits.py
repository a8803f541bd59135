from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import Received
from tenfold.measures.rank import roc_auc
from tenfold.records.problem import Bound, Requirement
from tenfold.stages.training import run as training
from tenfold.stages.training.fidelity import iterations_at
from tenfold.stages.training.fitting import proposal
from tenfold.stages.training.optimism import correct, row_losses
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.training.trainer import open_trainer
from tenfold.stages.tuning import run as tuning
from tenfold.stages.tuning.options import TuningOptions


def limited(inputs, most: float, metric: str = "size_mb"):
    """Return the inputs with a must on what the model costs."""
    asked = Requirement(id="small", metric=metric, direction="<=", bound=Bound(offset=most), text=f"{metric} <= {most}")
    return (replace(inputs[0], record=replace(inputs[0].record, requirements=(asked,))), *inputs[1:])


def tuned(inputs, ctx, folder: Path, **options):
    first = training.run(*inputs, TrainingOptions(budget_trials=3, learners=("linear", "lightgbm")), ctx)
    kept = {}
    for name, content in first.files.items():
        kept[name] = folder / "training" / name
        kept[name].parent.mkdir(parents=True, exist_ok=True)
        kept[name].write_bytes(content)
    received = Received(record=first.record, files=kept)
    return first, tuning.run(*inputs, received, TuningOptions(**options), ctx, open_trainer=open_trainer)


@pytest.mark.slow
def test_a_candidate_beyond_a_limit_is_rejected_with_its_figure_and_never_a_member(make_inputs, context, tmp_path):
    space = {"lightgbm": {"num_leaves": (2, 60), "learning_rate": (0.02, 0.3)}}
    inputs = limited(make_inputs(), 0.012)
    _, result = tuned(inputs, context(), tmp_path, method="grid", budget_trials=9, space=space)
    states = {trial.number: trial.state for trial in result.record.trials}
    rejected = [trial for trial in result.record.trials if trial.state == "rejected"]
    assert rejected, states
    for trial in rejected:
        assert trial.requirement == "small"
        assert trial.measured["size_mb"] > 0.012
        assert "size_mb is" in trial.reason
    kept = {f"trial-{trial.number:03d}" for trial in rejected}
    assert not kept & {key for key, _ in result.record.members}
    assert sum(result.record.counts().values()) == len(result.record.trials)


def test_where_nothing_keeps_a_limit_the_constant_is_served(make_inputs, context, tmp_path):
    inputs = limited(make_inputs(), 1e-6)
    first, result = tuned(inputs, context(), tmp_path, method="random", budget_trials=5)
    assert result.record.members == (("constant", 1.0),)
    assert all("requirement small" in why for why in first.record.facts["left_out"].values())


def test_without_a_limit_nothing_is_measured(make_inputs, context, tmp_path):
    _, result = tuned(make_inputs(), context(), tmp_path, method="random", budget_trials=5)
    assert all(trial.measured == {} for trial in result.record.trials)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["grid", "hyperband", "asha"])
def test_equal_trials_give_equal_bytes_and_can_be_rebuilt(make_inputs, context, tmp_path, method):
    inputs = make_inputs()
    options = {"method": method, "budget_trials": 9}
    _, one = tuned(inputs, context(), tmp_path, **options)
    _, other = tuned(inputs, context(), tmp_path, **options)
    vary = {"candidates.json", "study.journal"}
    assert {k: v for k, v in one.files.items() if k not in vary} == {
        k: v for k, v in other.files.items() if k not in vary
    }
    assert one.record.members == other.record.members
    if method != "grid":
        assert any(len(trial.rungs) > 1 for trial in one.record.trials)
        assert all(trial.epochs == sum(rung.iterations for rung in trial.rungs) for trial in one.record.trials)


@pytest.mark.parametrize("by_rows", [False, True])
def test_a_part_of_a_fit_goes_on_from_the_smaller_part(make_inputs, context, by_rows):
    with open_trainer(make_inputs(), {}, context()) as trainer:
        candidate = proposal("one", "lightgbm", {"learning_rate": 0.1, "num_leaves": 4})

        def keep(*_: object) -> int:
            return trainer.bench.folds

        def scored(name: str, share: float):
            (found,) = trainer.fit_and_score(
                name, [candidate], keep, folds=trainer.bench.folds, shares={"one": share}, by_rows=by_rows
            )
            return found

        small, large, whole = scored("a", 1 / 27), scored("b", 1 / 9), scored("c", 1.0)
    assert list(small.held) == list(large.held) == [0]
    assert small.dropped == large.dropped == "race"
    assert whole.dropped == ""
    if not by_rows:
        assert small.made == iterations_at("lightgbm", candidate.params, 1 / 27) == 15
        assert small.made + large.made == iterations_at("lightgbm", candidate.params, 1 / 9)
        assert large.first_loss < small.first_loss


@pytest.mark.parametrize("seed", range(3))
def test_the_corrected_score_of_the_best_of_many_guesses_is_chance(seed):
    rng = np.random.default_rng(seed)
    truth = np.tile([0, 1], 100)
    guesses = {str(number): scores(rng, len(truth)) for number in range(100)}
    losses = {key: row_losses("log_loss", "binary", truth, each, np.log(2)) for key, each in guesses.items()}
    best = max(roc_auc(truth == 1, each[:, 1]) for each in guesses.values())
    found = correct(
        guesses,
        losses,
        loss=lambda rows: lambda values: float(row_losses("log_loss", "binary", truth[rows], values, 1.0).mean()),
        score=lambda rows, values: roc_auc(truth[rows] == 1, values[:, 1]),
        ranks=None,
        rng=rng,
        deadline=Deadline(),
    )
    assert best > 0.57
    assert found.low is not None
    assert found.low <= 0.5 <= found.high
    assert abs(found.value - 0.5) < abs(best - 0.5)


def scores(rng: np.random.Generator, rows: int):
    share = rng.uniform(0.3, 0.7, rows)
    return np.column_stack([1 - share, share])
