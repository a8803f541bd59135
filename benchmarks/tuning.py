"""What the search methods are worth: Hyperband against random search on recorded curves, and the best score on noise.

    python benchmarks/tuning.py [curves] [noise] [--orders 200] [--seeds 20] [--first 0] [--trials 200]

``curves`` replays the bank of ``benchmarks/curves.npz`` (made by ``benchmarks/record_curves.py``): settings are drawn
from a table's configurations, again and again, one that is drawn a second time is fitted a second time. Random search
fits 27, or 81, of them to the end. Hyperband and ASHA draw their own until a complete fit is as good as the best of
those. The bank has 80 configurations of each table: the best of 81 draws is mostly the single best of the bank, and a
method that drops that one early never gets there, so that the bar is held against 27.
Printed is the share of random search's boosting rounds that this took; who has not come there with as many rounds
counts as 1. A rung goes on from the one before and costs the difference, as it does in the product.

``noise`` runs the product on tables whose target is a coin: 300 rows, 10 columns, ``feasibility: warn``, and a nested
split. Printed for each seed are the best out-of-fold score, the corrected one, the one of searches that never saw the
row, and that of the sealed rows, with their intervals. Chance is 0.5 (AUC).

Exit code 1 when the median share is above 0.4, or when fewer than 18 of 20 intervals of a way contain chance.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import tenfold
from tenfold.stages.tuning.brackets import LONGEST
from tenfold.stages.tuning.rungs import Asha, Hyperband, Rungs

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


FILE = """tenfold: 1
name: noise
problem: {target: target, task: binary, positive: "yes", metric: roc_auc, feasibility: warn}
data: {path: table.csv}
features: {select: "off"}
validation: {strategy: nested, folds: 4}
training: {learners: [linear, lightgbm], budget: {trials: %(trials)d}, seed: %(seed)d}
tuning: {method: random}
"""
WAYS = ("best", "corrected", "nested", "sealed")


def noise(seeds: Sequence[int], trials: int) -> bool:
    """Print the four scores of each seed; return whether enough intervals contain chance, of each way that has one."""
    inside = dict.fromkeys(WAYS[1:], 0)
    best = []
    for seed in seeds:
        began = time.process_time()
        with tempfile.TemporaryDirectory(prefix="tenfold-noise-") as folder:
            ways, candidates = search_noise(seed, trials, Path(folder))
        told = []
        for way in WAYS:
            each = ways[way]
            told.append(f"{way} {each['value']:.3f}")
            if way in inside:
                contains = each["low"] <= 0.5 <= each["high"]
                inside[way] += contains
                told[-1] += f" [{each['low']:.3f}, {each['high']:.3f}]{'' if contains else ' MISSES'}"
        best.append(ways["best"]["value"])
        print(
            f"seed {seed:2}: {', '.join(told)}, {candidates} candidates, {time.process_time() - began:.0f} s of CPU",
            flush=True,
        )
    print(f"the best score is {np.mean(best):.3f} on average")
    for way, count in inside.items():
        print(f"chance lies in {count} of {len(seeds)} intervals of {way}")
    return all(count >= 0.9 * len(seeds) for count in inside.values())


def search_noise(seed: int, trials: int, folder: Path, rows: int = 300) -> tuple[Mapping[str, Any], int]:
    """Return the scores by the way they were measured, as a run tells them, for a target that is a coin."""
    rng = np.random.default_rng(seed)
    table = pl.DataFrame({f"x{place}": rng.normal(size=rows) for place in range(10)}).with_columns(
        pl.Series("target", np.where(rng.random(rows) < 0.5, "no", "yes"))
    )
    table.write_csv(folder / "table.csv")
    (folder / "tenfold.yaml").write_text(FILE % {"trials": trials, "seed": seed})
    told = tenfold.open(folder).run(workers="inline").document()
    return told["ways"], told["search"]["selection"]["candidates"]


def main() -> int:
    """Print what was asked for; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["curves", "noise"])
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--trials", type=int, default=200)
    given = parser.parse_args()
    met = []
    if "curves" in given.what:
        for count in RANDOM:
            print(f"against the best of {count} whole fits")
            median = curves(given.orders, bank(), count)["hyperband"]
            met += [median <= BAR] if count == RANDOM[0] else []
    if "noise" in given.what:
        met.append(noise(range(given.first, given.first + given.seeds), given.trials))
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
