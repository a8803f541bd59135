"""What one worker counts of the versions of a trial, for whoever judges it: requests, failures, times."""

from __future__ import annotations

import bisect
import threading
from dataclasses import dataclass, field

from tenfold.store.served import BOUNDS_MS, ServedArm, ServedFile

_BOUNDS = tuple(bound / 1000.0 for bound in BOUNDS_MS)


@dataclass(slots=True)
class Tally:
    """The counts of one version; several threads may count."""

    _requests: int = 0
    _failed: int = 0
    _times: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, row_seconds: float | None) -> None:
        """Count a request that was answered; ``row_seconds`` is None where it had too many rows to tell of one."""
        with self._counting:
            self._requests += 1
            if row_seconds is not None:
                self._times[bisect.bisect_left(_BOUNDS, row_seconds)] += 1

    def failed(self) -> None:
        """Count a request that the version could not answer."""
        with self._counting:
            self._requests += 1
            self._failed += 1

    def counted(self, ref: str) -> ServedArm:
        """Return the counts as they stand."""
        with self._counting:
            return ServedArm(ref=ref, requests=self._requests, failed=self._failed, times=tuple(self._times))


@dataclass(slots=True)
class Tallies:
    """The counts of one trial by version; they go on while its shares change, and when one of its arms is stopped."""

    salt: str = ""
    _arms: dict[str, Tally] = field(default_factory=dict)

    def of(self, salt: str, ref: str) -> Tally:
        """Return where a version of a trial is counted; another trial begins with nothing."""
        if salt != self.salt:
            self.salt, self._arms = salt, {}
        return self._arms.setdefault(ref, Tally())

    def content(self) -> ServedFile | None:
        """Return what is to be kept; None where nothing was counted, or nothing is tried."""
        if not self.salt:
            return None
        arms = tuple(tally.counted(ref) for ref, tally in sorted(self._arms.items()))
        if not any(arm.requests for arm in arms):
            return None
        return ServedFile(salt=self.salt, arms=arms)
