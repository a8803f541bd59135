"""What the tests of training share: small tables and plans, a ticking clock, checkpoints in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tenfold.records.features import FeaturePlan, Step

LEVELS = ("a", "b", "c")


@dataclass
class MemoryCheckpoints:
    """Half-finished work, kept in memory."""

    kept: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def save(self, name, files):
        self.kept[name] = dict(files)

    def load(self, name):
        return self.kept.get(name)

    def names(self):
        return tuple(self.kept)


class BackwardsMap:
    """Calls in this process, whose results come in the opposite order."""

    workers = 3

    def __call__(self, function, items, *, deadline=None):
        results = [(index, function(item)) for index, item in enumerate(items)]
        yield from reversed(results)


@dataclass
class TickingClock:
    """A clock that moves on by ``tick`` seconds whenever it is read."""

    tick: float = 0.001
    seconds: float = 0.0

    def now(self):
        raise AssertionError("training does not ask for the date")

    def monotonic(self):
        self.seconds += self.tick
        return self.seconds


def make_table(task: str, rows: int, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, 3))
    level = rng.integers(0, len(LEVELS), rows)
    signal = 1.5 * numbers[:, 0] - numbers[:, 1] ** 2 + 0.8 * level + 0.5 * rng.normal(size=rows)
    target = {
        "regression": pl.Series(signal),
        "binary": pl.Series(np.where(signal > 0, "yes", "no")),
        "multiclass": pl.Series(np.array(["low", "mid", "top"])[np.digitize(signal, [-0.7, 0.7])]),
    }[task]
    first = numbers[:, 0].copy()
    first[rng.random(rows) < 0.1] = np.nan
    return pl.DataFrame(
        {
            "x": pl.Series(first).fill_nan(None),
            "y": numbers[:, 1],
            "z": numbers[:, 2],
            "kind": [LEVELS[code] for code in level],
            "importance": rng.uniform(0.5, 2.0, rows),
            "target": target,
        }
    )


def make_plan() -> FeaturePlan:
    numbers = ("x", "y", "z")
    codes = {"levels": LEVELS}
    return FeaturePlan(
        inputs=(*numbers, "kind"),
        views={
            "native": (
                Step(kind="passthrough", columns=numbers),
                Step(kind="codes", columns=("kind",), settings=codes),
            ),
            "filled": (
                Step(kind="impute", columns=numbers),
                Step(kind="codes", columns=("kind",), settings={**codes, "missing": "minus_one"}),
            ),
            "dense": (
                Step(kind="impute", columns=numbers),
                Step(kind="scale", columns=numbers),
                Step(kind="onehot", columns=("kind",), settings=codes),
            ),
        },
    )
