"""A stream of 27 mixed columns and what it is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from tenfold.foundation.context import StageContext
from tenfold.measures.sequential import Detector
from tenfold.measures.states.column import Kind
from tenfold.records.health import Window
from tenfold.records.problem import MetricChoice, Problem
from tenfold.stages.monitoring.integrity import Past
from tenfold.stages.monitoring.options import MonitoringOptions
from tenfold.stages.monitoring.reference import Reference, Sample, build_reference, said_of
from tenfold.stages.monitoring.rows import Answered
from tenfold.stages.monitoring.run import Seen, run

START = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PROBLEM = Problem(
    name="stream", task="binary", target="y", metric=MetricChoice(metric="roc_auc", reason=""), classes=("no", "yes")
)
KINDS: dict[str, Kind] = {
    **{f"n{number}": "numeric" for number in range(15)},
    **{f"c{number}": "categorical" for number in range(8)},
    **{f"b{number}": "boolean" for number in range(3)},
    "text": "text",
}
assert len(KINDS) == 27


def rows(n: int, rng: np.random.Generator, *, shift: float = 0.0) -> pl.DataFrame:
    """Draw rows; ``shift`` moves n0, n1 and n2 by so many standard deviations."""
    z = rng.normal(size=(n, 15))
    z[:, :3] += shift
    columns: dict[str, object] = {}
    for number in range(15):
        values = z[:, number]
        if number % 5 == 3:
            values = np.exp(values)  # skewed
        elif number % 5 == 4:
            values = np.floor(3 * values)  # few values
        columns[f"n{number}"] = values
    for number in range(8):
        sizes = 1.0 / np.arange(1, 3 + 5 * number) ** 1.2
        levels = [f"v{level}" for level in range(len(sizes))]
        columns[f"c{number}"] = rng.choice(levels, n, p=sizes / sizes.sum())
    for number in range(3):
        columns[f"b{number}"] = rng.random(n) < (0.5, 0.1, 0.02)[number]
    columns["text"] = ["x" * length for length in rng.integers(0, 60, n)]
    frame = pl.DataFrame(columns)
    holes = [
        pl.when(pl.Series(rng.random(n) < 0.03)).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("n5", "n6", "c3", "b0")
    ]
    return frame.with_columns(holes)


def scores(frame: pl.DataFrame) -> np.ndarray:
    chance = 1 / (1 + np.exp(-frame["n7"].to_numpy() - 0.5 * frame["n9"].to_numpy()))
    return np.column_stack([1 - chance, chance])


def reference(n: int, rng: np.random.Generator) -> Reference:
    table, held = rows(n, rng), rows(max(n // 4, 500), rng)
    said = said_of("binary", PROBLEM.classes, scores(held))
    return build_reference("b" * 64, Sample(table=table), Sample(table=said), kinds=KINDS)


@dataclass
class Stream:
    """Windows, one after the other."""

    reference: Reference
    options: MonitoringOptions = field(default_factory=MonitoringOptions)
    detectors: Mapping[str, Detector] = field(default_factory=dict)
    past: Past = field(default_factory=Past)
    day: int = 0

    def window(self, frame: pl.DataFrame) -> Seen:
        start = START + self.day * DAY
        window = Window(
            endpoint="stream", bundle="b" * 64, ref="stream@1", start=start, end=start + DAY, rows=frame.height
        )
        truth = pl.Series([None] * frame.height, dtype=pl.String)
        answered = Answered(inputs=frame, scores=scores(frame), decision=None, truth=truth)
        ctx = StageContext(rng=np.random.default_rng(7))
        seen = run(
            self.reference, answered, window, PROBLEM, self.options, ctx, past=self.past, detectors=self.detectors
        )
        self.detectors = seen.detectors
        self.past = Past(previous=seen.state, volumes=(*self.past.volumes, (start, frame.height)))
        self.day += 1
        return seen
