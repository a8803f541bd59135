from __future__ import annotations

import numpy as np
import pytest
from training_tables import TickingClock

from tenfold.bundle.predictors.table import predictor_from_files
from tenfold.foundation.clock import Deadline
from tenfold.foundation.errors import InputError
from tenfold.stages.training.learners import LEARNERS, learner_called
from tenfold.stages.training.portfolio import later_rungs
from tenfold.stages.training.protocols import LEVELS, Fit, FitFailed, Rows

TASKS = ("binary", "multiclass", "regression")
SMALL = {
    "lightgbm": {"learning_rate": 0.1, "num_leaves": 7, "bagging_fraction": 0.8},
    "random_forest": {"trees": 25, "min_samples_leaf": 2},
    "extra_trees": {"trees": 25, "min_samples_leaf": 2},
    "linear": {},
    "catboost": {"depth": 3, "learning_rate": 0.2},
    "xgboost": {"max_depth": 3, "learning_rate": 0.2, "subsample": 0.8},
    "mlp": {"layers": "narrow"},
    "neighbours": {},
    "sparse_linear": {},
    "tree": {},
    "additive": {"num_leaves": 6, "learning_rate": 0.2},
}
OUTPUTS = {"binary": 2, "multiclass": 3, "regression": 1}


def rows_of(task: str, count: int, seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, 4))
    signal = values[:, 0] - values[:, 1] ** 2 + 0.5 * rng.normal(size=count)
    truth = {
        "regression": signal,
        "binary": (signal > 0).astype(np.int64),
        "multiclass": np.digitize(signal, [-0.8, 0.5]).astype(np.int64),
    }[task]
    return Rows(values=values, truth=truth)


def fit_of(task: str, learner: str, **parts) -> Fit:
    given = {
        "train": rows_of(task, 300, 1),
        "held": rows_of(task, 150, 2),
        "categorical": (),
        "task": task,
        "outputs": OUTPUTS[task],
        "params": SMALL[learner],
        "seed": 5,
    }
    return Fit(**{**given, **parts})


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("learner", LEARNERS)
def test_a_fit_repeated_with_its_iterations_and_without_held_rows_gives_equal_bytes(task, learner):
    first = learner_called(learner).fit(fit_of(task, learner))
    again = learner_called(learner).fit(fit_of(task, learner, held=None, iterations=first.iterations))
    assert again.iterations == first.iterations
    assert again.predictor.files() == first.predictor.files()


@pytest.mark.parametrize("task", TASKS)
def test_rounds_that_find_no_split_are_counted_alike_with_and_without_held_rows(task):
    fitting = {
        "learning_rate": 0.1,
        "num_leaves": 7,
        "extra_trees": True,
        "feature_fraction": 0.3,
        "min_data_in_leaf": 90,
    }
    first = learner_called("lightgbm").fit(fit_of(task, "lightgbm", params=fitting))
    again = learner_called("lightgbm").fit(
        fit_of(task, "lightgbm", params=fitting, held=None, iterations=first.iterations)
    )
    rounds = first.iterations * (3 if task == "multiclass" else 1)
    assert first.predictor.files()["lightgbm.txt"].count(b"Tree=") < rounds
    assert again.iterations == first.iterations
    assert again.predictor.files() == first.predictor.files()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("learner", LEARNERS)
def test_every_learner_predicts_better_than_the_constant(task, learner):
    held = rows_of(task, 150, 2)
    outputs = learner_called(learner).fit(fit_of(task, learner)).predictor.predict(held.values)
    assert outputs.shape == (150, OUTPUTS[task])
    if task == "regression":
        assert np.mean((outputs[:, 0] - held.truth) ** 2) < np.var(held.truth)
    else:
        np.testing.assert_allclose(outputs.sum(axis=1), 1.0)
        share = np.bincount(held.truth).max() / 150
        assert np.mean(outputs.argmax(axis=1) == held.truth) > share


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_fit_after_the_deadline_returns_its_first_portion(learner):
    clock = TickingClock(seconds=100.0)
    fitted = learner_called(learner).fit(
        fit_of("binary", learner, deadline=Deadline(at_seconds=50.0, clock=clock), params=SMALL[learner])
    )
    assert fitted.iterations <= 10


def test_the_deadline_stops_boosting_on_the_way():
    limit = Deadline(at_seconds=10.0, clock=TickingClock(tick=1.0))
    fitted = learner_called("lightgbm").fit(
        fit_of("binary", "lightgbm", deadline=limit, params={"learning_rate": 0.01})
    )
    assert 5 <= fitted.iterations <= 10


def test_a_model_worse_than_a_bar_gives_up_at_that_level():
    free = learner_called("lightgbm").fit(fit_of("binary", "lightgbm"))
    assert free.curve
    barred = learner_called("lightgbm").fit(fit_of("binary", "lightgbm", bars=(free.curve[0] - 1e-3,)))
    assert barred.gave_up
    assert barred.iterations <= round(LEVELS[0] / 0.1) + 1
    assert not learner_called("lightgbm").fit(fit_of("binary", "lightgbm", bars=(free.curve[0] + 1e-3,))).gave_up


def test_merged_boosters_predict_the_link_of_the_mean_raw_score():
    boosting = learner_called("lightgbm")
    models = [boosting.fit(fit_of("binary", "lightgbm", seed=seed)).predictor for seed in (1, 2)]
    assert boosting.merge is not None
    merged = boosting.merge([model.files() for model in models])
    values = rows_of("binary", 20, 9).values
    raw = [np.log(model.predict(values)[:, 1] / model.predict(values)[:, 0]) for model in models]
    expected = 1.0 / (1.0 + np.exp(-np.mean(raw, axis=0)))
    np.testing.assert_allclose(merged.predict(values)[:, 1], expected, atol=1e-9)


def test_a_class_that_the_training_rows_lack_is_practically_impossible_for_the_linear_model():
    train = rows_of("multiclass", 300, 1)
    inside = train.truth != 2
    lacking = Rows(values=train.values[inside], truth=train.truth[inside])
    fitted = learner_called("linear").fit(fit_of("multiclass", "linear", train=lacking))
    outputs = fitted.predictor.predict(train.values)
    assert outputs[:, 2].max() < 1e-6
    assert np.mean(outputs[inside].argmax(axis=1) == lacking.truth) > 0.6


def test_one_class_alone_cannot_be_learned_by_the_linear_model():
    train = rows_of("binary", 50, 1)
    with pytest.raises(FitFailed, match="two classes"):
        learner_called("linear").fit(
            fit_of("binary", "linear", train=Rows(values=train.values, truth=np.zeros(50, dtype=np.int64)))
        )


def test_the_deadline_stops_the_linear_path_inside_a_penalty_and_it_is_repeated_exactly():
    clock = TickingClock(tick=1.0)
    wide = np.random.default_rng(1).normal(size=(60, 700))
    train = Rows(values=wide, truth=(wide[:, 0] + wide[:, 1] > 0).astype(np.int64))
    linear = learner_called("linear")
    limit = Deadline(at_seconds=3.0, clock=clock)
    part = linear.fit(fit_of("binary", "linear", train=train, held=train, deadline=limit))
    whole = linear.fit(fit_of("binary", "linear", train=train, held=train))
    assert 1 <= part.iterations < whole.iterations
    again = linear.fit(fit_of("binary", "linear", train=train, held=None, iterations=part.iterations))
    assert again.predictor.files() == part.predictor.files()


def test_weights_of_two_count_like_two_copies_for_ridge():
    rows = rows_of("regression", 60, 3)
    weight = np.where(np.arange(60) < 20, 2.0, 1.0)
    copied = Rows(
        values=np.concatenate([rows.values, rows.values[:20]]), truth=np.concatenate([rows.truth, rows.truth[:20]])
    )
    weighted = Rows(values=rows.values, truth=rows.truth, weight=weight)
    predictions = [
        learner_called("linear")
        .fit(fit_of("regression", "linear", train=train, held=None, iterations=4))
        .predictor.predict(rows.values)
        for train in (weighted, copied)
    ]
    np.testing.assert_allclose(predictions[0], predictions[1], atol=1e-9)


def test_an_unknown_learner_is_named_with_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'lightgbm'"):
        learner_called("lightgmb")


def test_neighbours_take_part_only_where_they_are_named():
    unasked = [each.learner for rung in later_rungs("binary", 500, 2, ()) for each in rung]
    asked = [each.learner for rung in later_rungs("binary", 500, 2, ("neighbours",)) for each in rung]
    assert "neighbours" not in unasked
    assert asked == ["neighbours"]


def test_neighbours_predict_a_row_alone_as_among_others_and_from_their_files():
    fitted = learner_called("neighbours").fit(fit_of("multiclass", "neighbours"))
    values = rows_of("multiclass", 40, 8).values
    together = fitted.predictor.predict(values)
    again = predictor_from_files("neighbours", fitted.predictor.files())
    np.testing.assert_array_equal(again.predict(values), together)
    np.testing.assert_array_equal(np.concatenate([again.predict(row[None]) for row in values]), together)


def test_neighbours_of_too_many_rows_are_refused():
    values = np.zeros((5_001, 2))
    rows = Rows(values=values, truth=np.zeros(5_001))
    with pytest.raises(FitFailed, match="up to 5,000 rows"):
        learner_called("neighbours").fit(fit_of("regression", "neighbours", train=rows))


@pytest.mark.parametrize("name", ["random_forest", "extra_trees"])
def test_a_forest_has_so_many_leaves_at_most(name, monkeypatch):
    monkeypatch.setattr("tenfold.stages.training.forest._MOST_LEAVES", 400)
    fitted = learner_called(name).fit(fit_of("regression", name, params={"trees": 20}, iterations=20))
    assert 100 < len(fitted.predictor.values) <= 400


@pytest.mark.parametrize("name", ["random_forest", "extra_trees"])
def test_a_bounded_forest_that_was_cut_short_grows_again_to_equal_bytes(name, monkeypatch):
    monkeypatch.setattr("tenfold.stages.training.forest._MOST_LEAVES", 400)
    given = {"params": {"trees": 40}}
    cut = learner_called(name).fit(fit_of("regression", name, deadline=Deadline.after(0.0, TickingClock()), **given))
    assert cut.iterations < 40
    again = learner_called(name).fit(fit_of("regression", name, held=None, iterations=cut.iterations, **given))
    assert again.predictor.files() == cut.predictor.files()
