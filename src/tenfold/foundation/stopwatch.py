"""Durations: how long something took, on the wall and on the processor."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopwatch:
    """Runs from the moment it is made."""

    wall_start: float = field(default_factory=time.monotonic)
    cpu_start: float = field(default_factory=time.process_time)

    def wall_seconds(self) -> float:
        """Return the seconds that have passed."""
        return time.monotonic() - self.wall_start

    def cpu_seconds(self) -> float:
        """Return the processor seconds that this process has used, over all its threads."""
        return time.process_time() - self.cpu_start
