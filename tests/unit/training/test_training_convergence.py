"""Each rule is tripped by a real fit, and left alone by another: boosting, and scikit-learn's iterative learners."""

from __future__ import annotations

import math

import numpy as np
import pytest
from training_tables import TickingClock

from tenfold.foundation.clock import Deadline
from tenfold.stages.training.convergence.actions import REMEDIES, Convergence
from tenfold.stages.training.convergence.curve import MOST_POINTS, CurveRecorder
from tenfold.stages.training.convergence.divergence import Divergence
from tenfold.stages.training.convergence.look import Look
from tenfold.stages.training.convergence.network import DeadUnits, ExplodingWeights
from tenfold.stages.training.convergence.not_a_number import NotANumber
from tenfold.stages.training.convergence.overfitting import Overfitting
from tenfold.stages.training.convergence.plateau import Plateau
from tenfold.stages.training.convergence.slow import Slow
from tenfold.stages.training.convergence.told import NAMES, note, sentences
from tenfold.stages.training.convergence.turn import Turn
from tenfold.stages.training.learners import learner_called
from tenfold.stages.training.protocols import Fit, FitFailed, Fitted, Rows

BOOSTING = ("lightgbm", "xgboost", "catboost")
DEEP = {
    "lightgbm": {"learning_rate": 0.3, "num_leaves": 63, "min_data_in_leaf": 2},
    "xgboost": {"learning_rate": 0.3, "max_depth": 8},
    "catboost": {"learning_rate": 0.9, "depth": 8, "l2_leaf_reg": 0.1},
}


def rows(task: str, count: int, seed: int, *, noise: bool = False, scale: float = 1.0) -> Rows:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, 6))
    signal = rng.normal(size=count) if noise else values[:, 0] - values[:, 1] ** 2 + 0.5 * rng.normal(size=count)
    return Rows(values=values, truth=(signal > 0).astype(np.int64) if task == "binary" else scale * signal)


def asked(task: str, count: int = 400, *, noise: bool = False, scale: float = 1.0, **parts) -> Fit:
    given = {
        "train": rows(task, count, 1, noise=noise, scale=scale),
        "held": rows(task, count // 2, 2, noise=noise, scale=scale),
        "categorical": (),
        "task": task,
        "outputs": 2 if task == "binary" else 1,
        "params": {},
        "seed": 3,
    }
    return Fit(**{**given, **parts})


def fitted(learner: str, fit: Fit) -> Fitted:
    with np.errstate(all="ignore"):
        return learner_called(learner).fit(fit)


def found(result: Fitted) -> dict[str, int]:
    return {each.rule: each.iteration for each in result.findings}


def refused(learner: str, fit: Fit) -> FitFailed:
    with pytest.raises(FitFailed) as caught:
        fitted(learner, fit)
    return caught.value


def separable(count: int, seed: int) -> Rows:
    values = np.random.default_rng(seed).normal(size=(count, 2))
    return Rows(values=values, truth=(values[:, 0] > 0).astype(np.int64))


# No number.


@pytest.mark.parametrize("learner", ["linear", "random_forest"])
def test_targets_whose_squares_are_infinite_are_no_number(learner):
    error = refused(learner, asked("regression", scale=1e200, params={"trees": 10} if learner != "linear" else {}))
    assert [each.rule for each in error.findings] == ["not_a_number"]
    assert "infinite" in str(error)


def test_boosting_by_far_too_long_steps_ends_in_no_number_and_keeps_what_was_one():
    result = fitted("xgboost", asked("regression", params={"learning_rate": 50.0}))
    at = found(result)["not_a_number"]
    assert result.made == at > result.iterations
    assert result.learning.held[-1] is None


def test_a_network_by_far_too_long_steps_is_refused_with_what_was_found():
    error = refused("mlp", asked("binary", params={"learning_rate_init": 1e30}))
    assert {each.rule for each in error.findings} == {"not_a_number", "exploding_weights"}


@pytest.mark.parametrize("learner", [*BOOSTING, "mlp", "sparse_linear"])
def test_targets_too_large_for_numbers_are_refused_or_fitted_to_numbers(learner):
    try:
        result = fitted(learner, asked("regression", scale=1e307))
    except FitFailed:
        return
    assert np.isfinite(result.predictor.predict(rows("regression", 20, 5).values)).all()


@pytest.mark.parametrize("learner", [*BOOSTING, "mlp", "linear", "sparse_linear", "random_forest"])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_ordinary_fits_are_neither_without_number_nor_diverged_nor_dead(learner, task):
    rules = found(fitted(learner, asked(task, params={"trees": 20} if learner == "random_forest" else {})))
    assert not {"not_a_number", "divergence", "dead_units", "exploding_weights", "slow"} & set(rules)


# Divergence.


@pytest.mark.parametrize("learner", BOOSTING)
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_learning_rate_of_fifty_diverges(learner, task, capfd):
    result = fitted(learner, asked(task, params={"learning_rate": 50.0}))
    assert found(result)["divergence"] == 1
    stopped = fitted(learner, asked(task, params={"learning_rate": 50.0}, convergence=Convergence(divergence="stop")))
    assert stopped.made == 1


def test_a_network_with_steps_too_long_diverges_and_is_stopped_when_asked():
    fit = asked("regression", params={"learning_rate_init": 5.0})
    assert "divergence" in found(fitted("mlp", fit))
    stopped = fitted("mlp", asked("regression", params=fit.params, convergence=Convergence(divergence="stop")))
    assert stopped.made == found(stopped)["divergence"]


def test_a_negative_loss_that_falls_has_not_diverged():
    rule = Divergence()
    for iteration, loss in enumerate((-1.0, -1.5, -2.0), start=1):
        rule.update(Look(iteration=iteration, held=loss))
    assert rule.reading is None
    rule.update(Look(iteration=4, held=0.5))
    assert rule.reading is not None


# Plateau, and the turn of a path.


@pytest.mark.parametrize("learner", [*BOOSTING, "mlp"])
def test_a_fit_ends_on_a_plateau_and_waits_for_what_it_is_told_to(learner):
    train, held = separable(300, 1), separable(150, 2)
    noisy = Rows(values=held.values, truth=np.where(np.arange(150) % 9 == 0, 1 - held.truth, held.truth))
    fit = asked("binary", train=train, held=noisy, params={"learning_rate": 0.3} if learner != "mlp" else {})
    usual = fitted(learner, fit)
    assert found(usual)["plateau"] == usual.made > usual.iterations
    short = asked("binary", train=train, held=noisy, params=fit.params, convergence=Convergence(patience=3))
    hasty = fitted(learner, short)
    assert hasty.made - hasty.iterations == 3
    assert hasty.made <= usual.made


@pytest.mark.parametrize("learner", ["lightgbm", "mlp"])
def test_a_fit_that_goes_on_improving_is_on_no_plateau(learner):
    result = fitted(learner, asked("binary", train=separable(300, 1), held=separable(150, 2), most=15))
    assert "plateau" not in found(result)
    assert result.made == 15


@pytest.mark.parametrize("learner", ["linear", "sparse_linear"])
def test_a_path_ends_where_its_loss_turns_and_goes_on_when_asked(learner):
    # Few rows and many columns: the weaker the penalty, the more of the noise is learned.
    rng = np.random.default_rng(4)
    values = rng.normal(size=(120, 40))
    truth = values[:, 0] + 2.0 * rng.normal(size=120)
    fit = asked(
        "regression",
        train=Rows(values=values[:60], truth=truth[:60]),
        held=Rows(values=values[60:], truth=truth[60:]),
    )
    usual = fitted(learner, fit)
    assert found(usual)["turn"] == usual.made
    whole = fitted(learner, asked("regression", train=fit.train, held=fit.held, convergence=Convergence(turn="warn")))
    assert whole.made > usual.made
    assert whole.iterations == usual.iterations


def test_a_path_whose_loss_falls_to_its_end_has_not_turned():
    assert "turn" not in found(fitted("linear", asked("binary", train=separable(300, 1), held=separable(150, 2))))


# Overfitting.


@pytest.mark.parametrize("learner", BOOSTING)
def test_deep_trees_on_noise_overfit_and_stop_there_when_asked(learner):
    fit = asked("binary", noise=True, params=DEEP[learner])
    result = fitted(learner, fit)
    assert "overfit" in found(result)
    stopped = fitted(
        learner, asked("binary", noise=True, params=DEEP[learner], convergence=Convergence(overfit="stop"))
    )
    assert stopped.made == found(stopped)["overfit"] < result.made
    assert stopped.iterations == result.iterations


def test_a_network_on_noise_overfits():
    assert "overfit" in found(
        fitted("mlp", asked("binary", count=300, noise=True, params={"learning_rate_init": 0.01}))
    )


@pytest.mark.parametrize("learner", ["lightgbm", "mlp"])
def test_a_signal_in_many_rows_is_not_overfitted(learner):
    params = {"learning_rate": 0.1, "num_leaves": 7} if learner == "lightgbm" else {"layers": "narrow"}
    assert "overfit" not in found(fitted(learner, asked("regression", count=1_200, params=params)))


@pytest.mark.parametrize("learner", ["lightgbm", "mlp"])
def test_a_fit_on_few_rows_that_learned_and_turned_is_not_overfitted(learner):
    params = {"num_leaves": 15, "min_data_in_leaf": 5} if learner == "lightgbm" else {}
    for seed in range(6):
        train, held = rows("binary", 300, 2 * seed + 1), rows("binary", 75, 2 * seed + 2)
        result = fitted(learner, asked("binary", train=train, held=held, params=params))
        assert "overfit" not in found(result), f"with seed {seed}"
        assert min(each for each in result.learning.held if each is not None) < 0.5


def test_the_wobble_of_a_loss_near_zero_is_no_overfitting():
    rule = Overfitting(start=0.69)
    for iteration, held in enumerate((0.3, 0.001, 0.002), start=1):
        rule.update(Look(iteration=iteration, held=held, train=held / 10 / iteration))
    assert rule.reading is None


# Still improving.


@pytest.mark.parametrize("learner", ["lightgbm", "xgboost", "mlp"])
def test_a_fit_cut_off_while_it_improves_is_said_to_be_too_slow(learner):
    params = {"learning_rate_init": 2e-4} if learner == "mlp" else {"learning_rate": 0.01}
    limit = Deadline(at_seconds=20.0, clock=TickingClock(tick=1.0))
    result = fitted(learner, asked("regression", params=params, deadline=limit))
    assert found(result)["slow"] == result.made < 30


def test_a_fit_cut_off_after_it_has_come_to_an_end_is_not_too_slow():
    limit = Deadline(at_seconds=70.0, clock=TickingClock(tick=1.0))
    result = fitted("lightgbm", asked("regression", params={"learning_rate": 0.2}, deadline=limit))
    assert "slow" not in found(result)


def test_a_part_of_a_fit_is_not_too_slow_where_it_was_asked_for():
    assert "slow" not in found(fitted("lightgbm", asked("regression", params={"learning_rate": 0.01}, most=30)))


# Networks.


def test_a_network_hit_by_one_long_step_has_dead_units_and_an_ordinary_one_has_not():
    assert "dead_units" in found(fitted("mlp", asked("binary", params={"learning_rate_init": 0.5})))
    assert "dead_units" not in found(fitted("mlp", asked("binary")))


def test_weights_that_grow_a_hundredfold_explode_and_ordinary_ones_do_not():
    rule = ExplodingWeights()
    for iteration, size in enumerate((10.0, 900.0, 1_100.0), start=1):
        rule.update(Look(iteration=iteration, held=1.0, size=size))
    assert rule.reading.iteration == 3
    assert "exploding_weights" not in found(fitted("mlp", asked("binary")))


# What all rules have in common.


@pytest.mark.parametrize(
    "rule",
    [
        NotANumber(),
        Divergence(),
        Plateau(patience=1),
        Turn(factor=1.0),
        Overfitting(),
        Slow(),
        DeadUnits(),
        ExplodingWeights(),
    ],
    ids=lambda rule: rule.name,
)
def test_where_nothing_is_held_out_no_rule_has_anything_to_say(rule):
    for iteration in range(1, 30):
        rule.update(Look(iteration=iteration, held=None))
    assert rule.reading is None


def test_every_rule_has_a_name_for_people_a_setting_and_a_line_that_changes_it():
    settings = set(Convergence.__dataclass_fields__) - {"patience"}
    assert settings == set(NAMES) == set(REMEDIES)


@pytest.mark.parametrize("learner", ["lightgbm", "xgboost", "catboost", "mlp", "linear", "sparse_linear"])
def test_rules_that_only_warn_leave_the_model_as_it_is(learner):
    off = dict.fromkeys(("divergence", "overfit", "slow", "dead_units", "exploding_weights"), "off")
    with_rules = fitted(learner, asked("binary", noise=True))
    without = fitted(learner, asked("binary", noise=True, convergence=Convergence(**off)))
    assert with_rules.predictor.files() == without.predictor.files()
    assert with_rules.made == without.made


# Curves.


def test_a_curve_has_at_most_a_hundred_points_its_first_and_its_last_iteration():
    recorder = CurveRecorder()
    for iteration in range(1, 4_001):
        train = 0.5 / iteration if recorder.wants_train(iteration) else None
        recorder.add(Look(iteration=iteration, held=1.0 / iteration, train=train))
    curve = recorder.curve(unit="round", loss="rmse", kept=3_990)
    assert len(curve.iterations) <= MOST_POINTS
    assert (curve.iterations[0], curve.iterations[-1]) == (1, 4_000)
    assert list(curve.iterations) == sorted(set(curve.iterations))
    assert 20 <= sum(loss is not None for loss in curve.train) <= 45


@pytest.mark.parametrize("learner", [*BOOSTING, "mlp", "linear", "sparse_linear", "random_forest"])
def test_every_iterative_learner_leaves_a_curve_that_falls(learner):
    result = fitted(learner, asked("regression", params={"trees": 40} if learner == "random_forest" else {}))
    curve = result.learning
    assert curve.kept == result.iterations
    held = [loss for loss in curve.held if loss is not None]
    assert min(held) <= held[0]
    assert len(curve.held) == len(curve.train) == len(curve.iterations) <= MOST_POINTS
    if learner not in {"random_forest", "sparse_linear"}:
        train = [loss for loss in curve.train if loss is not None]
        assert train[-1] < train[0]


def test_the_training_loss_of_a_boosted_curve_is_in_the_unit_of_its_held_out_loss():
    fit = asked("regression", params={"learning_rate": 0.1})
    for learner in ("lightgbm", "xgboost", "catboost"):
        result = fitted(learner, asked("regression", params=fit.params, most=1))
        said = result.predictor.predict(fit.train.values)[:, 0]
        assert result.learning.train[0] == pytest.approx(math.sqrt(np.mean((said - fit.train.truth) ** 2)), rel=1e-3)


def test_a_repeated_fit_has_no_curve_and_no_rule():
    fit = asked("binary", held=None, iterations=12, params={"learning_rate": 50.0})
    result = fitted("lightgbm", fit)
    assert (result.iterations, result.learning, result.findings) == (12, None, ())


@pytest.mark.parametrize("learner", [*BOOSTING, "random_forest"])
def test_held_out_rows_without_weight_are_no_reason_to_end_a_fit(learner):
    held = rows("regression", 60, 2)
    weightless = Rows(values=held.values, truth=held.truth, weight=np.zeros(60))
    params = {"trees": 10} if learner == "random_forest" else {"learning_rate": 0.3}
    try:
        result = fitted(learner, asked("regression", held=weightless, params=params))
    except FitFailed:
        return
    assert np.isfinite(result.predictor.predict(held.values)).all()


# What is told.


def test_a_sentence_names_rule_trial_iteration_and_the_line_of_the_file_and_the_served_first():
    diverged = fitted("lightgbm", asked("binary", params={"learning_rate": 50.0})).findings
    (told,) = sentences([("one", diverged), ("other", diverged)], served=["other"])
    assert "rule `divergence`: 'other' at iteration 1 of fold 0" in told
    assert "likewise 'one' (iteration 1)" in told
    assert "`training: {convergence: {divergence: stop}}`" in told
    assert note(diverged) == "diverged (divergence) at iteration 1"


def test_the_usual_end_of_a_fit_is_not_alarming():
    usual = fitted("lightgbm", asked("regression")).findings
    assert [each.rule for each in usual] == ["plateau"]
    assert note(usual) == ""
    assert sentences([("one", usual)]) == ()
