from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from test_tuning_search import FakeTrainer, search, starters, tried, valley

from tenfold.foundation.context import StageContext
from tenfold.records.tuning import Trial
from tenfold.stages.tuning import gaussian
from tenfold.stages.tuning.brackets import brackets
from tenfold.stages.tuning.earlier import EarlierSearch
from tenfold.stages.tuning.journal import History
from tenfold.stages.tuning.methods import choose_method
from tenfold.stages.tuning.options import SettingRange, TuningOptions
from tenfold.stages.tuning.rungs import Asha, Hyperband, affordable
from tenfold.stages.tuning.search import Search
from tenfold.stages.tuning.spaces import Range

LISTED = {"lightgbm": {"num_leaves": (15, 31, 63), "learning_rate": (0.05, 0.1)}}


def test_brackets_equal_the_papers_table():
    # Li et al. (2018), table 1: R = 81, eta = 3; (settings, units) of each rung.
    found = [[(rung.settings, rung.units) for rung in rungs] for rungs in brackets(81, 3)]
    assert found == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]


def run_through(rungs, losses, most=10_000, jobs_at_once=4) -> list:
    made = []
    while jobs := rungs.next_jobs(jobs_at_once, most):
        for job in jobs:
            made.append(job)
            rungs.tell(job, losses(job.number))
        if len(made) > 2_000:
            break
    return made


def test_hyperband_sends_the_best_third_of_each_rung_on():
    jobs = run_through(Hyperband(), losses=lambda number: float((number * 37) % 143), most=143)
    assert len({job.number for job in jobs}) == 143
    first = [job for job in jobs if job.number < 81]
    assert [sum(job.share == share / 81 for job in first) for share in (1, 3, 9, 27, 81)] == [81, 27, 9, 3, 1]
    best = min(range(81), key=lambda number: (number * 37) % 143)
    assert [job.number for job in first if job.share == 1.0] == [best]


def test_hyperband_ends_where_every_fit_fails():
    jobs = run_through(Hyperband(longest=9), losses=lambda number: math.inf, most=17)
    assert {job.number for job in jobs} == set(range(17))


def test_asha_promotes_as_soon_as_it_may_and_never_twice():
    rungs = Asha(longest=27)
    jobs = run_through(rungs, losses=float, most=60)
    assert len({(job.number, job.share) for job in jobs}) == len(jobs)
    shares = [sum(job.share == share / 27 for job in jobs) for share in (1, 3, 9, 27)]
    assert shares[0] == 60
    assert shares[1] == 20
    assert shares[3] >= 1
    # The fourth job is the first that may be a promotion, of the best of three.
    assert next(job for job in jobs if job.share > 1 / 27).number == 0


def test_the_round_of_hyperband_fits_what_can_be_afforded():
    assert affordable(math.inf, 10_000) == 81
    assert affordable(math.inf, 50) == 27
    assert affordable(10.0, 10_000) == 9
    assert affordable(1.0, 3) == 3


def test_a_grid_tries_every_point_once_and_says_so():
    trainer = FakeTrainer(starters())
    made = search(trainer, method="grid", budget_trials=50, space=LISTED)
    points = [(trial.params["num_leaves"], trial.params["learning_rate"]) for trial in made.trials]
    assert len(points) == len(set(points)) == 6
    assert "nothing else" in made.stopped


def test_auto_takes_a_grid_when_all_listed_points_can_be_tried():
    made = search(FakeTrainer(starters()), budget_trials=50, space=LISTED)
    assert made.choice.method == "grid"
    assert "6 points" in made.choice.reason
    assert search(FakeTrainer(starters()), budget_trials=8, space=LISTED).choice.method == "random"


@pytest.mark.parametrize(
    ("facts", "method"),
    [
        ({"known": 9, "expected": 30}, "bayesian"),
        ({"known": 4, "expected": 3}, "random"),
        ({"known": 9, "expected": 60, "lanes": 32}, "random"),
        ({"known": 9, "expected": 8, "fit_seconds": 60.0}, "hyperband"),
        ({"known": 9, "expected": 30, "points": 12}, "grid"),
        ({"known": 9, "expected": 30, "points": 120}, "bayesian"),
    ],
)
def test_auto_follows_the_guidance(facts, method):
    assert choose_method("auto", **facts).method == method


@pytest.mark.parametrize("method", ["grid", "random", "bayesian", "hyperband", "asha"])
def test_every_method_alone_is_repeatable_and_accounts_for_every_trial(method):
    one = search(FakeTrainer(starters()), method=method, budget_trials=30)
    other = search(FakeTrainer(starters()), method=method, budget_trials=30)
    one.close()
    assert one.choice.method == method
    assert one.trials == other.trials
    assert [trial.number for trial in one.trials] == list(range(26))
    assert all(trial.state in {"complete", "pruned"} for trial in one.trials)
    params = [tuple(sorted(trial.params.items())) for trial in one.trials]
    assert len(set(params)) == len(params)


@pytest.mark.parametrize("method", ["grid", "random", "bayesian", "hyperband", "asha"])
def test_the_journal_is_optunas_own_and_holds_every_trial(method, tmp_path):
    import optuna
    from optuna.storages.journal import JournalFileBackend

    made = search(FakeTrainer(starters()), method=method, budget_trials=24)
    path = tmp_path / "study.journal"
    path.write_bytes(made.close())
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    study = optuna.load_study(study_name="lightgbm", storage=storage)
    told = {each.user_attrs["number"]: each for each in study.trials if "number" in each.user_attrs}
    assert sorted(told) == [trial.number for trial in made.trials]
    assert all(each.state.is_finished() for each in told.values())
    for trial in made.trials:
        assert all(trial.params[name] == value for name, value in told[trial.number].params.items())
        assert (told[trial.number].state.name == "COMPLETE") == (trial.state == "complete")
    # What training scored stands before them.
    assert len(study.trials) == len(told) + len(starters())


class Kept:
    """Checkpoints in memory, and a trainer that remembers its batches by name."""

    def __init__(self):
        self.files = {}

    def save(self, name, files):
        self.files[name] = dict(files)

    def load(self, name):
        return self.files.get(name)

    def names(self):
        return tuple(self.files)


class RememberingTrainer(FakeTrainer):
    def __init__(self, remembered, dies_after=None):
        super().__init__(starters())
        self.remembered, self.dies_after = remembered, dies_after

    def fit_and_score(self, name, proposals, keep, **rest):
        if name in self.remembered:
            self.known += self.remembered[name]
            return self.remembered[name]
        if self.dies_after is not None and len(self.remembered) >= self.dies_after:
            raise KeyboardInterrupt
        self.remembered[name] = super().fit_and_score(name, proposals, keep, **rest)
        return self.remembered[name]


@pytest.mark.parametrize("method", ["grid", "random", "bayesian", "hyperband", "asha"])
def test_a_search_that_was_killed_goes_on_and_ends_the_same(method):
    whole = search(FakeTrainer(starters()), method=method, budget_trials=24)
    checkpoint, remembered = Kept(), {}
    ctx = StageContext(rng=np.random.default_rng(1), checkpoint=checkpoint)
    with pytest.raises(KeyboardInterrupt):
        search(RememberingTrainer(remembered, dies_after=4), ctx, method=method, budget_trials=24)
    before = History(checkpoint.files["study"]["study.journal"])
    assert before.content()
    resumed = search(RememberingTrainer(remembered), ctx, method=method, budget_trials=24)
    whole.close()
    resumed.close()
    assert resumed.trials == whole.trials


def test_a_gaussian_process_finds_a_valley_in_few_trials():
    space = {
        "num_leaves": Range(low=4, high=512, usual=31, log=True),
        "learning_rate": Range(low=0.01, high=0.3, usual=0.1, log=True),
    }
    assert gaussian.suits(space)
    rng = np.random.default_rng(3)
    tried_points = [(point := gaussian.draw(space, rng), valley(point)) for _ in range(5)]
    by_chance = min(valley(gaussian.draw(space, rng)) for _ in range(20))
    for _ in range(15):
        point = gaussian.propose(space, tried_points, [], rng)
        tried_points.append((point, valley(point)))
    assert min(loss for _, loss in tried_points) < min(by_chance, 0.105)


def test_a_pending_point_keeps_the_process_from_going_to_the_same_place():
    space = {"learning_rate": Range(low=0.01, high=0.3, usual=0.1, log=True)}
    told = [({"learning_rate": rate}, (math.log(rate / 0.05)) ** 2) for rate in (0.01, 0.3)]
    first = gaussian.propose(space, told, [], np.random.default_rng(1))
    second = gaussian.propose(space, told, [first], np.random.default_rng(1))
    assert first != second


def test_earlier_trials_in_the_new_space_are_taken_over_and_the_others_listed_with_their_reason():
    def old(number, state="complete", **params):
        return Trial(
            number=number,
            learner="lightgbm",
            params=params,
            state=state,
            loss=valley({"num_leaves": 31, "learning_rate": 0.1, **params}) if state == "complete" else None,
        )

    earlier = EarlierSearch(
        run="r-1",
        trials=(
            old(0, num_leaves=31, learning_rate=0.05),
            old(1, num_leaves=400, learning_rate=0.05),
            old(2, state="pruned", num_leaves=31, learning_rate=0.06),
            old(3, num_leaves=60, learning_rate=0.08),
            old(4, num_leaves=60),
            old(5, num_leaves=60, learning_rate=0.08, lambda_l2=2.0),
        ),
        measured_on={"data": "a"},
    )
    space = {
        "lightgbm": {"num_leaves": SettingRange(low=4, high=128), "learning_rate": SettingRange(low=0.01, high=0.3)}
    }
    known = [tried("start", {})]

    def made(measured_on):
        options = TuningOptions(method="bayesian", budget_trials=9, space=space)
        found = Search(
            FakeTrainer(list(known)),
            options,
            StageContext(rng=np.random.default_rng(1)),
            facts={"folds": 5, "tried": 1},
            rows=5000,
            earlier=earlier,
            measured_on=measured_on,
        )
        while found.goes_on():
            found.make_batch()
        return found

    same = made({"data": "a"})
    assert [each.taken for each in same.earlier] == [True, False, False, True, False, False]
    reasons = [each.reason for each in same.earlier]
    assert "num_leaves: 400 is outside 4 to 128" in reasons[1]
    assert "not finished (pruned)" in reasons[2]
    assert "learning_rate" in reasons[4]
    assert "lambda_l2" in reasons[5]
    # The best is made again first: of the earlier search only losses are kept.
    assert same.trials[0].params == {"num_leaves": 31, "learning_rate": 0.05}
    changed = made({"data": "b"})
    assert not any(each.taken for each in changed.earlier)
    assert "another data" in changed.earlier[0].reason
