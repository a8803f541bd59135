"""Whether a worse canary is taken back and a better one promoted, without a person.

    python benchmarks/canary.py [--seeds 20] [--only better|worse]

Each seed is a production of its own, with its own rows, ids and salt: requests go through the gateway's data plane into
the prediction log, outcomes arrive a day later, and one pass of ``tick`` a day judges the canary by the file's
requirement, ``roc_auc >= champion - 0.02``. Printed first is the number of judged requests within which each canary is
promised to be decided, then what became of it, for which reason, and after how many.
The exit code is 1 when fewer than 19 of 20 end as they should.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.e2e.canary_scene import BETTER, WORSE, Production

PROMISED = 1500
LONGEST_DAYS = 60
NEEDED = 0.95


def outcome(built: Path, folder: Path, seed: int, weights: tuple[float, ...]) -> tuple[str, int, str]:
    """Return what became of a version that was tried, after how many judged requests, and why."""
    production = Production.begun(built, folder, seed=seed)
    with production.project.store:
        tried = production.register(weights)
        production.project.promote(tried, accept=["ranks"], reason="to be tried", by="benchmark")
        for _ in range(LONGEST_DAYS):
            look = production.live_through().traffic
            if look is not None and look.action in {"promote", "rollback"}:
                return look.action, look.judged, look.reason
    return "undecided", 0, ""


def main() -> int:
    """Live through every seed and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", choices=("better", "worse"))
    options = parser.parse_args()
    sound = True
    print(f"promised: each canary is decided within {PROMISED:,} judged requests of its own", flush=True)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        built = Production.built(root / "built", most=PROMISED)
        for name, weights, wanted in (("worse", WORSE, "rollback"), ("better", BETTER, "promote")):
            if options.only not in (None, name):
                continue
            right = most = 0
            for seed in range(options.seeds):
                folder = root / "lived"
                action, judged, reason = outcome(built, folder, seed, weights)
                shutil.rmtree(folder)
                named = action == "promote" or reason.startswith("ranks fail")
                well = action == wanted and judged <= PROMISED and named
                right, most = right + well, max(most, judged)
                print(f"{name} {seed:2}: {action} after {judged:4} judged requests: {reason}", flush=True)
            print(
                f"{name}: {right} of {options.seeds} as they should, after {most} judged requests at most", flush=True
            )
            sound = sound and right >= NEEDED * options.seeds
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
