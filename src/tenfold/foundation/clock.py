"""The only file that reads the clock."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where time comes from: the system, or a replay."""

    def now(self) -> datetime:
        """Return the project's time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards, equal across the processes of one machine."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(slots=True)
class ManualClock:
    """A clock that stands still until it is moved: for replays and tests."""

    at: datetime
    seconds: float = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A moment on the monotonic clock after which no new work begins.

    ``at_seconds`` is None when there is no limit. Deadlines may be sent to other processes of the same machine.
    """

    at_seconds: float | None = None
    clock: Clock = field(default_factory=SystemClock)

    @classmethod
    def after(cls, seconds: float | None, clock: Clock | None = None) -> Deadline:
        """Return the deadline ``seconds`` from now; None means no limit."""
        clock = clock or SystemClock()
        return cls(at_seconds=None if seconds is None else clock.monotonic() + seconds, clock=clock)

    def remaining_seconds(self) -> float:
        """Return the seconds left, never negative; infinite when there is no limit."""
        if self.at_seconds is None:
            return math.inf
        return max(0.0, self.at_seconds - self.clock.monotonic())

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self.remaining_seconds() <= 0.0

    def share(self, fraction: float) -> Deadline:
        """Return an earlier deadline: after ``fraction`` of the time that is left now."""
        if self.at_seconds is None:
            return self
        return Deadline.after(self.remaining_seconds() * fraction, self.clock)

    def less(self, seconds: float) -> Deadline:
        """Return the deadline moved ``seconds`` earlier."""
        if self.at_seconds is None:
            return self
        return Deadline(at_seconds=self.at_seconds - seconds, clock=self.clock)
