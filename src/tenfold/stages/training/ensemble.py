"""Greedy selection of a small ensemble on out-of-fold predictions, weights adding up to one.

After Caruana et al. (2004), "Ensemble selection from libraries of models", with steps of several sizes: where one model
is far better than the others, the first step would else be half of the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

MOST_MEMBERS = 4
_MOST_ROUNDS = 12
_STEPS = (1 / 3, 1 / 2, 1 / 6, 1 / 12)
_LOOKED_AT = 3
_SAME_MEMBERS_GAIN, _NEW_MEMBER_GAIN = 1e-4, 5e-4
"""Parts of the loss that a step must gain; a further member costs latency. Few rows are no reason to ask for more:
there averaging steadies the model most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """An ensemble: weights by key, adding up to one, and its loss on the rows it was chosen on."""

    weights: Mapping[str, float]
    loss: float


def choose_blend(oof: Mapping[str, Values], loss: Callable[[Values], float], *, most: int = MOST_MEMBERS) -> Blend:
    """Return the best blend that stepping towards one model at a time finds, never worse than the best single one.

    Parameters
    ----------
    oof : mapping from key to ndarray of shape (n_rows, n_outputs)
        Predictions for the same rows, without NaN; at least one.
    loss : callable
        From blended predictions to their loss.
    most : int
        How many models may be in it.
    """
    keys = sorted(oof)
    losses = {key: loss(oof[key]) for key in keys}
    first = min(keys, key=lambda key: (losses[key], key))
    weights, current, best = {first: 1.0}, oof[first], losses[first]
    for _ in range(_MOST_ROUNDS):
        open_to = keys if len(weights) < most else sorted(weights)
        steps = [
            (tried, key, step)
            for key, step, tried in _promising(open_to, oof, current, loss)
            if best - tried > best * (_SAME_MEMBERS_GAIN if key in weights else _NEW_MEMBER_GAIN)
        ]
        if not steps:
            break
        best, chosen, step = min(steps)
        weights = {key: weight * (1 - step) for key, weight in weights.items()}
        weights[chosen] = weights.get(chosen, 0.0) + step
        current = (1 - step) * current + step * oof[chosen]
    return Blend(weights=weights, loss=best)


def _promising(
    keys: list[str], oof: Mapping[str, Values], current: Values, loss: Callable[[Values], float]
) -> list[tuple[str, float, float]]:
    """Return (key, step, loss) for steps towards the models that look best after a step of usual size."""

    def after(key: str, step: float) -> float:
        return loss((1 - step) * current + step * oof[key])

    usual = sorted((after(key, _STEPS[0]), key) for key in keys)
    found = [(key, _STEPS[0], tried) for tried, key in usual]
    found += [(key, step, after(key, step)) for _, key in usual[:_LOOKED_AT] for step in _STEPS[1:]]
    return found
