"""Follows the published manifests: loads what is new beside what answers, then swaps one pointer."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tenfold.foundation.clock import Clock
from tenfold.foundation.errors import StoreError
from tenfold.gateway.endpoint import ServedEndpoint, Stopped
from tenfold.gateway.fitness import check_fit
from tenfold.gateway.loading import Loader
from tenfold.gateway.version import Version
from tenfold.records.release import Endpoint, Route, Trip
from tenfold.store import endpoints as manifests
from tenfold.store.served import ServedFile, keep_served

POLL_SECONDS = 0.15
KEEP_SECONDS = 1.0
"""How often what was counted of a trial is kept, while it changes."""
_Seen = tuple[int, int, int]


@dataclass(slots=True)
class Watch:
    """Looks at the manifests again and again.

    Attributes
    ----------
    folder : Path
        The store's.
    only : sequence of str
        The endpoints to serve; empty: all that are published.
    said : callable
        Hears of every swap and every refusal, in one sentence.
    endpoints : mapping
        What is served, by name; replaced as a whole when an endpoint is added.
    """

    folder: Path
    only: Sequence[str]
    clock: Clock
    said: Callable[[str], None]
    endpoints: Mapping[str, ServedEndpoint] = field(default_factory=dict)
    _loader: Loader = field(init=False)
    _seen: dict[str, _Seen | None] = field(default_factory=dict)
    _taken: dict[str, Endpoint] = field(default_factory=dict)
    _answered: set[tuple[str, str]] = field(default_factory=set)
    _ended: threading.Event = field(default_factory=threading.Event)
    # Tells this process from every other one, also on another machine that serves the same store.
    _writer: str = field(default_factory=lambda: secrets.token_hex(8))
    _kept: dict[str, tuple[float, ServedFile]] = field(default_factory=dict)
    _unkept: str = ""
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._loader = Loader(self.folder)

    def look(self) -> None:
        """Load what has been published since the last look."""
        for name in self.only or manifests.names(self.folder):
            if name in self.endpoints:
                self._exchange(self.endpoints[name])
            seen = _stamp(manifests.manifest_path(self.folder, name))
            if name in self._seen and self._seen[name] == seen:
                continue
            self._seen[name] = seen
            if name not in self.endpoints:
                self.endpoints = {**self.endpoints, name: ServedEndpoint(name=name)}
            self._take(self.endpoints[name])

    def start(self, every: Callable[[], None]) -> None:
        """Look from now on in a thread of its own; ``every`` is called after each look."""

        def follow() -> None:
            while not self._ended.wait(POLL_SECONDS):
                try:
                    self.look()
                    every()
                except Exception as error:  # noqa: BLE001 - a run loop: the next look may succeed, and must be taken
                    self.said(f"the store cannot be followed: {type(error).__name__}: {error}")

        self._thread = threading.Thread(target=follow, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more, and keep what was counted."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        for endpoint in self.endpoints.values():
            self._keep_counts(endpoint, at_once=True)

    def _take(self, endpoint: ServedEndpoint) -> None:
        try:
            manifest = manifests.read(self.folder, endpoint.name)
            if manifest is None:
                endpoint.keep(f"nothing is published for '{endpoint.name}': promote a version")
                return
            if self._taken.get(endpoint.name) == manifest:
                endpoint.confirm()
                return
            version = self._loader.load(manifest)
            # Who answered here before may always come back.
            if (endpoint.name, version.bundle) not in self._answered:
                check_fit(version, None if endpoint.live is None else endpoint.live.version, self.clock)
                self._answered.add((endpoint.name, version.bundle))
        except Exception as error:  # noqa: BLE001 - whatever a bundle does when it is loaded, what is served goes on
            endpoint.keep(str(error) or type(error).__name__)
            kept = "nothing is served" if endpoint.live is None else f"{endpoint.live.version.ref} goes on"
            self.said(f"{endpoint.name}: {error}; {kept}")
            return
        self._taken[endpoint.name] = manifest
        beside = self._beside(endpoint, manifest, version)
        endpoint.swap(version, manifest.revision, now=self.clock.monotonic(), manifest=manifest, beside=beside)
        self.said(f"{endpoint.name}: {version.ref} answers (revision {manifest.revision})")
        for route, _ in beside:
            words = "is asked beside for" if route.role == "shadow" else "answers"
            self.said(f"{endpoint.name}: {route.ref} {words} {100 * route.share:g} % ({manifest.strategy})")

    def _beside(
        self, endpoint: ServedEndpoint, manifest: Endpoint, champion: Version
    ) -> Sequence[tuple[Route, Version]]:
        """Return who shares the endpoint with the champion: nobody who was stopped, or cannot be loaded."""

        def refused(route: Route, reason: str) -> None:
            endpoint.load_failures += 1
            self.said(f"{endpoint.name}: {route.ref} is not taken into service: {reason}")
            if route.role == "candidate":
                reason = f"it could not be taken into service: {reason}"
                endpoint.stopped = Stopped(ref=route.ref, salt=manifest.salt, reason=reason)

        if len(manifest.routes) == 1:
            return ()
        trip = manifests.read_trip(self.folder, endpoint.name, manifest.salt)
        found = self._loader.beside(manifest, champion, refused)
        return [each for each in found if trip is None or each[0].ref != trip.ref]

    def _exchange(self, endpoint: ServedEndpoint) -> None:
        """Tell the other workers of a candidate that was stopped here, and stop one that they have stopped."""
        self._keep_counts(endpoint, at_once=endpoint.stopped is not None)
        stopped = endpoint.stopped
        if stopped is not None:
            now = self.clock.now()
            trip = Trip(endpoint=endpoint.name, ref=stopped.ref, salt=stopped.salt, reason=stopped.reason, at=now)
            manifests.report_trip(self.folder, trip)
            endpoint.stopped = None
        live = endpoint.live
        if live is None or live.traffic is None or not live.traffic.candidates:
            return
        found = manifests.read_trip(self.folder, endpoint.name, live.traffic.salt)
        if found is not None and endpoint.stop_too(found.ref, found.salt, found.reason):
            self.said(f"{endpoint.name}: {found.ref} was stopped by another worker: {found.reason}")

    def _keep_counts(self, endpoint: ServedEndpoint, *, at_once: bool) -> None:
        """Keep what was counted of a trial where it is judged; a disk that refuses holds up nothing else."""
        kept, now = self._kept.get(endpoint.name), self.clock.monotonic()
        if kept is not None and not at_once and now - kept[0] < KEEP_SECONDS:
            return
        content = endpoint.tallies.content()
        if content is None or (kept is not None and kept[1] == content):
            return
        try:
            keep_served(self.folder, endpoint.name, self._writer, content)
        except StoreError as error:
            if str(error) != self._unkept:
                self._unkept = str(error)
                self.said(f"{endpoint.name}: what was counted of the trial is not kept: {error}")
            return
        self._kept[endpoint.name] = now, content


def _stamp(path: Path) -> _Seen | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
