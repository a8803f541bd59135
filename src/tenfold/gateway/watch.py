"""Follows the published manifests: loads what is new beside what answers, then swaps one pointer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tenfold.foundation.clock import Clock
from tenfold.gateway.endpoint import ServedEndpoint
from tenfold.gateway.loading import Loader
from tenfold.records.release import Endpoint
from tenfold.store import endpoints as manifests

POLL_SECONDS = 0.15
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
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._loader = Loader(self.folder)

    def look(self) -> None:
        """Load what has been published since the last look."""
        for name in self.only or manifests.names(self.folder):
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
        """Look no more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

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
        except Exception as error:  # noqa: BLE001 - whatever a bundle does when it is loaded, what is served goes on
            endpoint.keep(str(error) or type(error).__name__)
            kept = "nothing is served" if endpoint.live is None else f"{endpoint.live.version.ref} goes on"
            self.said(f"{endpoint.name}: {error}; {kept}")
            return
        self._taken[endpoint.name] = manifest
        endpoint.swap(version, manifest.revision, now=self.clock.monotonic())
        self.said(f"{endpoint.name}: {version.ref} answers (revision {manifest.revision})")


def _stamp(path: Path) -> _Seen | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
