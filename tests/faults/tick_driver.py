"""One pass of `tenfold tick` on a clock that was set, killed at its n-th act of writing; 0: acts are counted."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from tenfold.automation.tick import tick
from tenfold.foundation.clock import ManualClock
from tenfold.project.open import Project
from tenfold.spec.load import load_spec
from tenfold.store.open import open_store
from tenfold.testing.faults import CountWrites, KillAtWrite


def main(folder: Path, at: str, n: int) -> None:
    clock = ManualClock(datetime.fromisoformat(at))
    before_write = KillAtWrite(n) if n else CountWrites()
    spec = load_spec(folder, {})
    with open_store(spec.store_folder, clock=clock, before_write=before_write) as store:
        tick(Project(spec=spec, store=store, clock=clock), workers="inline")
    if isinstance(before_write, CountWrites):
        sys.stdout.write(f"{len(before_write.acts)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
