"""What a candidate will cost where it serves, found out cheaply while it trains, and held against the requirements."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from tenfold.bundle.matrix import Floats
from tenfold.bundle.predictors.protocols import Predictor
from tenfold.bundle.transforms.protocols import Row
from tenfold.bundle.view import FittedView
from tenfold.foundation.stopwatch import Stopwatch
from tenfold.records.problem import Problem

QUANTILES: Mapping[str, float] = {"latency_p50_ms": 0.5, "latency_p99_ms": 0.99}
SIZE = "size_mb"

_ROWS, _CALLS, _REPEATS = 50, 100, 3
_MILLION = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A *must* requirement that every candidate can be held against before it is finished."""

    requirement: str
    metric: str
    most: float


def limits_of(problem: Problem) -> tuple[Limit, ...]:
    """Return the absolute upper bounds on latency and size that hold where a run is judged."""
    return tuple(
        Limit(requirement=each.id, metric=each.metric, most=each.bound.offset)
        for each in problem.requirements
        if each.metric in {*QUANTILES, SIZE}
        and each.level == "must"
        and each.direction == "<="
        and each.bound.reference is None
        and (not each.where or "test" in each.where)
    )


def measure_model(predictor: Predictor, values: Floats) -> Mapping[str, float]:
    """Return the time of one row in milliseconds and the compressed size in millions of bytes.

    Of several repetitions the fastest counts: what else runs on the machine is not the model's.
    """
    rows = np.array(values[:_ROWS])
    found = _fastest([rows[place : place + 1] for place in range(len(rows))], predictor.predict)
    size = sum(len(zlib.compress(content, 6)) for content in predictor.files().values())
    return {**found, SIZE: size / _MILLION}


def measure_view(view: FittedView, rows: Sequence[Row]) -> Mapping[str, float]:
    """Return what the transforms of a view cost for one row, and their size."""
    found = _fastest(rows[:_ROWS], view.apply_row)
    size = sum(len(zlib.compress(content, 6)) for content in view.files().values())
    return {**found, SIZE: size / _MILLION}


def broken(limits: Iterable[Limit], measured: Mapping[str, float]) -> Limit | None:
    """Return the first limit that is exceeded."""
    return next((limit for limit in limits if measured.get(limit.metric, 0.0) > limit.most), None)


def together(costs: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the costs of models that answer one after the other."""
    total: dict[str, float] = {}
    for cost in costs:
        for name, value in cost.items():
            total[name] = total.get(name, 0.0) + value
    return total


def _fastest(rows: Sequence[object], answer: object) -> dict[str, float]:
    assert callable(answer)
    for row in islice(cycle(rows), _ROWS):
        answer(row)
    best = dict.fromkeys(QUANTILES, np.inf)
    for _ in range(_REPEATS):
        seconds = np.empty(_CALLS)
        for call, row in enumerate(islice(cycle(rows), _CALLS)):
            watch = Stopwatch()
            answer(row)
            seconds[call] = watch.wall_seconds()
        for name, share in QUANTILES.items():
            best[name] = min(best[name], float(1e3 * np.quantile(seconds, share)))
    return best
