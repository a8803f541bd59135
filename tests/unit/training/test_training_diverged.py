"""A trial that diverges never wins, never stops the others, and is told."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from tenfold.foundation.serial import from_json
from tenfold.records.model import Candidate
from tenfold.stages.training import run as training
from tenfold.stages.training.convergence.actions import Convergence
from tenfold.stages.training.fitting import proposal
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.training.scored import Scored, read_scored
from tenfold.stages.training.trainer import CONVERGENCE_FILE, open_trainer


@dataclass
class Heard:
    """Keeps every event."""

    events: list = field(default_factory=list)

    def emit(self, event):
        self.events.append(event)


def keep(*_):
    return 2


HOPELESS = proposal("hopeless", "mlp", {"learning_rate_init": 1e30})
WILD = proposal("wild", "lightgbm", {"learning_rate": 50.0})
SOUND = proposal("sound", "lightgbm", {"learning_rate": 0.1})


@pytest.fixture
def raced(make_inputs, context):
    heard = Heard()
    with open_trainer(make_inputs(rows=300), {}, context(events=heard)) as trainer:
        trainer.fit_and_score("rung", [HOPELESS, WILD, SOUND], keep, folds=2)
        yield trainer, heard, trainer.assemble


def test_a_trial_without_a_number_never_wins_and_the_others_go_on(raced):
    trainer, _, _ = raced
    assert trainer.pool["hopeless"].dropped.startswith("the network diverged")
    assert "hopeless" not in trainer.blend().weights
    assert trainer.complete[0].key == "sound"
    assert trainer.pool["sound"].candidate.curve is not None


def test_what_rules_found_is_an_event_a_note_and_a_sentence(raced):
    trainer, heard, assemble = raced
    told = {(event.facts["key"], event.facts["rule"]) for event in heard.events if "rule" in event.facts}
    assert {("hopeless", "not_a_number"), ("wild", "divergence")} <= told
    candidates = {each.key: each for each in assemble(trainer._ctx.deadline).candidates}
    assert "divergence" in candidates["wild"].note
    assert candidates["sound"].low is not None
    sentences = trainer.findings()
    assert any("`not_a_number`: 'hopeless' at iteration 1 of fold 0" in one for one in sentences)
    assert any("`divergence`: 'wild'" in one and "training: {convergence:" in one for one in sentences)


def test_a_failed_trial_is_read_back_with_what_was_found(raced):
    trainer, _, _ = raced
    (again,) = read_scored(trainer.pool["hopeless"].files())
    assert [each.rule for each in again.candidate.convergence] == ["not_a_number", "exploding_weights"]
    (wild,) = read_scored(trainer.pool["wild"].files())
    assert wild.candidate == trainer.pool["wild"].candidate


def test_what_is_asked_of_the_rules_reaches_every_fit_and_the_search_after_it(make_inputs, context):
    asked = Convergence(divergence="stop", patience=5)
    inputs = make_inputs(rows=300)
    result = training.run(
        *inputs, TrainingOptions(budget_trials=1, learners=("lightgbm",), convergence=asked), context()
    )
    (candidate,) = (each for each in result.record.candidates if each.learner == "lightgbm")
    assert candidate.curve.iterations[-1] - candidate.curve.kept == 5
    assert from_json(Convergence, result.files[CONVERGENCE_FILE]) == asked
    with open_trainer(inputs, result.files, context()) as trainer:
        (wild,) = trainer.fit_and_score("batch", [WILD], keep, folds=2)
    assert wild.made == 2


def test_a_loss_that_is_no_number_cannot_be_written_as_one():
    candidate = Candidate(key="x", learner="linear", params={}, view="dense", loss=math.inf, score=math.nan)
    (again,) = read_scored(Scored(candidate=candidate, held={}, dropped="its loss is no number").files())
    assert again.dropped == "its loss is no number"
    assert not np.isfinite(again.candidate.loss)
