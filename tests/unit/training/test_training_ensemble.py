from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold.stages.training.ensemble import MOST_MEMBERS, choose_blend


def made(seed: int, models: int, rows: int):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=rows)
    oof = {
        f"model-{number}": (truth + rng.normal(scale=rng.uniform(0.2, 1.5), size=rows))[:, None]
        for number in range(models)
    }

    def loss(outputs):
        return float(np.sqrt(np.mean((outputs[:, 0] - truth) ** 2)))

    return oof, loss


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), models=st.integers(1, 9), rows=st.integers(5, 200))
def test_a_blend_is_never_worse_than_the_best_single_and_weights_add_up_to_one(seed, models, rows):
    oof, loss = made(seed, models, rows)
    blend = choose_blend(oof, loss, rows)
    assert blend.loss <= min(loss(outputs) for outputs in oof.values()) + 1e-12
    assert sum(blend.weights.values()) == pytest.approx(1.0, abs=1e-12)
    assert 1 <= len(blend.weights) <= MOST_MEMBERS
    assert all(weight > 0 for weight in blend.weights.values())
    mixed = sum(weight * oof[key] for key, weight in blend.weights.items())
    assert loss(mixed) == pytest.approx(blend.loss, abs=1e-9)


def test_independent_errors_are_averaged():
    oof, loss = made(3, 6, 400)
    blend = choose_blend(oof, loss, 400)
    assert len(blend.weights) > 1
    assert blend.loss < min(loss(outputs) for outputs in oof.values())


def test_a_copy_of_the_best_gains_nothing_and_stays_out():
    oof, loss = made(4, 1, 100)
    oof["model-1"] = oof["model-0"].copy()
    assert choose_blend(oof, loss, 100).weights == {"model-0": 1.0}


def test_a_gain_within_the_margin_of_few_rows_adds_no_member():
    truth = np.zeros(50)
    oof = {"good": np.full((50, 1), 1.0), "other": np.full((50, 1), -1000.0)}
    oof["other"][0, 0] = 0.99

    def loss(outputs):
        return float(abs(outputs[0, 0] - truth[0]) / 1.0)

    few = choose_blend({"good": oof["good"], "near": oof["good"] * 0.9995}, loss, rows=50)
    many = choose_blend({"good": oof["good"] * 0.9995, "near": oof["good"] * 1.0}, loss, rows=10_000_000)
    assert len(few.weights) == 1
    assert len(many.weights) == 1
