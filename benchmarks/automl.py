"""What training and tuning make of a time budget, stage by stage, against a default LightGBM that has more rows.

    python benchmarks/automl.py DATA [--budget 48] [--only adult,segment] [--seeds 1,2] [--trials 20] [--verbose]

DATA is a folder with the raw tables named below. Of each table 30 % of the rows are set aside before anything else.
Tenfold's stages get the others; validation seals 15 % of them, and training and tuning together get the budget. The
peer is ``lightgbm.LGBMClassifier()`` or ``LGBMRegressor()`` with its defaults on *all* the others, the sealed ones
included, text columns as pandas categories.

Printed for each table and seed: both scores on the rows set aside (AUC, log loss or RMSE), the difference in Tenfold's
favour with its paired-bootstrap 95 % interval, that difference as a share of what was left to win, wall times, trials,
and the ensemble. Exit code 1 when an interval lies wholly on the losing side, or the mean share is below zero.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import polars as pl
from sklearn.metrics import log_loss, roc_auc_score

from tenfold.bundle.inputs import signature_of
from tenfold.bundle.member import Member
from tenfold.connectors.ingest import IngestOptions, ingest
from tenfold.connectors.read import read_for_model
from tenfold.connectors.request import SourceRequest
from tenfold.engine.executors import ProcessMap
from tenfold.foundation.clock import Deadline
from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.foundation.events import Event
from tenfold.foundation.serial import from_json
from tenfold.records.model import Candidates
from tenfold.records.problem import Problem
from tenfold.stages.data import run as data
from tenfold.stages.data.options import DataOptions
from tenfold.stages.features import run as features
from tenfold.stages.features.options import FeatureOptions
from tenfold.stages.problem import run as problem
from tenfold.stages.problem.options import ProblemOptions
from tenfold.stages.training import run as training
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.training.trainer import open_trainer
from tenfold.stages.tuning import run as tuning
from tenfold.stages.tuning.options import TuningOptions
from tenfold.stages.validation import run as validation
from tenfold.stages.validation.options import ValidationOptions

RESAMPLES = 500
SHARE_ASIDE = 0.3
ADULT = (
    "age workclass fnlwgt education education_num marital occupation relationship race sex gain loss hours country",
    "income",
)


@dataclass(frozen=True)
class Raw:
    """A raw table: its file, its target, and the names of its columns where the file has none."""

    file: str
    target: str
    names: tuple[str, ...] = ()


TABLES = {
    "adult": Raw("adult/adult.data.csv.gz", "income", tuple(" ".join(ADULT).split())),
    "california_housing": Raw("california_housing.csv.gz", "median_house_value"),
    "segment": Raw("segment.parquet", "category"),
    "kr_vs_kp": Raw("kr_vs_kp.parquet", "class"),
    "abalone": Raw("abalone.parquet", "Rings"),
    "caravan": Raw("caravan_coil2000.parquet", "Purchase"),
    "horse_colic": Raw("horse_colic.csv.gz", "column_24", tuple(f"column_{number}" for number in range(1, 29))),
    "elec2": Raw("elec2_stream.parquet", "class"),
}


class Teller:
    """Prints what is tried."""

    def emit(self, event: Event) -> None:
        """Print one event."""
        left = event.facts.get("left")
        print(f"    {event.stage:9} {event.message}" + (f" ({left} left)" if left else ""), flush=True)


def read_raw(raw: Raw, folder: Path) -> pd.DataFrame:
    """Read a table as a person would who knows it; rows without a target are left out."""
    path = folder / raw.file
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
    else:
        header = None if raw.names else 0
        frame = pd.read_csv(path, header=header, names=raw.names or None, skipinitialspace=True, na_values="?")
    return frame[frame[raw.target].notna()].reset_index(drop=True)


def received(result: StageResult, folder: Path) -> Received:
    """Write a stage's payload, and hand it on."""
    paths = {}
    for name, content in result.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.read_bytes() if isinstance(content, Path) else content)
        paths[name] = path
    return Received(record=result.record, files=paths)


def plan(table: pd.DataFrame, raw: Raw, folder: Path, ctx: StageContext) -> tuple[Received, ...]:
    """Carry a table through the stages before training."""
    table.to_csv(folder / "source.csv", index=False)
    source = SourceRequest(name="table", location=str(folder / "source.csv"))
    taken = ingest(IngestOptions(sources=(source,)), workdir=folder / "ingest")
    options = ProblemOptions(target=raw.target, feasibility="off")
    asked = received(problem.run(taken.table, taken.fields, options, ctx), folder / "problem")
    known = received(data.run(asked, taken.table, taken.fields, taken.sources, DataOptions(), ctx), folder / "data")
    split = received(validation.run(asked, known, ValidationOptions(), ctx), folder / "validation")
    return asked, known, split, received(features.run(asked, known, split, FeatureOptions(), ctx), folder / "features")


def scores_of(members: Candidates, files: Mapping[str, bytes], rows: pl.DataFrame) -> np.ndarray:
    """Return the ensemble's predictions for rows of a canonical table."""
    total = np.zeros(())
    for member in members.members:
        prefix = f"{member.key}/"
        own = {name.removeprefix(prefix): content for name, content in files.items() if name.startswith(prefix)}
        total = total + member.weight * Member.from_files(own).scores(rows)
    return total


def peer(raw: Raw, asked: Problem, train: pd.DataFrame, aside: pd.DataFrame) -> np.ndarray:
    """Fit the default LightGBM, and return its predictions for the rows set aside."""
    left, right = train.drop(columns=raw.target), aside.drop(columns=raw.target)
    for name in left.columns:
        if not pd.api.types.is_numeric_dtype(left[name]):
            kinds = pd.CategoricalDtype(sorted(left[name].dropna().astype(str).unique()))
            for part in (left, right):
                texts = part[name].astype("string").astype(object)
                part[name] = texts.where(texts.isin(kinds.categories), None).astype(kinds)
    if asked.task == "regression":
        return lightgbm.LGBMRegressor(verbose=-1, n_jobs=1).fit(left, train[raw.target]).predict(right)
    model = lightgbm.LGBMClassifier(verbose=-1, n_jobs=1).fit(left, codes(asked, train[raw.target]))
    return model.predict_proba(right)


def codes(asked: Problem, values: pd.Series) -> np.ndarray:
    """Return labels as positions among the problem's classes."""
    labels = [str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in values]
    return np.array([asked.classes.index(label) for label in labels])


def score(task: str, truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return AUC, or minus the log loss, or minus the RMSE: higher is better."""
    if task == "binary":
        return float(roc_auc_score(truth, predicted[:, 1]))
    if task == "multiclass":
        return -float(log_loss(truth, np.clip(predicted, 1e-15, 1), labels=range(predicted.shape[1])))
    return -float(np.sqrt(np.mean((truth - predicted) ** 2)))


def interval(task: str, truth: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Return the paired-bootstrap 95 % interval of our score minus theirs."""
    rng = np.random.default_rng(1)
    differences: list[float] = []
    while len(differences) < RESAMPLES:
        rows = rng.integers(0, len(truth), len(truth))
        if task == "binary" and len(np.unique(truth[rows])) < 2:
            continue
        differences.append(score(task, truth[rows], ours[rows]) - score(task, truth[rows], theirs[rows]))
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def contest(name: str, given: argparse.Namespace, seed: int, workers: ProcessMap) -> tuple[float, float]:
    """Run one table with one seed, print its row, and return the share won and the upper end of the difference."""
    raw = TABLES[name]
    frame = read_raw(raw, given.data)
    set_aside = np.random.default_rng(seed).random(len(frame)) < SHARE_ASIDE
    train, aside = frame[~set_aside].reset_index(drop=True), frame[set_aside].reset_index(drop=True)
    with tempfile.TemporaryDirectory(prefix=f"tenfold-{name}-") as work:
        folder = Path(work)
        quiet = StageContext(rng=np.random.default_rng(seed), seed=seed)
        inputs = plan(train, raw, folder, quiet)
        began = time.monotonic()
        timed = Deadline() if given.trials else Deadline.after(given.budget)
        ctx = StageContext(
            rng=np.random.default_rng(seed),
            seed=seed,
            map=workers,
            deadline=timed,
            **({"events": Teller()} if given.verbose else {}),
        )
        first = training.run(*inputs, TrainingOptions(budget_trials=given.trials), ctx)
        trained = time.monotonic() - began
        candidates = received(first, folder / "training")
        last = tuning.run(
            *inputs, candidates, TuningOptions(budget_trials=given.trials), ctx, open_trainer=open_trainer
        )
        tuned = time.monotonic() - began
        everything = from_json(Candidates, last.files["candidates.json"])
        asked: Problem = inputs[0].record
        aside.to_csv(folder / "aside.csv", index=False)
        fields = signature_of(inputs[3].record, inputs[1].record, asked).fields
        rows = pl.concat(read_for_model(str(folder / "aside.csv"), fields))
        ours = scores_of(everything, last.files, rows)
    theirs = peer(raw, asked, train, aside)
    if asked.task == "regression":
        truth, ours = aside[raw.target].to_numpy(dtype=float), ours[:, 0]
    else:
        truth = codes(asked, aside[raw.target])
    if given.verbose:
        for each in everything.candidates[:12]:
            rounds = [decision.iterations for decision in each.fits]
            print(f"    {each.key:22}{each.loss:9.5f}{each.score:12.5g}{each.seconds:7.1f} s {rounds} {each.note}")
    mine, other = score(asked.task, truth, ours), score(asked.task, truth, theirs)
    low, high = interval(asked.task, truth, ours, theirs)
    share = (mine - other) / (1 - other if asked.task == "binary" else abs(other))
    verdict = "LOSES" if high < 0 else "wins" if low > 0 else ""
    print(
        f"{name:19}{seed:3} {abs(mine):11.5g}{abs(other):11.5g} {mine - other:+10.4g} [{low:+9.3g}, {high:+9.3g}]"
        f"{share:+8.3f} {verdict:6}{trained:6.1f}{tuned:6.1f} s {len(last.record.trials):4} trials  "
        + " ".join(f"{key}={weight:.2f}" for key, weight in last.record.members)
        + f"  load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return share, high


def main() -> int:
    """Print the table; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--budget", type=float, default=48.0)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--only", default=",".join(TABLES))
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    rows = []
    preload = ("numpy", "lightgbm", "sklearn.linear_model", "sklearn.ensemble")
    with ProcessMap(given.workers, preload=preload) as workers:
        workers.start()
        for name in given.only.split(","):
            rows += [contest(name, given, int(seed), workers) for seed in given.seeds.split(",")]
    mean = float(np.mean([share for share, _ in rows]))
    print(f"mean share won {mean:+.4f}, losses {sum(high < 0 for _, high in rows)} of {len(rows)}")
    return int(mean < 0 or any(high < 0 for _, high in rows))


if __name__ == "__main__":
    sys.exit(main())
