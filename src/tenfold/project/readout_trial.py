"""A trial of one version beside the champion, as the releases of its endpoint tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tenfold.foundation.errors import InputError
from tenfold.records.release import Traffic
from tenfold.store import endpoints
from tenfold.store.open import Store
from tenfold.store.rows import Release

GRACE = timedelta(seconds=2)
"""So long after a share was changed rows are left out: some worker may still have divided by the old one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A time in which the candidate's share was the same, from ``start`` on until the next one begins."""

    start: datetime
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is tried, against what, since when, with which shares.

    Attributes
    ----------
    traffic : Traffic
        As it was last.
    until : datetime or None
        When it ended; None: it goes on.
    stopped : str
        Why a gateway stopped the candidate by itself; empty: none did.
    """

    endpoint: str
    champion: str
    candidate: str
    traffic: Traffic
    periods: tuple[Period, ...]
    until: datetime | None = None
    stopped: str = ""

    @property
    def first_share(self) -> float:
        """The candidate's share when the trial began."""
        return self.periods[0].share


def trial_of(store: Store, endpoint: str) -> Trial:
    """Return the newest trial of an endpoint, whether it goes on or has ended.

    Raises
    ------
    InputError
        When no version was ever tried there.
    """
    history = [release for release in store.releases.history() if release.endpoint == endpoint]
    tried = [each for each in history if each.traffic is not None and each.traffic.strategy != "all"]
    if not tried:
        raise InputError(
            f"no version is or was tried beside the champion on '{endpoint}', so there is nothing to read;"
            " `tenfold traffic --help` says how to try one"
        )
    traffic = _traffic(tried[-1])
    own = [release for release in tried if _traffic(release).salt == traffic.salt]
    after = next((release for release in history if release.revision > own[-1].revision), None)
    until = None if after is None else after.at
    trip = endpoints.read_trip(store.folder, endpoint, traffic.salt)
    if trip is not None:
        # A gateway knows the system's time alone.
        until = trip.at if until is None else min(until, trip.at)
    return Trial(
        endpoint=endpoint,
        champion=own[-1].ref,
        candidate=f"{own[-1].name}@{traffic.number}",
        traffic=traffic,
        periods=_periods(own),
        until=until,
        stopped="" if trip is None else trip.reason,
    )


def _periods(releases: list[Release]) -> tuple[Period, ...]:
    found: list[Period] = []
    for release in releases:
        share = _traffic(release).share
        if not found or found[-1].share != share:
            found.append(Period(start=release.at if found else _traffic(release).since, share=share))
    return tuple(found)


def _traffic(release: Release) -> Traffic:
    assert release.traffic is not None  # the callers asked
    return release.traffic
