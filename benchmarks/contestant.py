"""Tenfold as a contestant in a race of automatic learners that is run from outside, by commands.

    python benchmarks/contestant.py fit --train T.parquet --target Y --task binary --budget 60 --seed 0 --out FOLDER
    python benchmarks/contestant.py predict --model FOLDER --input X.parquet --output P.csv --classes a,b --stats S.json

``fit`` gets the whole budget, the start of the interpreter included, and writes ``FOLDER/model.zip``. ``predict`` reads
it in a fresh process without any estimator, writes one column for each class (or ``prediction``), and measures one row
at a time on the path that serves: wall and processor milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path


def _since_start() -> float:
    """Return the seconds since this process began."""
    ticks = float(Path("/proc/self/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[19])
    uptime = float(Path("/proc/uptime").read_text(encoding="utf-8").split()[0])
    return uptime - ticks / os.sysconf("SC_CLK_TCK")


def fit(given: argparse.Namespace) -> None:
    """Fit within the budget, and write the bundle beside what was learned about the classes."""
    import polars as pl

    from tenfold import Classifier, Regressor

    table = pl.read_parquet(given.train)
    rows, truth = table.drop(given.target), table[given.target].to_numpy()
    kind = Regressor if given.task == "regression" else Classifier
    fitted = kind(budget_seconds=given.budget - _since_start() - 0.3, random_state=given.seed, n_jobs=given.cores)
    fitted.fit(rows, truth)
    given.out.mkdir(parents=True, exist_ok=True)
    fitted.save(given.out / "model.zip")
    labels = [str(label) for label in getattr(fitted, "classes_", [])]
    (given.out / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    members = " ".join(
        f"{each['key']}:{each['learner']}={each['weight']:.2f}" for each in fitted.leaderboard_ if each["weight"]
    )
    print(members, f"tried={len(fitted.leaderboard_)}", fitted.note_)


def predict(given: argparse.Namespace) -> None:
    """Predict all rows, then some of them one at a time."""
    import numpy as np
    import polars as pl

    import tenfold

    began = time.monotonic()
    model = tenfold.load(str(given.model / "model.zip"))
    stats: dict[str, float] = {"load_s": time.monotonic() - began}
    labels = json.loads((given.model / "labels.json").read_text(encoding="utf-8"))
    rows = pl.read_parquet(given.input)
    began = time.monotonic()
    scores = model.scores(model.conform(rows))
    stats.update(batch_s=time.monotonic() - began, batch_rows=rows.height)
    if labels:
        names = [labels[int(name[1:])] for name in model.classes]
        made = pl.DataFrame(scores, schema=names).select(given.classes.split(","))
    else:
        made = pl.DataFrame({"prediction": scores[:, 0]})
    made.write_csv(given.output)
    wall, spent = [], []
    for row in rows.head(300).iter_rows(named=True):
        began, used = time.perf_counter(), time.process_time()
        model.scores_row(model.signature.conform_row(row))
        wall.append(1e3 * (time.perf_counter() - began))
        spent.append(1e3 * (time.process_time() - used))
    stats.update(
        row_p50_ms=float(np.median(wall)),
        row_p95_ms=float(np.percentile(wall, 95)),
        row_min_ms=min(wall),
        row_cpu_ms=float(np.median(spent)),
    )
    given.stats.write_text(json.dumps(stats), encoding="utf-8")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    fitting = commands.add_parser("fit")
    fitting.add_argument("--train", type=Path, required=True)
    fitting.add_argument("--target", required=True)
    fitting.add_argument("--task", required=True)
    fitting.add_argument("--budget", type=float, required=True)
    fitting.add_argument("--cores", type=int)
    fitting.add_argument("--seed", type=int, default=0)
    fitting.add_argument("--out", type=Path, required=True)
    fitting.set_defaults(work=fit)
    predicting = commands.add_parser("predict")
    predicting.add_argument("--model", type=Path, required=True)
    predicting.add_argument("--input", type=Path, required=True)
    predicting.add_argument("--output", type=Path, required=True)
    predicting.add_argument("--classes", default="")
    predicting.add_argument("--stats", type=Path, required=True)
    predicting.set_defaults(work=predict)
    given = parser.parse_args()
    given.work(given)


if __name__ == "__main__":
    main()
