"""What one endpoint serves at this moment, and what it served before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tenfold.gateway.breaker import Breaker, BreakerLimits
from tenfold.gateway.version import Version

State = Literal["serving", "stale", "reverted", "unloaded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A version in service: one request reads this once, and everything it answers comes from it.

    ``previous`` answers when the breaker trips; ``revision`` is the manifest's.
    """

    version: Version
    revision: int
    breaker: Breaker
    previous: Live | None = None


@dataclass(slots=True)
class ServedEndpoint:
    """A served name; ``live`` is replaced as a whole, never changed.

    Attributes
    ----------
    problem : str or None
        Why what is served is not what the manifest says.
    """

    name: str
    live: Live | None = None
    state: State = "unloaded"
    problem: str | None = None
    swaps: int = 0
    load_failures: int = 0
    trips: int = 0
    limits: BreakerLimits = field(default_factory=BreakerLimits)

    def swap(self, version: Version, revision: int, *, now: float) -> None:
        """Let another version answer from the next request on."""
        before = self.live
        kept = None
        if before is not None:
            kept = Live(version=before.version, revision=before.revision, breaker=before.breaker)
        self.live = Live(
            version=version, revision=revision, breaker=Breaker(since=now, limits=self.limits), previous=kept
        )
        self.state, self.problem = "serving", None
        self.swaps += before is not None

    def keep(self, problem: str) -> None:
        """Go on with what is served, because what was published cannot be."""
        self.load_failures += 1
        self.problem = problem
        self.state = "unloaded" if self.live is None else "stale"

    def confirm(self) -> None:
        """Note that what is published is what was taken last, after all."""
        if self.state == "stale":
            self.state, self.problem = "serving", None

    def revert(self, live: Live, problem: str) -> bool:
        """Let the version before ``live`` answer again, if ``live`` is still what answers."""
        if live.previous is None or self.live is not live:
            return False
        self.live = live.previous
        self.state, self.problem = "reverted", problem
        self.trips += 1
        return True
