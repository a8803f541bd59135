"""Whether an id stays with its version: over restarts, and in every replica.

    python benchmarks/sticky.py [--ids 100000] [--restarts 10] [--replicas 3]

A manifest with an A/B test and one with a canary that rises are published; so many processes, begun one after the other
with other hash seeds, follow them as a worker does and say which version each id gets. Printed: the ids that were ever
given to another version, how many got each, and the bounds that chance leaves (4.5 standard deviations).
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.unit.gateway.gateway_scene import ENDPOINT, NOON, route

from tenfold.foundation.clock import ManualClock
from tenfold.gateway.watch import Watch
from tenfold.records.release import Endpoint
from tenfold.store.endpoints import publish

SHARES = (0.05, 0.25, 0.5)
_REACH = 4.5


def main() -> int:
    """Ask every process, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", type=int, default=100_000)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--store", type=Path, help="say which version each id gets there, and end")
    options = parser.parse_args()
    if options.store is not None:
        sys.stdout.write(given(options.store, options.ids))
        return 0
    moved, sound = 0, True
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / ".tenfold"
        before: str | None = None
        for revision, share in enumerate(SHARES, start=1):
            divide(store, share, revision)
            said = [ask(store, options.ids, seed) for seed in range(options.restarts * options.replicas)]
            moved += sum(a != b for other in said[1:] for a, b in zip(said[0], other, strict=True))
            lost = 0 if before is None else sum(a == "2" and b != "2" for a, b in zip(before, said[0], strict=True))
            before, found = said[0], said[0].count("2")
            reach = _REACH * math.sqrt(options.ids * share * (1 - share))
            inside = abs(found - share * options.ids) <= reach
            moved, sound = moved + lost, sound and inside
            print(
                f"{100 * share:g} %: {found:,} of {options.ids:,} ids ({share * options.ids:,.0f} ± {reach:,.0f}),"
                f" {lost} left the canary when it rose; {len(said)} processes,"
                f" {len({hashlib.sha256(each.encode()).hexdigest() for each in said})} opinions",
                flush=True,
            )
    print(f"ids that changed their version: {moved}")
    return 0 if sound and not moved else 1


def divide(store: Path, share: float, revision: int) -> None:
    """Publish a canary."""
    champion, other = (route(store, number, ref=f"members@{number}", threshold=0.4) for number in (1, 2))
    routes = (replace(champion, share=1 - share), replace(other, share=share, role="candidate"))
    publish(
        store,
        Endpoint(name=ENDPOINT, revision=revision, routes=routes, at=NOON, strategy="canary", salt="one trial"),
    )


def ask(store: Path, ids: int, seed: int) -> str:
    """Return what a process of its own says: one digit for each id."""
    command = [sys.executable, __file__, "--store", str(store), "--ids", str(ids)]
    return subprocess.run(
        command, env={**os.environ, "PYTHONHASHSEED": str(seed)}, capture_output=True, text=True, check=True
    ).stdout


def given(store: Path, ids: int) -> str:
    """Return the number of the version that each id gets."""
    watch = Watch(folder=store, only=(), clock=ManualClock(NOON), said=lambda _: None)
    watch.look()
    live = watch.endpoints[ENDPOINT].live
    if live is None or live.traffic is None:
        raise SystemExit("nothing is divided")
    choose = live.traffic.choose
    return "".join(choose(f"customer-{number}").version.ref[-1] for number in range(ids))


if __name__ == "__main__":
    sys.exit(main())
