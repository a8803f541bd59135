"""What the running model costs: time for one row, processor time of each member, size."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle, islice

import numpy as np
import polars as pl

from tenfold.bundle.member import Member
from tenfold.bundle.model import Model
from tenfold.foundation.stopwatch import Stopwatch
from tenfold.measures.quantile import QUANTILES, estimate_quantile
from tenfold.measures.threshold import decide
from tenfold.records.evaluation import Estimate
from tenfold.stages.evaluation.champion import Champion
from tenfold.stages.evaluation.rows import Rows

_WARM_UP = 20
_DIFFERENT_ROWS = 200
_MEMBER_CALLS = 100
_CHAMPION_CALLS = 200
_MILLION = 1e6


def measure_latency(model: Model, rows: pl.DataFrame, calls: int) -> dict[str, Estimate]:
    """Return the median and the 99th percentile of one-row calls: conform, transform, predict, decide.

    Parameters
    ----------
    rows : polars.DataFrame
        Canonical rows to ask for, in turn.
    """
    asked = rows.head(_DIFFERENT_ROWS).to_dicts()
    for row in islice(cycle(asked), _WARM_UP):
        _answer(model, row)
    seconds = np.empty(calls)
    for call, row in enumerate(islice(cycle(asked), calls)):
        watch = Stopwatch()
        _answer(model, row)
        seconds[call] = watch.wall_seconds()
    milliseconds = seconds * 1e3
    return {name: estimate_quantile(name, milliseconds) for name in QUANTILES}


def measure_size(size_bytes: int) -> Estimate:
    """Return the size of a bundle in millions of bytes."""
    size = size_bytes / _MILLION
    return Estimate(metric="size_mb", value=size, low=size, high=size, n=1, method="exact")


def operational_of(champion: Champion, rows: Rows) -> dict[str, Estimate]:
    """Return what the champion costs, on rows that it can read."""
    table = champion.model.signature.conform(rows.table)
    latency = measure_latency(champion.model, table, _CHAMPION_CALLS)
    return latency if champion.size_bytes is None else {**latency, "size_mb": measure_size(champion.size_bytes)}


def row_cpu_us(members: Mapping[str, Member], rows: pl.DataFrame) -> dict[str, float]:
    """Return, by key, the processor time that a member takes for one row, in microseconds."""
    asked = rows.head(_DIFFERENT_ROWS).to_dicts()
    found = {}
    for key, member in members.items():
        for row in islice(cycle(asked), _WARM_UP):
            member.scores_row(row)
        watch = Stopwatch()
        for row in islice(cycle(asked), _MEMBER_CALLS):
            member.scores_row(row)
        found[key] = watch.cpu_seconds() / _MEMBER_CALLS * _MILLION
    return found


def _answer(model: Model, row: Mapping[str, object]) -> None:
    scores = model.scores_row(model.signature.conform_row(row))
    if model.classes:
        decide(scores, model.threshold, model.value)
