"""Record a bank of learning curves: boosted trees with settings drawn from the search's own space, loss by progress.

    python benchmarks/record_curves.py DATA [--configurations 243] [--out benchmarks/curves.npz]

DATA is a folder with ``segment.parquet``, ``abalone.parquet`` and ``kr_vs_kp.parquet``. Of each table at most 1,600
rows train and 800 measure, drawn with seed 1. Each configuration is boosted to 81 units of progress (a unit is half a
round at learning rate 1, five rounds at 0.1) and its held-out loss is kept after each unit.

The bank holds, for each table, ``<table>/loss`` (configurations, 81) as float32, relative to the best constant, and
``<table>/rounds`` (configurations, 81), the rounds made by then. `benchmarks/tuning.py` and the tests replay it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd

from tenfold.stages.training.fidelity import iterations_at
from tenfold.stages.tuning.brackets import LONGEST
from tenfold.stages.tuning.spaces import Range, space_of

TABLES = {
    "segment": ("category", "multiclass", "multi_logloss"),
    "abalone": ("Rings", "regression", "l2"),
    "kr_vs_kp": ("class", "binary", "binary_logloss"),
}
TRAIN, HELD = 1_600, 800


def drawn(rng: np.random.Generator, rows: int) -> dict[str, object]:
    """Return settings drawn from the search's space."""
    params: dict[str, object] = {}
    for name, each in space_of("lightgbm", rows, 0.02).items():
        if not isinstance(each, Range):
            params[name] = each.values[int(rng.integers(len(each.values)))]
            continue
        low, high = (np.log(each.low), np.log(each.high)) if each.log else (each.low, each.high)
        value = rng.uniform(low, high)
        params[name] = each.nearest(float(np.exp(value) if each.log else value))
    return params


def record(folder: Path, name: str, configurations: int) -> dict[str, np.ndarray]:
    """Return the losses and rounds of one table."""
    target, objective, metric = TABLES[name]
    frame = pd.read_parquet(folder / f"{name}.parquet").sample(frac=1.0, random_state=1)
    truth = frame.pop(target)
    truth = truth.astype(float) if objective == "regression" else pd.Series(pd.factorize(truth, sort=True)[0])
    for column in frame.select_dtypes(exclude="number"):
        frame[column] = frame[column].astype("category")
    values, truth = frame.reset_index(drop=True), np.asarray(truth)
    train = slice(0, min(TRAIN, len(values) - HELD))
    held = slice(len(values) - HELD, len(values))
    losses = np.empty((configurations, LONGEST), dtype=np.float32)
    rounds = np.empty((configurations, LONGEST), dtype=np.int32)
    constant = _constant_loss(objective, truth[train], truth[held])
    for number in range(configurations):
        params = drawn(np.random.default_rng([1, number]), train.stop)
        stops = np.array([iterations_at("lightgbm", params, unit / LONGEST) for unit in range(1, LONGEST + 1)])
        kept: dict[str, dict[str, list[float]]] = {}
        data = lightgbm.Dataset(
            values.iloc[train], truth[train], params={"max_bin": params["max_bin"], "verbosity": -1}
        )
        lightgbm.train(
            {
                **params,
                "objective": objective,
                "metric": metric,
                "num_class": int(truth.max()) + 1 if objective == "multiclass" else 1,
                "bagging_freq": 1,
                "verbosity": -1,
                "num_threads": 1,
                "seed": 1,
            },
            data,
            num_boost_round=int(stops[-1]),
            valid_sets=[data.create_valid(values.iloc[held], truth[held])],
            valid_names=["held"],
            callbacks=[lightgbm.record_evaluation(kept)],
        )
        curve = np.array(kept["held"][metric]) / constant
        losses[number], rounds[number] = np.minimum.accumulate(curve)[stops - 1], stops
        print(f"{name} {number:3} {stops[-1]:5} rounds {losses[number, -1]:.4f}", flush=True)
    return {f"{name}/loss": losses, f"{name}/rounds": rounds}


def _constant_loss(objective: str, train: np.ndarray, held: np.ndarray) -> float:
    if objective == "regression":
        return float(np.mean((held - train.mean()) ** 2))
    shares = np.bincount(train) / len(train)
    return float(-np.mean(np.log(shares[held])))


def main() -> None:
    """Record and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--configurations", type=int, default=243)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "curves.npz")
    given = parser.parse_args()
    bank: dict[str, np.ndarray] = {}
    for name in TABLES:
        bank.update(record(given.data, name, given.configurations))
    np.savez_compressed(given.out, **bank)


if __name__ == "__main__":
    main()
