"""How long it takes to say what was live at a moment.

    python benchmarks/history.py [--releases 90] [--questions 500]

A store of its own is filled with so many releases of thirty versions, a day apart; then it is asked about moments drawn
by chance. Printed: median, 99th percentile and slowest answer in milliseconds. The limit is 100 ms for each.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tenfold.foundation.clock import ManualClock
from tenfold.store.open import open_store
from tenfold.store.rows import ReleaseOrder

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
VERSIONS = 30
LIMIT_MS = 100.0


def main() -> int:
    """Fill, ask and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--releases", type=int, default=90)
    parser.add_argument("--questions", type=int, default=500)
    options = parser.parse_args()
    chance, clock = random.Random(7), ManualClock(at=BEGAN)  # noqa: S311 - a draw, no secret
    took = []
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder), clock=clock) as store:
        for number in range(1, VERSIONS + 1):
            blob = store.blobs.put(b"bundle")
            store.registry.register("late", bundle=f"b{number}", blob=blob, run="r", facts={"threshold": number / 100})
        for revision in range(options.releases):
            clock.at = BEGAN + timedelta(days=revision)
            order = ReleaseOrder(
                endpoint="late",
                after=revision,
                action="promote",
                name="late",
                number=chance.randrange(1, VERSIONS + 1),
                previous=None,
                reason="",
                by="",
                replay=True,
            )
            store.releases.append(order)
        for _ in range(options.questions):
            asked = BEGAN + timedelta(days=chance.uniform(0, options.releases))
            began = time.perf_counter()
            store.releases.live("late", at=asked)
            took.append(1e3 * (time.perf_counter() - began))
    took.sort()
    late = took[int(0.99 * len(took))]
    print(f"{options.releases} releases, {options.questions} questions")
    print(f"  median {statistics.median(took):.2f} ms   99 % {late:.2f} ms   slowest {took[-1]:.2f} ms")
    return 0 if took[-1] <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
