"""Writing down what an endpoint serves from now on, and publishing it: the catalog is what holds, manifests follow."""

from __future__ import annotations

import getpass
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.foundation.clock import Clock, SystemClock
from tenfold.foundation.errors import InputError, StoreError
from tenfold.project.release_reports import ReleaseReport
from tenfold.records.release import Endpoint, Route, Traffic
from tenfold.spec.schema import Spec
from tenfold.stages.deployment.lineage import Lineage, Step
from tenfold.store import endpoints
from tenfold.store.open import Store
from tenfold.store.rows import Release, ReleaseAction, ReleaseOrder, Version

if TYPE_CHECKING:
    from tenfold.project.open import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Who decides, why, and on what ground."""

    reason: str
    by: str
    accepted: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Every release, read once, so that a decision rests on one state."""

    releases: tuple[Release, ...]

    @classmethod
    def of_store(cls, store: Store) -> Past:
        """Return what the catalog holds now."""
        return cls(releases=store.releases.history())

    def of(self, name: str) -> tuple[Release, ...]:
        """Return the releases of one model."""
        return tuple(release for release in self.releases if release.name == name)

    def newest(self, endpoint: str) -> Release | None:
        """Return the newest release of an endpoint."""
        return next((release for release in reversed(self.releases) if release.endpoint == endpoint), None)

    def live(self, name: str) -> tuple[str, int] | None:
        """Return the endpoint that a model is live on, and its version there."""
        newest = next((release for release in reversed(self.releases) if release.name == name), None)
        return None if newest is None else (newest.endpoint, newest.number)

    def lineage(self, name: str) -> Lineage:
        """Return which versions stand behind the one that is live; how requests were divided changes nothing there."""
        return Lineage.of(
            Step(action=release.action, number=release.number)
            for release in self.of(name)
            if release.action != "traffic"
        )


def running_trial(release: Release | None) -> Traffic | None:
    """Return the trial that runs beside a release; None when its version answers everything."""
    if release is None or release.traffic is None or release.traffic.strategy == "all":
        return None
    return release.traffic


def assigned_by(spec: Spec) -> str | None:
    """Return the column whose value is the id that rows are divided by: the one of role ``assign``."""
    return next((name for name, column in spec.data.columns.items() if column.role == "assign"), None)


def write_release(  # noqa: PLR0917 - all of it is the decision
    project: Project,
    past: Past,
    action: ReleaseAction,
    after: Lineage,
    said: Word,
    clock: Clock | None,
    *,
    traffic: Traffic | None = None,
) -> ReleaseReport:
    """Write the decision to the catalog, then publish it.

    Parameters
    ----------
    traffic : Traffic, optional
        The trial that runs from now on; without one the version answers everything.
    """
    assert after.live is not None  # every act ends with a version
    clock = clock or project.clock
    newest = past.newest(project.spec.endpoint)
    now, assign = clock.now(), assigned_by(project.spec)
    fields = {name: section.record() for name, section in project.spec.deployment.fields.items()}
    if traffic is not None:
        traffic = replace(traffic, fields=fields)
    elif assign is not None or fields:
        # Callers send the column whether a trial runs or not, and values are held to the file's policies.
        own = project.store.registry.find(f"{project.spec.name}@{after.live}")
        traffic = Traffic(
            strategy="all",
            number=own.number,
            bundle=own.bundle,
            share=1.0,
            salt="",
            since=now,
            assign=assign,
            fields=fields,
        )
    order = ReleaseOrder(
        endpoint=project.spec.endpoint,
        after=0 if newest is None else newest.revision,
        action=action,
        name=project.spec.name,
        number=after.live,
        previous=after.previous,
        reason=said.reason,
        by=said.by,
        accepted=said.accepted,
        evidence=said.evidence,
        replay=not isinstance(clock, SystemClock),
        at=now,
        traffic=traffic,
    )
    release = project.store.releases.append(order)
    manifest = publish_current(project.store, release.endpoint)
    return ReleaseReport(release=release, changed=True, manifest=manifest)


def publish_current(store: Store, endpoint: str) -> Path | None:
    """Publish what the catalog says is live on an endpoint; without effect where the manifest says so already.

    A process that died between the catalog and the manifest is put right by this; None when nothing was released.
    """
    with endpoints.publishing(store.folder):
        newest = Past.of_store(store).newest(endpoint)
        if newest is None:
            return None
        wanted = _manifest(store, newest)
        if _published(store, endpoint) != wanted:
            endpoints.publish(store.folder, wanted)
        return endpoints.manifest_path(store.folder, endpoint)


def check_bundle(store: Store, version: Version) -> None:
    """Make sure that a version's bundle can be read, before anything says that it is live.

    Raises
    ------
    StoreError
        When it is gone or damaged; nothing was changed then.
    """
    if hashlib.sha256(store.blobs.path(version.blob).read_bytes()).hexdigest() != version.blob:
        raise StoreError(
            f"the bundle of {version.ref} is damaged: its content is not that of its name; `tenfold store doctor`"
        )


def own_version(project: Project, ref: str) -> Version:
    """Return a version of the project's own model.

    Raises
    ------
    InputError
        When there is none, or it is another model's.
    """
    version = project.store.registry.find(ref)
    if version.name != project.spec.name:
        raise InputError(
            f"the project's endpoint '{project.spec.endpoint}' serves '{project.spec.name}', and {version.ref} is"
            " another model"
        )
    return version


def user() -> str:
    """Return who uses this machine, as far as the machine knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _manifest(store: Store, release: Release) -> Endpoint:
    trial = running_trial(release)
    champion = Route(
        ref=release.ref,
        bundle=release.bundle,
        path=_archive(store, release.ref),
        threshold=release.threshold,
        share=1.0 if trial is None or trial.strategy == "shadow" else 1.0 - trial.share,
    )
    routes = [champion]
    if trial is not None:
        ref = f"{release.name}@{trial.number}"
        routes.append(
            Route(
                ref=ref,
                bundle=trial.bundle,
                path=_archive(store, ref),
                threshold=trial.threshold,
                share=trial.share,
                role="shadow" if trial.strategy == "shadow" else "candidate",
            )
        )
    return Endpoint(
        name=release.endpoint,
        revision=release.revision,
        routes=tuple(routes),
        at=release.at,
        strategy="all" if trial is None else trial.strategy,
        replay=release.replay,
        salt="" if trial is None else trial.salt,
        assign=None if release.traffic is None else release.traffic.assign,
        fields={} if release.traffic is None else release.traffic.fields,
    )


def _archive(store: Store, ref: str) -> str:
    return store.blobs.path(store.registry.find(ref).blob).relative_to(store.folder).as_posix()


def _published(store: Store, endpoint: str) -> Endpoint | None:
    """Return what the manifest says; None for one that is missing or damaged, which is then written anew."""
    try:
        return endpoints.read(store.folder, endpoint)
    except StoreError:
        return None
