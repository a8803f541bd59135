"""Compute the demo's decisions again, from what it stored, without a line of Tenfold's own code.

Reads the catalog (SQLite) and the blobs (Parquet) of a finished demo. Every comparison of a challenger with the
champion is computed anew from the stored rows with DeLong's paired test; the rows' outcomes are held against the labels
as they arrived, and the champion's scores against the predictions as they were logged. From this and the evidence each
decision is derived, and all of them must be those of ``tenfold model history --json``.

    python benchmarks/recompute_demo.py [FOLDER]        # .demo by default
"""

from __future__ import annotations

import json
import math
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

FEWEST_ROWS, LOOKS, CONFIDENCE = 100, 3, 0.95
SCORE_TOLERANCE, VALUE_TOLERANCE = 1e-9, 1e-9
# DeLong's normal bounds against bounds from which skewness was removed: a hundredth of their width apart.
BOUND_TOLERANCE = 0.02


class Stored:
    """A demo's store, read by its files alone."""

    def __init__(self, folder: Path):
        self.folder = folder / ".tenfold"
        self.catalog = sqlite3.connect(f"file:{self.folder / 'catalog.db'}?mode=ro", uri=True)
        self.catalog.row_factory = sqlite3.Row

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        return list(self.catalog.execute(query, values))

    def table(self, blob: str) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "blobs" / blob[:2] / blob[2:])

    def labels(self, until: str) -> dict[str, str]:
        """Return each id's outcome as it was known at a moment of the project's clock; the latest counts."""
        known: dict[str, str] = {}
        # Moments are kept as text with microseconds, so that they sort.
        moment = datetime.fromisoformat(until).isoformat(timespec="microseconds")
        for row in self.rows("SELECT blob FROM label_batches WHERE at <= ? ORDER BY number", moment):
            batch = self.table(row["blob"])
            known.update(zip(batch["id"], batch["outcome"].cast(pl.String), strict=True))
        return known

    def logged(self, bundle: str) -> dict[str, float]:
        """Return the score that each id was given by a bundle."""
        given: dict[str, float] = {}
        for row in self.rows("SELECT blob FROM window_parts WHERE bundle = ? ORDER BY number", bundle):
            part = self.table(row["blob"])
            score = next(name for name in reversed(part.columns) if name.startswith("score:"))
            given.update(zip(part["id"], part[score], strict=True))
        return given


def auc(truth: np.ndarray, score: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the AUC with DeLong's structural components: of the late rows, and of the others."""
    late, early = np.sort(score[truth == 1]), np.sort(score[truth == 0])

    def mid_rank(values: np.ndarray, among: np.ndarray) -> np.ndarray:
        below = np.searchsorted(among, values, side="left")
        return (below + np.searchsorted(among, values, side="right")) / 2.0

    of_late = mid_rank(score[truth == 1], early) / len(early)
    of_early = 1.0 - mid_rank(score[truth == 0], late) / len(late)
    return float(of_late.mean()), of_late, of_early


def paired(truth: np.ndarray, new: np.ndarray, old: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Return the difference of two AUCs on the same rows, with a one-sided bound on either side."""
    first, second = auc(truth, new), auc(truth, old)
    late, early = first[1] - second[1], first[2] - second[2]
    spread = math.sqrt(late.var(ddof=1) / len(late) + early.var(ddof=1) / len(early))
    reach = NormalDist().inv_cdf(confidence) * spread
    gain = first[0] - second[0]
    return gain, gain - reach, gain + reach


def derived(stored: Stored, decision: Mapping[str, Any], problems: list[str]) -> str:
    """Return what the stored rows and the evidence say should have been decided."""
    name, gain = decision["key"], decision["newest"]
    if gain is None:
        return "refuse" if decision["challenger"] is None or not decision["run"] else "unclear"
    last = decision["look"] >= LOOKS
    if gain["n"] < FEWEST_ROWS or gain["value"] is None:
        return "wait"
    rows = stored.table(gain["payload"])
    truth = rows["truth"].to_numpy()
    confidence = 1.0 - (1.0 - CONFIDENCE) / LOOKS
    value, low, high = paired(truth, rows["challenger_score"].to_numpy(), rows["champion_score"].to_numpy(), confidence)
    width = high - low
    if rows.height != gain["n"] or abs(value - gain["value"]) > VALUE_TOLERANCE:
        problems.append(f"{name}: the gain is {value} on {rows.height} rows, stored is {gain['value']} on {gain['n']}")
    if max(abs(low - gain["low"]), abs(high - gain["high"])) > BOUND_TOLERANCE * width:
        problems.append(f"{name}: the bounds are {low}, {high}, stored are {gain['low']}, {gain['high']}")
    problems.extend(differences(stored, decision, rows))
    if high < 0:
        return "refuse"
    if low <= 0:
        return "refuse" if last else "wait"
    musts = musts_of(stored, decision["challenger"])
    return "promote" if all(verdict in ("pass", "pending") for verdict in musts) else "refuse"


def differences(stored: Stored, decision: Mapping[str, Any], rows: pl.DataFrame) -> Iterator[str]:
    """Yield what the compared rows have that labels and log do not."""
    labels = stored.labels(decision["at"])
    if not set(rows["id"]) <= set(labels):
        yield f"{decision['key']}: rows without a label were compared"
        return
    wrong = sum((labels[key] == "true") != bool(truth) for key, truth in rows.select("id", "truth").iter_rows())
    if wrong:
        yield f"{decision['key']}: {wrong} outcomes are not those that arrived"
    name, _, number = decision["champion"].partition("@")
    (bundle,) = stored.rows("SELECT bundle FROM versions WHERE name = ? AND number = ?", name, int(number))
    logged = stored.logged(bundle["bundle"])
    seen = [(score, logged[key]) for key, score in rows.select("id", "champion_score").iter_rows() if key in logged]
    if seen and max(abs(one - other) for one, other in seen) > SCORE_TOLERANCE:
        yield f"{decision['key']}: the champion's scores are not those that were logged"


def musts_of(stored: Stored, ref: str) -> list[str]:
    """Return the newest verdict on each must of a version, in the lab and on the newest rows."""
    name, _, number = ref.partition("@")
    (version,) = stored.rows("SELECT bundle FROM versions WHERE name = ? AND number = ?", name, int(number))
    newest: dict[tuple[str, str, str], str] = {}
    for row in stored.rows("SELECT verdict FROM evidence WHERE subject = ? ORDER BY number", version["bundle"]):
        verdict = json.loads(row["verdict"])
        if verdict["level"] == "must" and verdict["place"] == "test":
            newest[verdict["requirement"], verdict["slice"], "test"] = verdict["verdict"]
        elif verdict["level"] == "must" and verdict["place"] == "retrain" and not verdict["slice"]:
            # On the newest rows only a failure counts against it.
            word = "fail" if verdict["verdict"] == "fail" else "pass"
            newest[verdict["requirement"], verdict["slice"], "retrain"] = word
    return list(newest.values())


def history(folder: Path) -> list[dict[str, Any]]:
    """Return what the command line says happened."""
    done = subprocess.run(
        [sys.executable, "-m", "tenfold.cli.main", "model", "history", "flight-delays", "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    events: list[dict[str, Any]] = json.loads(done.stdout)["events"]
    return events


def main() -> int:
    """Print what was computed again, and what differs."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".demo").resolve()
    stored, problems = Stored(folder), list[str]()
    told = history(folder)
    decided = [event for event in told if event["event"] == "decision" and event["look"]]
    kept = [json.loads(row["decision"]) for row in stored.rows("SELECT decision FROM decisions ORDER BY number")]
    if [each["key"] for each in decided] != [each["key"] for each in kept if each["look"]]:
        problems.append("the history does not tell the decisions that are stored")
    promoted = []
    for decision in decided:
        action = derived(stored, decision, problems)
        same = action == decision["action"]
        gain = decision["newest"] or {}
        print(
            f"{decision['at'][:10]}  {decision['challenger'] or '-':20} {decision['action']:8} computed: {action:8}"
            f" {'same' if same else 'DIFFERS'}   gain {gain.get('value')} on {gain.get('n')} rows"
        )
        if not same:
            problems.append(
                f"{decision['key']}: {decision['action']} was decided, {action} follows from what is stored"
            )
        if action == "promote":
            promoted.append(decision["challenger"])
    released = [event["ref"] for event in told if event["event"] == "released"]
    if released[1:] != promoted:
        problems.append(f"live were {released[1:]}, promoted were to be {promoted}")
    for problem in problems:
        print(f"DIFFERS: {problem}")
    print(f"{len(decided)} decisions computed again, {len(promoted)} promotions, {len(problems)} differences")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
