"""What one endpoint serves at this moment, and what it served before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tenfold.gateway.breaker import Breaker, BreakerLimits, Pace
from tenfold.gateway.tally import Tallies
from tenfold.gateway.traffic import Arm, Traffic, dropped
from tenfold.gateway.version import Version
from tenfold.records.release import Endpoint, Route

State = Literal["serving", "stale", "reverted", "unloaded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A version in service: one request reads this once, and everything it answers comes from it.

    ``previous`` answers when the breaker trips; ``revision`` is the manifest's. ``traffic`` None: this version answers
    every request.
    """

    version: Version
    revision: int
    breaker: Breaker
    previous: Live | None = None
    traffic: Traffic | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A candidate that was stopped here, and why; not told yet to those who serve the same endpoint."""

    ref: str
    salt: str
    reason: str


@dataclass(slots=True)
class ServedEndpoint:
    """A served name; ``live`` is replaced as a whole, never changed.

    Attributes
    ----------
    problem : str or None
        Why what is served is not what the manifest says.
    stopped : Stopped or None
        The candidate that was stopped last, until it is noted beside the manifest.
    tallies : Tallies
        What was counted of the versions of the trial that runs, or ran last.
    """

    name: str
    live: Live | None = None
    state: State = "unloaded"
    problem: str | None = None
    swaps: int = 0
    load_failures: int = 0
    trips: int = 0
    limits: BreakerLimits = field(default_factory=BreakerLimits)
    stopped: Stopped | None = None
    tallies: Tallies = field(default_factory=Tallies)

    def swap(
        self,
        version: Version,
        revision: int,
        *,
        now: float,
        manifest: Endpoint | None = None,
        beside: Sequence[tuple[Route, Version]] = (),
    ) -> None:
        """Let another version answer from the next request on, or the same one beside others.

        Parameters
        ----------
        manifest : Endpoint, optional
            How requests are divided; without it the version answers all.
        beside : sequence of (Route, Version)
            Candidates and shadows, in the manifest's order.
        """
        before = self.live
        divided = manifest is not None and (bool(beside) or manifest.assign is not None)
        other = before is not None and (divided or before.traffic is not None or _held_otherwise(before, version))
        if before is not None and other and _same(before.version, version):
            # Only the division or a policy is another one: the champion goes on, with what its breaker has counted.
            after = replace(before, version=version, revision=revision, traffic=None)
        else:
            kept = None
            if before is not None:
                kept = Live(version=before.version, revision=before.revision, breaker=before.breaker)
            breaker = Breaker(since=now, limits=self.limits)
            after = Live(version=version, revision=revision, breaker=breaker, previous=kept)
            self.swaps += before is not None
        if manifest is not None and divided:
            known = None if before is None else before.traffic
            traffic = _traffic(manifest, after, beside, known, now, self.limits, self.tallies)
            after = replace(after, traffic=traffic)
        self.live = after
        self.state, self.problem = "serving", None

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

    def stop(self, arm: Arm, reason: str) -> bool:
        """Let the champion answer what a candidate answered, if the candidate still does; the others must be told."""
        live = self.live
        if live is None or live.traffic is None or not any(each is arm for each in live.traffic.candidates):
            return False
        self.live = replace(live, traffic=live.traffic.without(arm))
        self.state, self.problem = "reverted", f"{arm.version.ref} was stopped: {reason}"
        self.trips += 1
        self.stopped = Stopped(ref=arm.version.ref, salt=live.traffic.salt, reason=reason)
        return True

    def division(self) -> list[dict[str, object]]:
        """Return who is there beside the version that answers, JSON-ready."""
        traffic = None if self.live is None else self.live.traffic
        if traffic is None:
            return []
        before, found = 0.0, []
        for arm in traffic.candidates:
            found.append({"version": arm.version.ref, "role": "candidate", "share": round(arm.until - before, 9)})
            before = arm.until
        found += [{"version": arm.version.ref, "role": "shadow", "share": arm.until} for arm in traffic.shadows]
        return [{**each, "strategy": traffic.strategy} for each in found]

    def stop_too(self, ref: str, salt: str, reason: str) -> bool:
        """Stop a candidate that was stopped elsewhere."""
        live = self.live
        if live is None or live.traffic is None or live.traffic.salt != salt:
            return False
        for arm in live.traffic.candidates:
            if arm.version.ref == ref and self.stop(arm, reason):
                self.stopped = None
                return True
        return False


def _traffic(  # noqa: PLR0917 - all of it decides the division
    manifest: Endpoint,
    live: Live,
    beside: Sequence[tuple[Route, Version]],
    before: Traffic | None,
    now: float,
    limits: BreakerLimits,
    tallies: Tallies,
) -> Traffic:
    """Return the arms; one that goes on in the same trial keeps what its breaker has counted."""
    # However long a trial lasts, its candidate is new.
    limits = replace(limits, watched_seconds=math.inf)
    known = {}
    if before is not None and before.salt == manifest.salt:
        known = {arm.version.ref: arm for arm in (*before.candidates, *before.shadows)}
    expected = [_reads(live.version), *(_reads(version) for _, version in beside)]
    arms: dict[str, list[Arm]] = {"candidate": [], "shadow": []}
    until = 0.0
    for route, version in beside:
        old = known.get(route.ref)
        if route.role == "candidate":
            until += route.share
        arms[route.role].append(
            Arm(
                version=version,
                breaker=Breaker(since=now, limits=limits) if old is None else old.breaker,
                until=until if route.role == "candidate" else route.share,
                drops=dropped(_reads(version), expected, manifest.assign),
                pace=Pace() if old is None else old.pace,
                tally=tallies.of(manifest.salt, route.ref),
            )
        )
    champion = Arm(
        version=live.version,
        breaker=live.breaker,
        drops=dropped(_reads(live.version), expected, manifest.assign),
        pace=before.champion.pace if before is not None and _same(before.champion.version, live.version) else Pace(),
        tally=tallies.of(manifest.salt, live.version.ref),
    )
    return Traffic(
        strategy=manifest.strategy,
        salt=manifest.salt,
        champion=champion,
        candidates=tuple(arms["candidate"]),
        shadows=tuple(arms["shadow"]),
        assign=manifest.assign,
    )


def _reads(version: Version) -> frozenset[str]:
    return frozenset(version.model.signature.names)


def _held_otherwise(before: Live, version: Version) -> bool:
    return before.version.policies != version.policies


def _same(a: Version, b: Version) -> bool:
    return (a.ref, a.bundle, a.model.threshold) == (b.ref, b.bundle, b.model.threshold)
