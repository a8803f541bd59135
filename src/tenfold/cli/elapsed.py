"""How long this process has been alive: a budget covers the start of the interpreter and the imports as well."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tenfold.foundation.clock import Clock, SystemClock

# Interpreter and imports before this file, where the system doesn't tell; measured at 0.1 to 0.3 s.
_TYPICAL_START_SECONDS = 0.3
# A process this old when the command begins is not the command's own: a test, a notebook, a server.
_OLDEST_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Elapsed:
    """Time spent since the command began: ``before_seconds`` until ``since_seconds`` on the clock, and from then on."""

    before_seconds: float
    since_seconds: float
    clock: Clock

    @classmethod
    def begin(cls, clock: Clock | None = None) -> Elapsed:
        """Start counting now, the life of the process so far included."""
        clock = clock or SystemClock()
        age = process_age_seconds()
        own = age is not None and 0.0 <= age < _OLDEST_START_SECONDS
        before = age if own and age is not None else _TYPICAL_START_SECONDS
        return cls(before_seconds=before, since_seconds=clock.monotonic(), clock=clock)

    def seconds(self) -> float:
        """Return the seconds that the command has taken until now."""
        return self.before_seconds + self.clock.monotonic() - self.since_seconds


def process_age_seconds(proc: Path = Path("/proc")) -> float | None:
    """Return the seconds since this process was started, from the system's own books; None where it keeps none."""
    try:
        after_name = (proc / "self" / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        uptime = float((proc / "uptime").read_text(encoding="ascii").split()[0])
        # Field 22 of proc(5): clock ticks from boot to the start of the process; the name in field 2 may hold blanks.
        return uptime - int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
