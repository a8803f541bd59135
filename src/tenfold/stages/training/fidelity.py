"""A part of a fit: what a share of the whole means for each learner, and the model from which it can go on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from tenfold.stages.training.boosting import learning_rate
from tenfold.stages.training.forest import USUAL_TREES
from tenfold.stages.training.linear import STEPS

WHOLE_PROGRESS = 40.5
"""Progress of a whole boosted fit, rounds times learning rate: 405 rounds at the usual rate of 0.1."""


WHOLE_STEPS = {"linear": float(STEPS), "sparse_linear": 16.0, "tree": 1.0, "mlp": 60.0, "neighbours": 1.0}
"""Steps of a path, or epochs, of a whole fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """So much of a fit, and no more.

    Attributes
    ----------
    iterations : int or None
        At most so many boosting rounds, trees or steps of the path.
    rows : float
        The share of the training rows that is learned from.
    start : mapping
        Files of the model that a smaller part came to; empty begins anew.
    """

    iterations: int | None = None
    rows: float = 1.0
    start: Mapping[str, bytes] = field(default_factory=dict)


WHOLE = Part()


def part_of(learner: str, params: Mapping[str, object], share: float, *, rows: bool) -> Part:
    """Return a share of the fit of a candidate: of its rows, or of its iterations."""
    if share >= 1.0:
        return WHOLE
    if rows:
        return Part(rows=share)
    return Part(iterations=iterations_at(learner, params, share))


def iterations_at(learner: str, params: Mapping[str, object], share: float) -> int:
    """Return how many iterations a share of a whole fit has: a slow learning rate needs more for the same progress."""
    if learner in {"lightgbm", "catboost", "xgboost", "additive"}:
        whole = WHOLE_PROGRESS / learning_rate(params)
    elif learner in WHOLE_STEPS:
        whole = WHOLE_STEPS[learner]
    else:
        whole = float(str(params.get("trees", USUAL_TREES)))
    return max(1, math.ceil(share * whole - 1e-9))
