"""Shapley values: exact where they can be, additive always, and equal to what a closed form says."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest

from tenfold.measures.shapley import Effects, Floats, Masks, Places, shapley_values

Model = Callable[[Floats], Floats]


def explained(model: Model, row: Floats, background: Floats, *, budget: int = 4096) -> Effects:
    def worth(masks: Masks, places: Places) -> Floats:
        return model(np.where(masks, row, background[places]))

    return shapley_values(worth, background != row, seed=1, budget=budget)


def by_definition(model: Model, row: Floats, background: Floats) -> Floats:
    """Every order of the columns, against every row of the background."""
    gains = np.zeros(len(row))
    for order in permutations(range(len(row))):
        now = background.copy()
        before = model(now).mean()
        for column in order:
            now[:, column] = row[column]
            after = model(now).mean()
            gains[column] += after - before
            before = after
    return gains / math.factorial(len(row))


def wavy(values: Floats) -> Floats:
    return np.tanh(values[:, 0] * values[:, 1]) + np.where(values[:, 2] > 0, values[:, 3], -1.0) + values[:, 0] ** 2


@pytest.fixture
def rows() -> tuple[Floats, Floats]:
    chance = np.random.default_rng(3)
    return chance.normal(size=6), chance.normal(size=(7, 6))


def test_few_columns_get_the_values_of_the_definition(rows: tuple[Floats, Floats]):
    row, background = rows
    found = explained(wavy, row, background)
    assert found.exact
    assert found.effects == pytest.approx(by_definition(wavy, row, background), abs=1e-12)
    assert (found.effects[4:] == 0.0).all()


@pytest.mark.parametrize("budget", [10, 100, 1000, 100_000])
def test_effects_add_up_to_the_score_less_the_base_however_few_coalitions_are_looked_at(
    rows: tuple[Floats, Floats], budget: int
):
    row, background = rows
    found = explained(wavy, row, background, budget=budget)
    assert found.exact == (budget in {1000, 100_000})
    assert found.base + found.effects.sum() == pytest.approx(wavy(row[None])[0], abs=1e-12)


def test_sampled_values_are_within_their_errors_of_the_exact_ones(rows: tuple[Floats, Floats]):
    row, background = rows
    exact = explained(wavy, row, background)
    sampled = explained(wavy, row, background, budget=400)
    assert not sampled.exact
    off = np.abs(sampled.effects - exact.effects)
    assert (off <= 4 * sampled.errors + 1e-12).all()
    assert off.max() < 0.25 * np.abs(exact.effects).max()


def test_of_a_linear_model_each_effect_is_its_weight_times_the_distance_from_the_mean():
    chance = np.random.default_rng(5)
    weights, row, background = chance.normal(size=40), chance.normal(size=40), chance.normal(size=(20, 40))
    found = explained(lambda values: values @ weights, row, background)
    assert not found.exact
    assert found.effects == pytest.approx(weights * (row - background.mean(axis=0)), abs=1e-9)


def test_a_column_that_never_differs_adds_nothing_and_equal_columns_add_alike():
    background = np.array([[1.0, 0.0, 0.0], [1.0, 2.0, 2.0]])
    found = explained(
        lambda values: values.sum(axis=1) + values[:, 1] * values[:, 2], np.array([1.0, 5.0, 5.0]), background
    )
    assert found.effects[0] == 0.0
    assert found.effects[1] == pytest.approx(found.effects[2], abs=1e-12)


def test_a_row_like_the_whole_background_has_no_reasons():
    found = explained(lambda values: values[:, 0], np.array([2.0]), np.array([[2.0], [2.0]]))
    assert (found.base, found.effects.tolist(), found.exact) == (2.0, [0.0], True)
