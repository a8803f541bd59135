from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import StageContext
from tenfold.foundation.errors import InputError
from tenfold.records.model import Candidate, FitDecision
from tenfold.stages.tuning.journal import History
from tenfold.stages.tuning.methods import choose_method
from tenfold.stages.tuning.options import TuningOptions
from tenfold.stages.tuning.search import Search
from tenfold.stages.tuning.spaces import Choice, Range, space_of
from tenfold.stages.tuning.study import Study, StudyPlan, as_proposal, bars


@dataclass(frozen=True)
class Tried:
    candidate: Candidate
    first_loss: float
    curve: tuple[float, ...] = ()
    dropped: str = ""
    made: int = 0
    measured: dict[str, float] = field(default_factory=dict)
    rejected: str = ""


@dataclass
class Clock:
    seconds: float = 0.0

    def now(self):
        raise AssertionError("the search does not ask for the date")

    def monotonic(self):
        return self.seconds


def valley(params) -> float:
    """Lowest, at 0.1, for 30 leaves and a learning rate of 0.05."""
    leaves = math.log(params["num_leaves"] / 30) ** 2
    return 0.1 + 0.02 * leaves + 0.02 * math.log(params["learning_rate"] / 0.05) ** 2


@dataclass
class FakeTrainer:
    """Scores by a formula; each fit of a fold takes ``seconds``."""

    known: list[Tried]
    clock: Clock = field(default_factory=Clock)
    seconds: float = 1.0
    finishing: float = 2.0
    asked: list[str] = field(default_factory=list)
    barred: list[tuple[float, ...]] = field(default_factory=list)

    @property
    def complete(self):
        done = [each for each in self.known if not each.dropped]
        return sorted(done, key=lambda each: each.candidate.loss)

    def fit_and_score(
        self, name, proposals, keep, *, folds, share=None, deadline=None, bars=(), shares=None, by_rows=False
    ):
        self.asked.append(name)
        self.barred.append(bars)
        made = []
        for proposal in proposals:
            loss = valley({"num_leaves": 31, "learning_rate": 0.1, **proposal.params})
            self.clock.seconds += self.seconds
            folds = keep(proposal, self.seconds, loss)
            self.clock.seconds += self.seconds * max(0, folds - 1)
            fits = tuple(FitDecision(fold=fold, iterations=50, seed=1) for fold in range(max(folds, 1)))
            candidate = replace(proposal, loss=loss, score=1 - loss, fits=fits, seconds=self.seconds * len(fits))
            made.append(Tried(candidate=candidate, first_loss=loss, dropped="" if folds else "race"))
        self.known += made
        return made

    def prepare(self, deadline):
        return self.finishing


def tried(key: str, params, learner: str = "lightgbm") -> Tried:
    loss = valley({"num_leaves": 31, "learning_rate": 0.1, **params})
    candidate = replace(as_proposal(learner, 0, params), key=key, loss=loss, score=1 - loss, seconds=5.0)
    return Tried(candidate=candidate, first_loss=loss)


def search(trainer, ctx=None, rows=5000, **options) -> Search:
    ctx = ctx or StageContext(rng=np.random.default_rng(1))
    facts = {"folds": 5, "usual_seconds": 1.0, "tried": len(trainer.known)}
    made = Search(trainer, TuningOptions(**options), ctx, facts=facts, rows=rows)
    while made.goes_on():
        made.make_batch()
    return made


STARTS = [{"num_leaves": 300}, {"num_leaves": 100}, {"num_leaves": 8}, {"learning_rate": 0.15}]


def starters() -> list[Tried]:
    return [tried(f"start-{number}", params) for number, params in enumerate(STARTS)]


@pytest.mark.parametrize("method", ["random", "bayesian"])
def test_every_trial_is_recorded_and_stands_inside_the_space(method):
    trainer = FakeTrainer(starters())
    made = search(trainer, method=method, budget_trials=34)
    assert [trial.number for trial in made.trials] == list(range(30))
    space = space_of("lightgbm", 5000, 0.02)
    for trial in made.trials:
        assert set(trial.params) == set(space)
        for name, each in space.items():
            if isinstance(each, Range):
                assert each.low <= trial.params[name] <= each.high
            else:
                assert trial.params[name] in each.values
        assert trial.state in {"complete", "pruned"}
        assert trial.loss is not None


@pytest.mark.parametrize("method", ["random", "bayesian"])
def test_the_same_seed_gives_the_same_trials(method):
    one = search(FakeTrainer(starters()), method=method, budget_trials=20)
    other = search(FakeTrainer(starters()), method=method, budget_trials=20)
    assert one.trials == other.trials
    changed = StageContext(rng=np.random.default_rng(1), seed=8)
    assert search(FakeTrainer(starters()), changed, method=method, budget_trials=20).trials != one.trials


def test_the_search_finds_the_valley():
    made = search(FakeTrainer(starters()), method="bayesian", budget_trials=64)
    before = min(each.candidate.loss for each in starters())
    after = min(trial.loss for trial in made.trials if trial.state == "complete")
    assert after < 0.1 + 0.5 * (before - 0.1)


def test_trials_worse_on_the_first_fold_than_half_of_the_others_are_pruned():
    made = search(FakeTrainer(starters()), method="random", budget_trials=44)
    pruned = [trial for trial in made.trials if trial.state == "pruned"]
    complete = [trial for trial in made.trials if trial.state == "complete"]
    assert len(pruned) >= 10
    assert len(complete) >= 10
    assert np.median([trial.loss for trial in complete]) < np.median([trial.loss for trial in pruned])
    assert all(trial.reason == "race" for trial in pruned)
    assert max(trial.seconds for trial in pruned) < min(trial.seconds for trial in complete)


def test_time_is_kept_for_finishing():
    clock = Clock()
    trainer = FakeTrainer(starters(), clock=clock, seconds=1.0, finishing=10.0)
    ctx = StageContext(rng=np.random.default_rng(1), clock=clock, deadline=Deadline.after(120.0, clock))
    made = search(trainer, ctx)
    assert made.trials
    assert clock.seconds <= 120.0 - 10.0
    assert "time" in made.stopped


def test_few_rows_bear_few_trials():
    clock = Clock()
    trainer = FakeTrainer(starters(), clock=clock, seconds=0.001)
    ctx = StageContext(rng=np.random.default_rng(1), clock=clock, deadline=Deadline.after(1000.0, clock))
    made = search(trainer, ctx, rows=300)
    assert len(made.trials) == 12
    assert "rows" in made.stopped


def test_a_learner_without_settings_is_not_searched():
    made = search(FakeTrainer([tried("line", {}, learner="linear")]), budget_trials=20)
    assert made.trials == []
    assert "tuned" in made.stopped


def test_a_second_learner_is_searched_while_it_is_near():
    near = tried("forest", {"trees": 80, "max_features": "sqrt", "num_leaves": 75}, learner="random_forest")
    made = search(FakeTrainer([*starters(), near]), budget_trials=35)
    learners = [trial.learner for trial in made.trials]
    assert {"lightgbm", "random_forest"} == set(learners)
    assert learners.count("lightgbm") > learners.count("random_forest")
    forest = next(trial for trial in made.trials if trial.learner == "random_forest")
    assert forest.params["trees"] == 80


def test_an_interrupted_search_learns_from_what_was_tried_then():
    plan = StudyPlan(learner="lightgbm", space=space_of("lightgbm", 5000, 0.02), method="random", seed=1)
    study = Study(plan, History(), starters())
    asked = study.ask(0)
    other = tried("then", {**asked.params, "num_leaves": 17})
    study.tell(asked, other)
    assert study.ask(1).trial.number == asked.trial.number + 2


def test_bars_are_beyond_the_worst_of_what_finished_and_wait_for_enough():
    curves = [(0.9, 0.5), (0.8, 0.6), (0.7, 0.4), (0.95, 0.3)]
    attempts = [replace_curve(each, curve) for each, curve in zip(starters(), curves, strict=True)]
    assert bars(attempts) == pytest.approx((1.1 * 0.95, 1.1 * 0.6))
    assert bars(attempts[:3]) == ()


def replace_curve(attempt: Tried, curve) -> Tried:
    return Tried(candidate=attempt.candidate, first_loss=attempt.first_loss, curve=curve)


def test_auto_draws_at_random_when_there_is_nothing_to_learn_from():
    assert choose_method("auto", known=4, expected=3).method == "random"
    assert choose_method("auto", known=9, expected=30).method == "bayesian"
    assert choose_method("auto", known=9, expected=None).method == "bayesian"
    assert "3 trials" in choose_method("auto", known=4, expected=3).reason
    assert choose_method("random", known=9, expected=30).method == "random"


def test_a_method_by_name_says_what_auto_would_have_taken():
    reason = choose_method("grid", known=4, expected=1).reason
    assert reason.startswith(
        "the file says so (`tuning.method`); `auto` would take random: about 1 trial is affordable"
    )
    assert ", as `auto` would: " in choose_method("bayesian", known=20, expected=60).reason


def test_an_unknown_method_is_named_with_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'bayesian'"):
        choose_method("bayes", known=1, expected=1)


def test_values_outside_of_a_space_move_to_its_edge():
    assert Range(low=1, high=8, usual=2).nearest(511) == 8
    assert Range(low=0.1, high=1.0, usual=0.5).nearest("sqrt") == 0.5
    assert Choice(values=(63, 255), usual=255).nearest(511) == 255
