"""What the search methods are worth: Hyperband against random search on recorded curves, and the best score on noise.

    python benchmarks/tuning.py [curves] [noise] [--orders 200] [--seeds 20] [--trials 200]

``curves`` replays the bank of ``benchmarks/curves.npz`` (made by ``benchmarks/record_curves.py``): settings are drawn
from a table's configurations, again and again, one that is drawn a second time is fitted a second time. Random search
fits 27, or 81, of them to the end. Hyperband and ASHA draw their own until a complete fit is as good as the best of
those. The bank has 80 configurations of each table: the best of 81 draws is mostly the single best of the bank, and a
method that drops that one early never gets there, so that the bar is held against 27.
Printed is the share of random search's boosting rounds that this took; who has not come there with as many rounds
counts as 1. A rung goes on from the one before and costs the difference, as it does in the product.

``noise`` searches tables whose target is a coin: 300 rows, 10 columns, many trials. Printed for each seed is the best
out-of-fold score, the corrected one with its interval, and the score of the sealed rows. Chance is 0.5 (AUC).

Exit code 1 when the median share is above 0.4, or fewer than 18 of 20 corrected intervals contain chance.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tenfold.foundation.context import Received, StageContext
from tenfold.measures.choice import choose_metric
from tenfold.measures.interval import estimate
from tenfold.measures.metrics import metric_called
from tenfold.measures.outcome import Outcome
from tenfold.records.dataset import Column, Dataset, Field
from tenfold.records.features import FeaturePlan, Step
from tenfold.records.problem import Problem
from tenfold.records.tuning import Selection
from tenfold.stages.training import run as training
from tenfold.stages.training.options import TrainingOptions
from tenfold.stages.training.trainer import open_trainer
from tenfold.stages.tuning import run as tuning
from tenfold.stages.tuning.brackets import LONGEST
from tenfold.stages.tuning.options import TuningOptions
from tenfold.stages.tuning.rungs import Asha, Hyperband, Rungs
from tenfold.stages.validation import run as validation
from tenfold.stages.validation.options import ValidationOptions

BANK = Path(__file__).parent / "curves.npz"
RANDOM, MOST_DRAWN = (27, 81), 5_000
BAR = 0.4


@dataclass(frozen=True)
class Replay:
    """One table of the bank."""

    loss: np.ndarray
    rounds: np.ndarray

    def random_search(self, drawn: np.ndarray) -> tuple[float, int]:
        """Return the best loss, and the rounds of fitting all to the end."""
        return float(self.loss[drawn, -1].min()), int(self.rounds[drawn, -1].sum())

    def share_until(self, rungs: Rungs, drawn: np.ndarray, target: float, whole: int) -> float:
        """Return the share of some rounds after which a complete fit reaches the target, at most 1."""
        made: dict[int, int] = {}
        spent = 0
        while spent < whole and (jobs := rungs.next_jobs(2, len(drawn))):
            for job in jobs:
                place, unit = drawn[job.number], max(1, round(job.share * LONGEST)) - 1
                spent += int(self.rounds[place, unit]) - made.get(job.number, 0)
                made[job.number] = int(self.rounds[place, unit])
                loss = float(self.loss[place, unit])
                rungs.tell(job, loss)
                if job.share >= 1.0 and loss <= target:
                    return min(1.0, spent / whole)
        return 1.0


def bank() -> dict[str, Replay]:
    """Return the recorded curves by table."""
    with np.load(BANK) as held:
        names = sorted({key.partition("/")[0] for key in held})
        return {name: Replay(held[f"{name}/loss"], held[f"{name}/rounds"]) for name in names}


def curves(orders: int, replays: Mapping[str, Replay], count: int) -> dict[str, float]:
    """Print the shares, and return the median of each method."""
    shares: dict[str, list[float]] = {"hyperband": [], "asha": []}
    for table, replay in replays.items():
        own: dict[str, list[float]] = {"hyperband": [], "asha": []}
        for seed in range(orders):
            rng = np.random.default_rng(seed)
            target, whole = replay.random_search(rng.integers(0, len(replay.loss), count))
            drawn = rng.integers(0, len(replay.loss), MOST_DRAWN)
            for name, rungs in (("hyperband", Hyperband()), ("asha", Asha())):
                own[name].append(replay.share_until(rungs, drawn, target, whole))
        for name, found in own.items():
            shares[name] += found
            middle, high = np.quantile(found, [0.5, 0.9])
            print(
                f"{table:10} {name:10} {len(replay.loss)} configurations: median {middle:.1%} of random search's"
                f" rounds, a tenth above {high:.1%}, mean {np.mean(found):.1%}, not reached in"
                f" {np.mean(np.array(found) >= 1.0):.0%}"
            )
    for name, found in shares.items():
        print(f"all tables {name:10} median {np.median(found):.1%}, mean {np.mean(found):.1%}")
    return {name: float(np.median(found)) for name, found in shares.items()}


def noise(seeds: int, trials: int) -> bool:
    """Print the scores of each seed; return whether enough intervals contain chance."""
    inside = sealed_inside = 0
    for seed in range(seeds):
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="tenfold-noise-") as folder:
            selection, sealed = search_noise(seed, trials, Path(folder))
        contains = selection.low is not None and selection.high is not None and selection.low <= 0.5 <= selection.high
        inside += contains
        low, high = sealed.low or 0.0, sealed.high or 1.0
        sealed_inside += low <= 0.5 <= high
        print(
            f"seed {seed:2}: best {selection.naive:.3f}, corrected {selection.corrected or 0:.3f}"
            f" [{selection.low or 0:.3f}, {selection.high or 0:.3f}]{'' if contains else ' MISSES'}, sealed"
            f" {sealed.value or 0:.3f} [{low:.3f}, {high:.3f}], {selection.candidates} candidates,"
            f" {time.monotonic() - began:.0f} s",
            flush=True,
        )
    print(f"chance lies in {inside} of {seeds} corrected intervals, in {sealed_inside} of the sealed part's")
    return inside >= 0.9 * seeds


def search_noise(seed: int, trials: int, folder: Path, rows: int = 300):
    """Return the selection's scores and the estimate on sealed rows, for a target that is a coin."""
    rng = np.random.default_rng(seed)
    names = [f"x{place}" for place in range(10)]
    table = pl.DataFrame({name: rng.normal(size=rows) for name in names}).with_columns(
        pl.Series("target", np.where(rng.random(rows) < 0.5, "no", "yes"))
    )
    path = folder / "table.parquet"
    table.write_parquet(path)
    problem = Received(
        record=Problem(
            name="noise",
            task="binary",
            target="target",
            metric=choose_metric("binary", override="roc_auc"),
            classes=("no", "yes"),
            positive="yes",
        )
    )
    columns = [Column(field=Field(name=name, kind="numeric"), role="feature", reason="") for name in names]
    columns.append(Column(field=Field(name="target", kind="categorical"), role="target", reason=""))
    dataset = Received(
        record=Dataset(rows=rows, columns=tuple(columns), sources=(), snapshot="0"), files={"table.parquet": path}
    )
    ctx = StageContext(rng=np.random.default_rng(seed), seed=seed)
    planned = validation.run(problem, dataset, ValidationOptions(folds=3), ctx)
    split = folder / "split.parquet"
    split.write_bytes(planned.files["split.parquet"])
    step = (Step(kind="passthrough", columns=tuple(names)),)
    filled = (Step(kind="impute", columns=tuple(names)),)
    views = {"native": step, "filled": filled, "dense": filled}
    inputs = (
        problem,
        dataset,
        Received(record=planned.record, files={"split.parquet": split}),
        Received(record=FeaturePlan(inputs=tuple(names), views=views)),
    )
    first = training.run(*inputs, TrainingOptions(budget_trials=4, learners=("linear", "lightgbm")), ctx)
    kept = {}
    for name, content in first.files.items():
        place = folder / "training" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        kept[name] = place
    options = TuningOptions(method="random", budget_trials=trials)
    result = tuning.run(*inputs, Received(record=first.record, files=kept), options, ctx, open_trainer=open_trainer)
    selection = result.record.selection
    assert isinstance(selection, Selection)
    return selection, sealed_estimate(result, table, split)


def sealed_estimate(result, table: pl.DataFrame, split: Path):
    """Return the AUC of the ensemble on the sealed rows, with its interval."""
    from tenfold.bundle.member import Member

    test = (pl.read_parquet(split)["part"] == "test").to_numpy()
    rows = table.filter(pl.Series(test))
    scores = np.zeros((rows.height, 2))
    for key, weight in result.record.members:
        own = {
            name.removeprefix(f"{key}/"): content
            for name, content in result.files.items()
            if name.startswith(f"{key}/")
        }
        scores += weight * Member.from_files(own).scores(rows)
    truth = (rows["target"] == "yes").to_numpy().astype(np.int64)
    outcome = Outcome(task="binary", truth=truth, scores=scores)
    return estimate(metric_called("roc_auc"), outcome, rng=np.random.default_rng(1))


def main() -> int:
    """Print what was asked for; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["curves", "noise"])
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=200)
    given = parser.parse_args()
    met = []
    if "curves" in given.what:
        for count in RANDOM:
            print(f"against the best of {count} whole fits")
            median = curves(given.orders, bank(), count)["hyperband"]
            met += [median <= BAR] if count == RANDOM[0] else []
    if "noise" in given.what:
        met.append(noise(given.seeds, given.trials))
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
