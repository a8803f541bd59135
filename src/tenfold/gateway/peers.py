"""What the other workers of the same gateway have counted, so that whichever is asked can tell of all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tenfold.gateway.metrics import Samples, added, lasting, read, written

_SUFFIX = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """A folder in which each worker leaves its counts; None where nobody else counts.

    The counts of a worker that has ended stay, so that nothing is forgotten when one takes another's place.

    Attributes
    ----------
    worker : int
        Its number among the workers.
    process : int
        Tells it from those that had the number before.
    """

    folder: Path | None
    worker: int
    process: int = 0

    def leave(self, samples: Samples) -> None:
        """Leave this worker's counts for the others."""
        if self.folder is None:
            return
        place = self._place(self.folder)
        fresh = place.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(written(samples))
        fresh.replace(place)

    def end(self, samples: Samples) -> None:
        """Leave what this worker has counted in all, as it ends."""
        self.leave(lasting(samples))

    def with_own(self, own: Samples) -> Samples:
        """Return this worker's counts together with what the others left."""
        if self.folder is None:
            return own
        mine = self._place(self.folder).name
        others = (path for path in sorted(self.folder.glob(f"*{_SUFFIX}")) if path.name != mine)
        return added([own, *(_read(path) for path in others)])

    def _place(self, folder: Path) -> Path:
        return folder / f"{self.worker}-{self.process}{_SUFFIX}"


def _read(path: Path) -> Samples:
    samples = read(path.read_bytes())
    _, _, process = path.stem.partition("-")
    # Who was killed could not take its gauges back.
    return samples if process == "0" or Path(f"/proc/{process}").exists() else lasting(samples)
