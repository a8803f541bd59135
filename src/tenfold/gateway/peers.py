"""What the other workers of the same gateway have counted, so that whichever is asked can tell of all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tenfold.gateway.metrics import Samples, added, read, written

_SUFFIX = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """A folder in which each worker leaves its counts; None where there is one worker alone."""

    folder: Path | None
    worker: int

    def leave(self, samples: Samples) -> None:
        """Leave this worker's counts for the others."""
        if self.folder is None:
            return
        place = self.folder / f"{self.worker}{_SUFFIX}"
        fresh = place.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(written(samples))
        fresh.replace(place)

    def with_own(self, own: Samples) -> Samples:
        """Return this worker's counts together with what the others left."""
        if self.folder is None:
            return own
        others = (path for path in self.folder.glob(f"*{_SUFFIX}") if path.stem != str(self.worker))
        return added([own, *(read(path.read_bytes()) for path in others)])
