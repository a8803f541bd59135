"""What the pages speak of, read from the store once for each page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tenfold.project.open import Project
from tenfold.records.health import Incident
from tenfold.store.monitoring import KeptWindow
from tenfold.store.rows import KeptDecision, Release, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A version that was live from ``since`` until ``until``; None: it still is."""

    release: Release
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A project as it stands: versions, releases, windows, incidents, decisions."""

    project: Project
    versions: tuple[Version, ...]
    releases: tuple[Release, ...]
    looks: tuple[KeptWindow, ...]
    incidents: tuple[Incident, ...]
    decisions: tuple[KeptDecision, ...]

    @property
    def live(self) -> Release | None:
        """The release that the endpoint serves."""
        return self.releases[-1] if self.releases else None

    @property
    def shown(self) -> Version | None:
        """The version that is live, or else the newest one."""
        mine = [version for version in self.versions if version.name == self.project.spec.name]
        live = self.live
        serving = [version for version in mine if live is not None and version.bundle == live.bundle]
        found = serving or mine
        return found[-1] if found else None

    @property
    def open_incidents(self) -> tuple[Incident, ...]:
        """Incidents that are not closed: the gravest first, of these the newest first."""
        order = {"critical": 0, "warning": 1, "info": 2}
        still = [each for each in self.incidents if each.closed is None]
        return tuple(sorted(still, key=lambda each: (order[each.severity], -each.opened.timestamp())))

    def spans(self) -> tuple[Span, ...]:
        """Return what was live when, oldest first, by the rule of the commands.

        At each moment, of all releases dated then or before, the one that was written last holds.
        """
        found: list[Span] = []
        for at in sorted({release.at for release in self.releases}):
            holds = [release for release in self.releases if release.at <= at][-1]
            if found and found[-1].release.revision == holds.revision:
                continue
            if found:
                found[-1] = Span(release=found[-1].release, since=found[-1].since, until=at)
            found.append(Span(release=holds, since=at, until=None))
        return tuple(found)


def state_of(project: Project) -> State:
    """Read a project's state."""
    store, endpoint = project.store, project.spec.endpoint
    return State(
        project=project,
        versions=store.registry.versions(),
        releases=tuple(
            release
            for release in store.releases.history(project.spec.name)
            if release.endpoint == endpoint and release.action != "traffic"
        ),
        looks=store.watched.looks(endpoint),
        incidents=store.incidents.current(endpoint),
        decisions=store.decisions.of(endpoint),
    )
