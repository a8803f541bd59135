"""Weak slices planted into made tables, twenty seeds each; and tables with none.

    python benchmarks/weak_slices.py [--seeds 20] [--rows 5000]

One row in twenty is noise: one level of a category, the tail of a number, or a level and half of a number's range.
Boosted trees are fitted in five folds, with the column of the slice among their features, and the slice is looked for
in their predictions. Found: a slice is told whose rows are mostly those that were planted, or that hold most of them
and at most five times as many. False: a slice is told in a table without one.

Printed: how often it was found, how often one was told, and the longest search in seconds. Exit code 1 when a planted
slice was missed more than twice, or one was told in more than two tables without one. Last, a table of 20,000 rows and
30 columns is timed.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import polars as pl

from tenfold.foundation.expression import holds
from tenfold.measures.outcome import Outcome
from tenfold.records.dataset import Column, Field
from tenfold.records.evaluation import WeakSlice
from tenfold.records.problem import MetricChoice, Problem
from tenfold.stages.evaluation.rows import Rows
from tenfold.stages.evaluation.weak_slices import Judged, find_weak_slices

FOLDS = 5
TASKS = ("steep", "flat", "regression")
PLANTS = ("level", "tail", "pair", "none")


def made(seed: int, task: str, plant: str, rows: int, columns: int = 8) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    """Return a table, its target, and which rows are noise."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, columns))
    region = rng.choice(list("abcdefgh"), rows)
    level = rng.choice(["p", "q"], rows)
    weak = np.zeros(rows, dtype=bool)
    if plant == "level":
        weak = rng.random(rows) < 0.05
        level = np.where(weak, "weak", level)
    elif plant == "tail":
        weak = numbers[:, 2] > np.quantile(numbers[:, 2], 0.95)
    elif plant == "pair":
        weak = (region == "c") & (numbers[:, 3] > 0.25)
    score = 1.5 * numbers[:, 0] - 1.2 * numbers[:, 1] + 0.5 * numbers[:, 2]
    if task == "regression":
        target = score + 0.5 * rng.normal(size=rows)
        target[weak] += 2.0 * rng.normal(size=int(weak.sum()))
    else:
        noise = 0.3 * rng.normal(size=rows) if task == "steep" else rng.logistic(size=rows) / 1.5
        target = (score + noise > 0).astype(np.float64)
        target[weak] = rng.integers(0, 2, int(weak.sum()))
    names = [f"x{number}" for number in range(columns)]
    table = pl.DataFrame(numbers, schema=names).with_columns(region=pl.Series(region), level=pl.Series(level))
    return table, target, weak


def predicted(table: pl.DataFrame, target: np.ndarray, task: str, seed: int) -> Outcome:
    """Return out-of-fold predictions of boosted trees."""
    import lightgbm

    values = np.column_stack([column.rank("dense").cast(pl.Float64).to_numpy() for column in table.get_columns()])
    fold = np.random.default_rng([seed, 1]).integers(0, FOLDS, table.height)
    said = np.zeros(table.height)
    settings = {
        "objective": "l2" if task == "regression" else "binary",
        "verbosity": -1,
        "num_leaves": 15,
        "num_threads": 1,
        "seed": seed,
    }
    for number in range(FOLDS):
        inside = fold != number
        fitted = lightgbm.train(settings, lightgbm.Dataset(values[inside], target[inside]), num_boost_round=60)
        said[~inside] = np.asarray(fitted.predict(values[~inside]))
    if task == "regression":
        return Outcome(task="regression", truth=target, scores=said[:, None])
    scores = np.column_stack([1.0 - said, said])
    return Outcome(task="binary", truth=target.astype(np.int64), scores=scores, decision=(said > 0.5).astype(np.int64))


def looked_for(table: pl.DataFrame, outcome: Outcome, seed: int) -> tuple[tuple[WeakSlice, ...], float]:
    """Return what is told, and the seconds that it took."""
    problem = Problem(
        name="made",
        task=outcome.task,
        target="y",
        metric=MetricChoice(metric="rmse" if outcome.task == "regression" else "roc_auc", reason=""),
        classes=() if outcome.task == "regression" else ("0", "1"),
    )
    columns = [Column(field=Field(name=name, kind="numeric"), role="feature", reason="") for name in table.columns]
    rows = Rows(name="cross-validation", numbers=np.arange(table.height), table=table, truth=outcome.truth)
    began = time.perf_counter()
    found = find_weak_slices(problem, columns, [Judged(rows=rows, outcome=outcome)], seed)
    return found, time.perf_counter() - began


def hit(found: tuple[WeakSlice, ...], table: pl.DataFrame, weak: np.ndarray) -> bool:
    """Whether one of the slices is the one that was planted."""
    for one in found:
        inside = holds(one.condition, table).to_numpy()
        both = int((inside & weak).sum())
        if both > 0.5 * inside.sum() or (both > 0.7 * weak.sum() and inside.sum() < 5 * weak.sum()):
            return True
    return False


def main() -> int:
    """Print the figures; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rows", type=int, default=5_000)
    asked = parser.parse_args()
    bad = False
    for task in TASKS:
        for plant in PLANTS:
            hits, told, longest = 0, 0, 0.0
            for seed in range(asked.seeds):
                table, target, weak = made(seed, task, plant, asked.rows)
                found, seconds = looked_for(table, predicted(table, target, task, seed), seed)
                hits += hit(found, table, weak)
                told += bool(found)
                longest = max(longest, seconds)
            print(f"{task:10} {plant:6} found {hits:2} told {told:2} of {asked.seeds}, {longest:.2f} s", flush=True)
            bad |= told > 2 if plant == "none" else hits < asked.seeds - 2
    table, target, _ = made(0, "steep", "level", 20_000, columns=28)
    _, seconds = looked_for(table, predicted(table, target, "steep", 0), 0)
    print(f"20,000 rows, 30 columns: {seconds:.2f} s")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
