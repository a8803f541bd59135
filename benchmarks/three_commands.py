"""Three commands on raw tables, against a default LightGBM on rows set aside beforehand.

    python benchmarks/three_commands.py DATA [--budget 60] [--only adult,segment] [--seed 1] [--share 0.3]

DATA is a folder with the tables named below, in their raw form. Of each table a share of the rows is set aside before
anything else; Tenfold gets the rest, in the form of the source, through its command line: ``init``, ``run --budget``,
``predict``. The peer is ``lightgbm.LGBMClassifier()`` or ``LGBMRegressor()`` with its defaults on the same rows, text
columns as pandas categories.

Printed for each table: both scores (AUC, log loss or RMSE), the difference in Tenfold's favour with its
paired-bootstrap 95 % interval, the difference as a share of what is left to win (1 - AUC) or of the peer's loss, and
the wall time of ``run``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import polars as pl
from sklearn.metrics import log_loss, roc_auc_score

RESAMPLES = 1000


@dataclass(frozen=True)
class Raw:
    """A raw table: its file, its target as ``init`` will call it, and whether its first line is a header."""

    file: str
    target: str
    task: str
    header: bool = True


TABLES = {
    "adult": Raw("adult/adult.data.csv.gz", "column_15", "binary", header=False),
    "california_housing": Raw("california_housing.csv.gz", "median_house_value", "regression"),
    "segment": Raw("segment.parquet", "category", "multiclass"),
    "kr_vs_kp": Raw("kr_vs_kp.parquet", "class", "binary"),
    "abalone": Raw("abalone.parquet", "Rings", "regression"),
    "caravan": Raw("caravan_coil2000.parquet", "Purchase", "binary"),
    "horse_colic": Raw("horse_colic.csv.gz", "column_24", "binary", header=False),
    "elec2": Raw("elec2_stream.parquet", "class", "binary"),
}


def divide(raw: Raw, data: Path, folder: Path, share: float, seed: int) -> tuple[str, str]:
    """Write the two parts in the source's own form; return their names."""
    source = data / raw.file
    rng = np.random.default_rng(seed)
    if source.suffix == ".parquet":
        table = pl.read_parquet(source)
        aside = rng.random(table.height) < share
        table.filter(~pl.Series(aside)).write_parquet(folder / "train.parquet")
        table.filter(pl.Series(aside)).write_parquet(folder / "aside.parquet")
        return "train.parquet", "aside.parquet"
    lines = gzip.decompress(source.read_bytes()).splitlines(keepends=True)
    head, body = (lines[:1], lines[1:]) if raw.header else ([], lines)
    body = [line for line in body if line.strip()]
    aside = rng.random(len(body)) < share
    (folder / "train.csv").write_bytes(b"".join(head + [x for x, a in zip(body, aside, strict=True) if not a]))
    (folder / "aside.csv").write_bytes(b"".join(head + [x for x, a in zip(body, aside, strict=True) if a]))
    return "train.csv", "aside.csv"


def read_plainly(raw: Raw, path: Path) -> pd.DataFrame:
    """Read a part as a person would who knows the table."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    frame = pd.read_csv(
        path, header=0 if raw.header else None, skipinitialspace=True, na_values=["?"], sep=r"\s*,\s*", engine="python"
    )
    if not raw.header:
        frame.columns = [f"column_{number}" for number in range(1, frame.shape[1] + 1)]
    return frame


def peer(raw: Raw, train: pd.DataFrame, aside: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Fit the default LightGBM; return the truth and its predictions for the rows set aside."""
    train, aside = train[train[raw.target].notna()], aside[aside[raw.target].notna()]
    features = [name for name in train.columns if name != raw.target]
    left, right = train[features].copy(), aside[features].copy()
    for name in features:
        if not pd.api.types.is_numeric_dtype(left[name]):
            kinds = pd.CategoricalDtype(sorted(left[name].dropna().astype(str).unique()))
            left[name] = left[name].astype("string").astype(object).astype(kinds)
            right[name] = right[name].astype("string").astype(object).astype(kinds)
    if raw.task == "regression":
        model = lightgbm.LGBMRegressor(verbose=-1).fit(left, train[raw.target])
        return aside[raw.target].to_numpy(float), model.predict(right), []
    labels = [_label(value) for value in train[raw.target]]
    classes = sorted(set(labels))
    model = lightgbm.LGBMClassifier(verbose=-1).fit(left, labels)
    truth = np.array([classes.index(_label(value)) for value in aside[raw.target]])
    return truth, model.predict_proba(right), classes


def _label(value: object) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def score(task: str, truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return AUC, or minus the log loss, or minus the RMSE: higher is better."""
    if task == "binary":
        return float(roc_auc_score(truth, predicted[:, 1]))
    if task == "multiclass":
        return -float(log_loss(truth, np.clip(predicted, 1e-15, 1), labels=range(predicted.shape[1])))
    return -float(np.sqrt(np.mean((truth - predicted) ** 2)))


def compare(task: str, truth: np.ndarray, ours: np.ndarray, theirs: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the paired-bootstrap 95 % interval of our score minus theirs."""
    rng = np.random.default_rng(seed)
    differences = []
    while len(differences) < RESAMPLES:
        rows = rng.integers(0, len(truth), len(truth))
        if task == "binary" and len(np.unique(truth[rows])) < 2:
            continue
        differences.append(score(task, truth[rows], ours[rows]) - score(task, truth[rows], theirs[rows]))
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def tenfold(folder: Path, *words: str) -> tuple[int, str, float]:
    """Type a command; return its exit code, its stdout and its wall time."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "tenfold.cli.main", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - began
    if "Traceback" in done.stderr or done.returncode > 1:
        sys.exit(f"tenfold {' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.returncode, done.stdout, seconds


def contest(name: str, data: Path, budget: int, share: float, seed: int) -> dict[str, object]:
    """Run one table; return its row."""
    raw = TABLES[name]
    with tempfile.TemporaryDirectory(prefix=f"tenfold-{name}-") as work:
        folder = Path(work)
        train, aside = divide(raw, data, folder, share, seed)
        tenfold(folder, "init", train, "--target", raw.target)
        code, out, seconds = tenfold(folder, "run", "--budget", f"{budget}s", "--json")
        document = json.loads(out)
        if document["model"] is None:
            sys.exit(f"{name}: no model: {document['stopped']}")
        tenfold(folder, "predict", document["model"]["ref"], aside, "--output", "scored.parquet")
        scored = pl.read_parquet(folder / "scored.parquet")
        held = read_plainly(raw, folder / aside)
        truth, theirs, classes = peer(raw, read_plainly(raw, folder / train), held)
        known = held[raw.target].notna().to_numpy()
        columns = [f"proba_{label}" for label in classes] or ["prediction"]
        ours = scored.filter(pl.Series(known)).select(columns).to_numpy()
        ours = ours if classes else ours[:, 0]
    mine, other = score(raw.task, truth, ours), score(raw.task, truth, theirs)
    low, high = compare(raw.task, truth, ours, theirs, seed)
    scale = 1 - other if raw.task == "binary" else abs(other)
    return {
        "table": name,
        "metric": {"binary": "auc", "multiclass": "log loss", "regression": "rmse"}[raw.task],
        "tenfold": abs(mine),
        "lightgbm": abs(other),
        "difference": mine - other,
        "low": low,
        "high": high,
        "normalised": (mine - other) / scale,
        "run_seconds": seconds,
        "exit": code,
        "status": document["status"],
        "members": {row["learner"]: row["weight"] for row in document["leaderboard"] if row["weight"]},
    }


def main() -> int:
    """Print the table; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--budget", type=int, default=60)
    parser.add_argument("--only", default=",".join(TABLES))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = []
    print(f"{'table':20}{'metric':9}{'tenfold':>12}{'lightgbm':>12}{'diff [95 %]':>34}{'norm.':>8}{'run s':>8}  exit")
    for name in given.only.split(","):
        row = contest(name, given.data, given.budget, given.share, given.seed)
        rows.append(row)
        interval = f"{row['difference']:+.5g} [{row['low']:+.4g}, {row['high']:+.4g}]"
        print(
            f"{row['table']:20}{row['metric']:9}{row['tenfold']:12.5g}{row['lightgbm']:12.5g}{interval:>34}"
            f"{row['normalised']:+8.3f}{row['run_seconds']:8.1f}  {row['exit']} {row['status']} {row['members']}",
            flush=True,
        )
    mean = float(np.mean([row["normalised"] for row in rows]))
    lost = [row["table"] for row in rows if row["high"] < 0]
    late = [row["table"] for row in rows if row["run_seconds"] > given.budget + 3]
    print(f"mean normalised difference {mean:+.4f}; significantly worse: {lost or 'none'}; late: {late or 'none'}")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))
    return 1 if lost or late or mean < 0 else 0


if __name__ == "__main__":
    sys.exit(main())
