"""How long it takes to say what was live at a moment, and whether it is right.

    python benchmarks/history.py [--days 90] [--endpoints 5] [--questions 500]

A store is filled with so many days of promotions, rollbacks and trials on several endpoints, and a list beside it with
the same; then both are asked about endpoints and moments drawn by chance. Printed: wrong answers, median, 99th
percentile and slowest answer in milliseconds. No answer may be wrong, and each has 100 ms.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from bisect import bisect_right
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tenfold.foundation.clock import ManualClock
from tenfold.records.release import Traffic
from tenfold.store.open import Store, open_store
from tenfold.store.rows import Release, ReleaseOrder

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
VERSIONS = 30
LIMIT_MS = 100.0
Told = tuple[int, float | None, tuple[int, float] | None]
"""The version, its threshold, and who was tried beside it on which share."""


def main() -> int:
    """Fill, ask and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--endpoints", type=int, default=5)
    parser.add_argument("--questions", type=int, default=500)
    options = parser.parse_args()
    chance, clock = random.Random(7), ManualClock(at=BEGAN)  # noqa: S311 - a draw, no secret
    names = [f"late{number}" for number in range(options.endpoints)]
    took, worked, wrong = [], 0.0, 0
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder), clock=clock) as store:
        lived = live_through(store, clock, names, options.days, chance)
        for _ in range(options.questions):
            name, asked = chance.choice(names), BEGAN + timedelta(days=chance.uniform(-1, options.days))
            began, busy = time.perf_counter(), time.process_time()
            found = store.releases.live(name, at=asked)
            took.append(1e3 * (time.perf_counter() - began))
            worked = max(worked, 1e3 * (time.process_time() - busy))
            place = bisect_right([at for at, _ in lived[name]], asked)
            wrong += told(found) != (lived[name][place - 1][1] if place else None)
        releases = len(store.releases.history())
    took.sort()
    late = took[int(0.99 * len(took))]
    print(f"{releases} releases in {options.days} days on {options.endpoints} endpoints, {options.questions} questions")
    print(f"  wrong {wrong}   median {statistics.median(took):.2f} ms   99 % {late:.2f} ms   slowest {took[-1]:.2f} ms")
    print(f"  processor time of the slowest {worked:.2f} ms")
    return 0 if took[-1] <= LIMIT_MS and not wrong else 1


def live_through(
    store: Store, clock: ManualClock, names: list[str], days: int, chance: random.Random
) -> dict[str, list[tuple[datetime, Told]]]:
    """Let each endpoint be released once a day or so; return the same on paper."""
    for name in names:
        for number in range(1, VERSIONS + 1):
            blob = store.blobs.put(b"bundle")
            store.registry.register(name, bundle=f"b{number}", blob=blob, run="r", facts={"threshold": number / 100})
    lived: dict[str, list[tuple[datetime, Told]]] = {name: [] for name in names}
    plan = sorted((chance.uniform(0, days), name) for name in names for _ in range(days))
    live = dict.fromkeys(names, (0, 0))
    for day, name in plan:
        clock.at = BEGAN + timedelta(days=day)
        revision, number = live[name]
        action = "promote" if not revision else chance.choice(("promote", "rollback", "traffic", "traffic"))
        if action != "traffic":
            number = chance.randrange(1, VERSIONS + 1)
        trial = _trial(chance, clock.at) if action == "traffic" and chance.random() < 0.7 else None
        order = ReleaseOrder(
            endpoint=name,
            after=revision,
            action="promote",
            name=name,
            number=number,
            previous=None,
            reason="",
            by="",
            replay=True,
            traffic=trial,
        )
        store.releases.append(replace(order, action=action))
        live[name] = revision + 1, number
        beside = None if trial is None else (trial.number, trial.share)
        lived[name].append((clock.at, (number, number / 100, beside)))
    return lived


def _trial(chance: random.Random, at: datetime) -> Traffic:
    number, share = chance.randrange(1, VERSIONS + 1), chance.choice((0.05, 0.25, 0.5))
    return Traffic(strategy="canary", number=number, bundle=f"b{number}", share=share, salt="s", since=at)


def told(found: Release | None) -> Told | None:
    """Return what the catalog says, as it stands on paper."""
    if found is None:
        return None
    trial = found.traffic
    return found.number, found.threshold, None if trial is None else (trial.number, trial.share)


if __name__ == "__main__":
    sys.exit(main())
