"""Outcomes of made-up models for the tests of measures."""

from __future__ import annotations

import numpy as np

from tenfold.measures.money import money
from tenfold.measures.outcome import Outcome
from tenfold.records.problem import Bound, Requirement, ValueMatrix

REBOOKING = ValueMatrix(classes=("on time", "late"), amounts=((0.0, -8.0), (0.0, 40.0)))


def binary(
    n: int,
    seed: int = 0,
    *,
    separation: float = 1.2,
    positive: float = 0.3,
    cut: float = 0.35,
    noise: float = 0.0,
    ties: bool = False,
    weighted: bool = False,
    groups: int | None = None,
) -> Outcome:
    """Two normal classes; the rows of equal seed and n are the same whatever the model's noise."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < positive).astype(np.int64)
    place = (
        separation * (rng.normal(size=n) + separation * truth) - separation**2 / 2 + np.log(positive / (1 - positive))
    )
    weight = rng.random(n) + 0.5
    group = rng.integers(0, groups or 1, size=n)
    place = place + noise * rng.normal(size=n)
    if ties:
        place = np.round(place)
    probability = 1 / (1 + np.exp(-place))
    decision = (probability >= cut).astype(np.int64)
    return Outcome(
        task="binary",
        truth=truth,
        scores=np.column_stack([1 - probability, probability]),
        decision=decision,
        money=money(truth, decision, REBOOKING),
        weight=weight if weighted else None,
        group=group if groups else None,
    )


def multiclass(n: int, seed: int = 0, *, classes: int = 4, weighted: bool = False) -> Outcome:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, size=n)
    place = rng.normal(size=(n, classes))
    place[np.arange(n), truth] += 1.5
    scores = np.exp(place) / np.exp(place).sum(axis=1, keepdims=True)
    decision = scores.argmax(axis=1)
    weight = rng.random(n) + 0.5 if weighted else None
    earned = np.where(truth == decision, 5.0, -2.0)
    return Outcome(task="multiclass", truth=truth, scores=scores, decision=decision, money=earned, weight=weight)


def regression(
    n: int, seed: int = 0, *, noise: float = 1.0, weighted: bool = False, groups: int | None = None
) -> Outcome:
    rng = np.random.default_rng(seed)
    signal = 10 + rng.normal(size=n)
    truth = signal + rng.normal(size=n)
    weight = rng.random(n) + 0.5
    group = rng.integers(0, groups or 1, size=n)
    scores = signal + (noise - 1.0) * rng.normal(size=n)
    return Outcome(
        task="regression",
        truth=truth,
        scores=scores[:, None],
        weight=weight if weighted else None,
        group=group if groups else None,
    )


def asked(metric: str, direction: str = ">=", **bound: object) -> Requirement:
    """Return a requirement on a metric; ``bound`` as the fields of Bound."""
    return Requirement(
        id="r",
        metric=metric,
        direction=direction,  # type: ignore[arg-type]  # the tests write only the two there are
        bound=Bound(**bound),  # type: ignore[arg-type]  # likewise
        text=f"{metric} {direction} ...",
    )
