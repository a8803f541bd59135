"""Greedy selection of a small ensemble on out-of-fold predictions (Caruana et al., 2004), weights adding up to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

MOST_MEMBERS = 4
_MOST_DRAWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """An ensemble: weights by key, adding up to one, and its loss on the rows it was chosen on."""

    weights: Mapping[str, float]
    loss: float


def choose_blend(oof: Mapping[str, Values], loss: Callable[[Values], float], rows: int) -> Blend:
    """Return the best blend that adding one model at a time finds, never worse than the best single one.

    Parameters
    ----------
    oof : mapping from key to ndarray of shape (n_rows, n_outputs)
        Predictions for the same rows, without NaN; at least one.
    loss : callable
        From blended predictions to their loss.
    rows : int
        How many rows there are: on few rows a further model must gain more to be let in.
    """
    margin = 0.0005 + 0.5 / max(rows, 1)
    keys = sorted(oof)
    losses = {key: loss(oof[key]) for key in keys}
    first = min(keys, key=lambda key: (losses[key], key))
    counts, total, best = {first: 1}, oof[first].copy(), losses[first]
    for draws in range(2, _MOST_DRAWS + 1):
        open_to = keys if len(counts) < MOST_MEMBERS else sorted(counts)
        tried = {key: loss((total + oof[key]) / draws) for key in open_to}
        chosen = min(open_to, key=lambda key: (tried[key] + (0.0 if key in counts else margin * best), key))
        needed = best - (0.0 if chosen in counts else margin * best)
        if tried[chosen] >= needed:
            break
        counts[chosen] = counts.get(chosen, 0) + 1
        total += oof[chosen]
        best = tried[chosen]
    drawn = sum(counts.values())
    return Blend(weights={key: count / drawn for key, count in counts.items()}, loss=best)
