"""What a person reads is what the model answers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tenfold.bundle.member import Member
from tenfold.bundle.model import Model
from tenfold.bundle.predictors.link import linked
from tenfold.bundle.reading import contribution, read_model
from tenfold.bundle.view import fit_view
from tenfold.records.features import Step
from tenfold.stages.training.learners import learner_called
from tenfold.stages.training.protocols import Fit, Rows

LEVELS = ("red", "green", "blue", "grey")
VIEWS = {
    "native": (
        Step(kind="passthrough", columns=("x", "y")),
        Step(kind="codes", columns=("colour",), settings={"levels": LEVELS}),
    ),
    "filled": (
        Step(kind="impute", columns=("x", "y")),
        Step(kind="codes", columns=("colour",), settings={"levels": LEVELS, "missing": "minus_one"}),
    ),
    "dense": (
        Step(kind="impute", columns=("x", "y")),
        Step(kind="scale", columns=("x", "y")),
        Step(kind="onehot", columns=("colour",), settings={"levels": LEVELS}),
    ),
}
TASKS = ("binary", "multiclass", "regression")
CLASSES = {"binary": ("no", "yes"), "multiclass": ("low", "mid", "top"), "regression": ()}


def table(rows: int = 700) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    x = rng.normal(10.0, 4.0, rows)
    x[rng.random(rows) < 0.1] = np.nan
    colour = [None if rng.random() < 0.05 else str(rng.choice(LEVELS)) for _ in range(rows)]
    return pl.DataFrame(
        {"x": pl.Series(x).fill_nan(None), "y": rng.integers(0, 6, rows).astype(float), "colour": colour}
    )


def model_of(learner: str, task: str, *, alone: bool = True) -> tuple[Model, pl.DataFrame, np.ndarray]:
    """Return a model of one learner, the rows, and its numbers of them."""
    rows = table()
    signal = (
        np.nan_to_num((rows["x"].to_numpy() - 10.0) / 4.0)
        + 0.5 * (rows["y"].to_numpy() > 2)
        + rows["colour"].replace_strict({"red": 1.0, "green": -1.0}, default=0.0).to_numpy()
        + np.random.default_rng(4).normal(0.0, 0.4, rows.height)
    )
    truth = {
        "regression": signal,
        "binary": (signal > 0.3).astype(np.int64),
        "multiclass": np.digitize(signal, [-0.5, 0.8]).astype(np.int64),
    }[task]
    own = learner_called(learner)
    view, matrix = fit_view(VIEWS[own.view], rows, None, np.random.default_rng(0))
    half = [Rows(values=matrix.values[part], truth=truth[part]) for part in (slice(0, 500), slice(500, None))]
    params = {"learning_rate": 0.2, "num_leaves": 5} if learner in {"additive", "lightgbm"} else {}
    fits = [
        own.fit(
            Fit(
                train=half[0],
                held=half[1],
                categorical=matrix.categorical,
                task=task,
                outputs=len(CLASSES[task]) or 1,
                params=params,
                seed=seed,
            )
        ).predictor.files()
        for seed in (1, 2)
    ]
    if own.merge is not None:
        predictor = own.merge(fits)
    else:
        from tenfold.bundle.predictors.table import predictor_from_files

        predictor = predictor_from_files("linear" if learner == "sparse_linear" else "forest", fits[0])
    member = Member(key=learner, weight=1.0, view_name=own.view, view=view, predictor=predictor)
    from tenfold.bundle.model import Part

    parts = (Part(key=learner, view="one", weight=1.0, predictor=predictor),)
    model = Model(
        name="read",
        task=task,
        target="spend",
        classes=CLASSES[task],
        signature=None,
        views={"one": member.view},
        parts=parts if alone else (*parts, *parts),
    )
    return model, rows, matrix.values


@pytest.mark.parametrize("task", TASKS)
def test_the_curves_of_an_additive_model_add_up_to_its_raw_score(task):
    model, _, values = model_of("additive", task)
    reading = read_model(model)
    assert reading.kind == "additive"
    assert {term.column for term in reading.terms} == {"x", "y", "colour"}
    names = model.views["one"].names
    raw = np.tile(np.array(reading.intercept), (len(values), 1))
    for term in reading.terms:
        column = values[:, names.index(term.column)]
        if not term.levels:
            raw += contribution(term, column)
            continue
        assert term.levels == LEVELS
        known = np.array(term.values).T[np.nan_to_num(column).astype(int)]
        raw += np.where(np.isnan(column)[:, None], np.array(term.missing), known)
    np.testing.assert_allclose(linked(raw, reading.link), model.parts[0].predictor.predict(values), atol=1e-9)


def test_the_curve_of_a_column_is_zero_on_average_and_follows_what_made_the_data():
    reading = read_model(model_of("additive", "regression")[0])
    terms = {term.column: term for term in reading.terms}
    levels = dict(zip(LEVELS, terms["colour"].values[0], strict=True))
    assert levels["red"] > 0.5
    assert abs(levels["blue"]) < 0.4
    assert levels["green"] < -0.5
    step = contribution(terms["y"], np.array([2.0, 3.0]))[:, 0]
    assert step[1] - step[0] == pytest.approx(0.5, abs=0.2)
    assert [term.span for term in reading.terms] == sorted((term.span for term in reading.terms), reverse=True)


@pytest.mark.parametrize("task", TASKS)
def test_coefficients_add_up_and_are_told_in_the_columns_own_unit(task):
    model, rows, values = model_of("sparse_linear", task)
    reading = read_model(model)
    assert reading.kind == "linear"
    names = model.views["one"].names
    raw = np.tile(np.array(reading.intercept), (len(values), 1))
    for each in reading.coefficients:
        raw += values[:, [names.index(each.column)]] * np.array(each.values)
    np.testing.assert_allclose(linked(raw, reading.link), model.parts[0].predictor.predict(values), atol=1e-9)
    (x,) = (each for each in reading.coefficients if each.column == "x")
    assert x.center == pytest.approx(rows["x"].mean(), abs=0.5)
    np.testing.assert_allclose(x.per_unit, np.array(x.values) / x.spread)
    assert all(each.per_unit is None for each in reading.coefficients if "=" in each.column)


@pytest.mark.parametrize("task", TASKS)
def test_going_down_the_rules_of_a_tree_gives_its_answer(task):
    model, _, values = model_of("tree", task)
    reading = read_model(model)
    names = model.views["one"].names
    for row, answer in zip(
        values[:200].astype(np.float32), model.parts[0].predictor.predict(values[:200]), strict=True
    ):
        branch = reading.tree
        while branch.yes is not None:
            value = row[names.index(branch.column)]
            if branch.levels:
                name = "missing or new" if value < 0 else LEVELS[int(value)]
                branch = branch.yes if name in branch.levels else branch.no
            else:
                branch = branch.yes if value <= branch.at_most else branch.no
        np.testing.assert_allclose(branch.values, answer[-len(branch.values) :], atol=1e-12)


def test_what_nobody_can_read_is_not_read():
    assert read_model(model_of("lightgbm", "regression")[0]) is None
    assert read_model(model_of("additive", "regression", alone=False)[0]) is None
