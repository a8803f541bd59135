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
    blend = choose_blend(oof, loss)
    assert blend.loss <= min(loss(outputs) for outputs in oof.values()) + 1e-12
    assert sum(blend.weights.values()) == pytest.approx(1.0, abs=1e-12)
    assert 1 <= len(blend.weights) <= MOST_MEMBERS
    assert all(weight > 0 for weight in blend.weights.values())
    mixed = sum(weight * oof[key] for key, weight in blend.weights.items())
    assert loss(mixed) == pytest.approx(blend.loss, abs=1e-9)


def test_independent_errors_are_averaged():
    oof, loss = made(3, 6, 400)
    blend = choose_blend(oof, loss)
    assert len(blend.weights) > 1
    assert blend.loss < min(loss(outputs) for outputs in oof.values())


def test_a_copy_of_the_best_gains_nothing_and_stays_out():
    oof, loss = made(4, 1, 100)
    oof["model-1"] = oof["model-0"].copy()
    assert choose_blend(oof, loss).weights == {"model-0": 1.0}


def test_a_gain_that_is_not_worth_another_member_is_let_go():
    base = np.full((50, 1), 1.0)

    def loss(outputs):
        return float(outputs[0, 0])

    assert choose_blend({"good": base, "hardly-better": base * 0.9999}, loss).weights == {"hardly-better": 1.0}
    spread = {"good": base, "worse-but-averaging": base * 1.0002}

    def averaged(outputs):
        mixed = 1.0 < outputs[0, 0] < 1.0002
        return float(outputs[0, 0]) * (1 - 2e-4 if mixed else 1.0)

    assert choose_blend(spread, averaged).weights == {"good": 1.0}
