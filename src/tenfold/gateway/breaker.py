"""When a new version does so badly that the one before it must answer again."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerLimits:
    """Failures that are too many: at least ``failures`` and ``share`` of the answers within ``seconds``.

    ``watched_seconds`` after a swap the version is no longer new, and the breaker rests.
    """

    failures: int = 5
    share: float = 0.2
    seconds: float = 10.0
    watched_seconds: float = 600.0


@dataclass(slots=True)
class Breaker:
    """Counts the answers of one version, from several threads; times are seconds on one monotonic clock."""

    since: float
    limits: BreakerLimits = field(default_factory=BreakerLimits)
    _failed: deque[float] = field(default_factory=deque)
    _answered: deque[tuple[float, int]] = field(default_factory=deque)
    _tenth: int | None = None
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def succeeded(self, now: float) -> None:
        """Count a request that was answered, by tenths of a second."""
        tenth = int(now * 10.0)
        with self._counting:
            if tenth == self._tenth:
                at, count = self._answered[-1]
                self._answered[-1] = (at, count + 1)
                return
            self._tenth = tenth
            self._answered.append((now, 1))
            while self._answered[0][0] < now - self.limits.seconds:
                self._answered.popleft()

    def watches(self, now: float) -> bool:
        """Whether the version is so new that it may be replaced by the one before it."""
        return now - self.since <= self.limits.watched_seconds

    def failed(self, now: float) -> bool:
        """Count a failure and return whether they have become too many."""
        if not self.watches(now):
            return False
        with self._counting:
            self._failed.append(now)
            while self._failed[0] < now - self.limits.seconds:
                self._failed.popleft()
            failures = len(self._failed)
            answered = sum(count for at, count in self._answered if at >= now - self.limits.seconds)
        return failures >= self.limits.failures and failures >= self.limits.share * (failures + answered)


_COMPARED_EVERY = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceLimits:
    """From when on a candidate is too slow: its median over ``requests`` is ``times`` the champion's, and so much more.

    Both are measured in the same process, over the same seconds: a busy machine slows both.
    """

    times: float = 5.0
    seconds: float = 0.002
    requests: int = 32


@dataclass(slots=True)
class Pace:
    """How long one version took for its last requests, in seconds for a row; only small requests count."""

    limits: PaceLimits = field(default_factory=PaceLimits)
    _took: deque[float] = field(default_factory=lambda: deque(maxlen=64))
    _counted: int = 0

    def took(self, seconds: float) -> bool:
        """Count a request; return whether it is time to compare, which is not worth it each time."""
        self._took.append(seconds)
        self._counted += 1
        return self._counted % _COMPARED_EVERY == 0

    def median(self) -> float | None:
        """Return the median; None where too few requests were counted."""
        if len(self._took) < self.limits.requests:
            return None
        ordered = sorted(self._took)
        return ordered[len(ordered) // 2]

    def slower(self, champion: Pace) -> str:
        """Return in words by how much this version is too slow; empty where it is not, or cannot be told yet."""
        own, other = self.median(), champion.median()
        if own is None or other is None or own < self.limits.times * other or own - other < self.limits.seconds:
            return ""
        return f"{1e3 * own:.1f} ms for a row, where the champion takes {1e3 * other:.1f} ms"
