"""How fast this machine fits this table, and what can be afforded in the time that is left."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tenfold.records.model import Candidate
from tenfold.stages.training.bench import Bench
from tenfold.stages.training.boosting import learning_rate

USUAL_LEAVES = 31
FASTEST_RATE = 0.3
"""A learning rate beyond this loses more than the time it saves is worth."""

LEAST_BAGGING = 0.1
"""The smallest part of the rows that a tree may be grown on to save time."""

BOOSTED_BY_OTHERS = {"catboost": 4.0, "xgboost": 2.0}
"""What a fit costs beside LightGBM's at the same learning rate."""

_FOREST_COST = 1.5
_SLACK = 1.6
_FIT_SECONDS_PER_CELL = 2.5e-9
_USUAL_ROUNDS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What one fit of boosted trees on the first fold takes.

    Attributes
    ----------
    seconds : float
        Wall time of that fit.
    rate, leaves, bagging : float, int, float
        Its learning rate, its number of leaves, and the part of the rows that each tree was grown on.
    """

    seconds: float
    rate: float = 0.1
    leaves: int = USUAL_LEAVES
    bagging: float = 1.0

    def fit_seconds(self, candidate: Candidate) -> float:
        """Return a guess at the time of one fit of a candidate.

        A boosted model needs rounds in proportion to 1 / learning rate; larger trees cost more each and are fewer.
        """
        if candidate.learner == "linear":
            return self.seconds
        if candidate.learner in BOOSTED_BY_OTHERS:
            return self.seconds * BOOSTED_BY_OTHERS[candidate.learner] * self.rate / learning_rate(candidate.params)
        if candidate.learner != "lightgbm":
            return _FOREST_COST * self.seconds
        leaves = _number(candidate, "num_leaves", USUAL_LEAVES)
        columns = 0.3 + 0.7 * _number(candidate, "feature_fraction", 1.0)
        rows = min(1.0, _number(candidate, "bagging_fraction", 1.0) / self.bagging)
        rounds = self.rate / learning_rate(candidate.params)
        return self.seconds * rounds * math.sqrt(leaves / self.leaves) * columns * rows


def guessed(bench: Bench) -> Pace:
    """Return the pace of usual boosted trees by the size of the table alone, before anything was fitted."""
    columns = sum(len(step.columns) for step in bench.views["native"])
    trees = bench.outputs if bench.task == "multiclass" else 1
    cells = bench.development / bench.growth * columns * trees
    return Pace(seconds=_FIT_SECONDS_PER_CELL * cells * _USUAL_ROUNDS)


def measured(candidate: Candidate, seconds: float) -> Pace:
    """Return the pace that one fit of a boosted candidate showed."""
    return Pace(
        seconds=seconds,
        rate=learning_rate(candidate.params),
        leaves=int(_number(candidate, "num_leaves", USUAL_LEAVES)),
        bagging=_number(candidate, "bagging_fraction", 1.0),
    )


def affordable_folds(pace: Pace, portfolio: list[Candidate], seconds: float, folds: int) -> int:
    """Return how many folds each candidate of a portfolio can have within ``seconds`` of fitting, at least one."""
    each = sum(pace.fit_seconds(candidate) for candidate in portfolio)
    return max(1, min(folds, int(seconds / max(each, 1e-6))))


def hurried(pace: Pace, candidate: Candidate, seconds: float) -> Candidate:
    """Return the candidate with settings at which one fit should take no longer than ``seconds``.

    One model that has learned enough beats many that were cut off on the way: first the learning rate is raised, and
    where that is not enough, trees are grown on a part of the rows.
    """
    if candidate.learner not in {"lightgbm", *BOOSTED_BY_OTHERS}:
        return candidate
    excess = pace.fit_seconds(candidate) / _SLACK / seconds
    if excess <= 1.0:
        return candidate
    rate = learning_rate(candidate.params)
    faster = max(rate, min(FASTEST_RATE, rate * excess))
    params = {**candidate.params, "learning_rate": round(faster, 3)}
    excess /= faster / rate
    if excess > 1.0 and candidate.learner == "lightgbm":
        bagging = _number(candidate, "bagging_fraction", 1.0)
        params["bagging_fraction"] = round(max(min(LEAST_BAGGING, bagging), bagging / excess), 3)
    return replace(candidate, params=params)


def _number(candidate: Candidate, name: str, usual: float) -> float:
    value = candidate.params.get(name, usual)
    assert isinstance(value, int | float)
    return float(value)
