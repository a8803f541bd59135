"""How fast this machine fits this table, and what can be afforded in the time that is left."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tenfold.records.model import Candidate
from tenfold.stages.training.boosting import learning_rate

USUAL_LEAVES = 31
FASTEST_RATE = 0.2
"""A learning rate beyond this loses more than the time it saves is worth."""

_FOREST_COST = 1.5
_SLACK = 1.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What one fit of the usual boosted trees on the first fold took.

    Attributes
    ----------
    seconds : float
        Wall time of that fit.
    rate, leaves : float, int
        Its learning rate and number of leaves.
    """

    seconds: float
    rate: float
    leaves: int

    def fit_seconds(self, candidate: Candidate) -> float:
        """Return a guess at the time of one fit of a candidate.

        A boosted model needs rounds in proportion to 1 / learning rate; larger trees cost more each and are fewer.
        """
        if candidate.learner == "linear":
            return self.seconds
        if candidate.learner != "lightgbm":
            return _FOREST_COST * self.seconds
        leaves = _number(candidate, "num_leaves", USUAL_LEAVES)
        columns = 0.3 + 0.7 * _number(candidate, "feature_fraction", 1.0)
        rounds = self.rate / learning_rate(candidate.params)
        return self.seconds * rounds * math.sqrt(leaves / self.leaves) * columns


def measured(candidate: Candidate, seconds: float) -> Pace:
    """Return the pace that one fit of a boosted candidate showed."""
    leaves = int(_number(candidate, "num_leaves", USUAL_LEAVES))
    return Pace(seconds=seconds, rate=learning_rate(candidate.params), leaves=leaves)


def affordable_folds(pace: Pace, portfolio: list[Candidate], seconds: float, folds: int) -> int:
    """Return how many folds each candidate of a portfolio can have within ``seconds`` of fitting, at least one."""
    each = sum(pace.fit_seconds(candidate) for candidate in portfolio)
    return max(1, min(folds, int(seconds / max(each, 1e-6))))


def hurried(pace: Pace, candidate: Candidate, seconds: float) -> Candidate:
    """Return the candidate with a learning rate at which one fit should take no longer than ``seconds``.

    One model that has learned enough beats many that were cut off on the way.
    """
    expected = pace.fit_seconds(candidate) / _SLACK
    rate = learning_rate(candidate.params)
    if candidate.learner != "lightgbm" or expected <= seconds or rate >= FASTEST_RATE:
        return candidate
    faster = min(FASTEST_RATE, rate * expected / seconds)
    return replace(candidate, params={**candidate.params, "learning_rate": round(faster, 3)})


def _number(candidate: Candidate, name: str, usual: float) -> float:
    value = candidate.params.get(name, usual)
    assert isinstance(value, int | float)
    return float(value)
