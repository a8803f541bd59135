"""What releases came to: frozen, and as JSON documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tenfold.project.document import Document
from tenfold.store.rows import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReport:
    """A promotion or a rollback; the document is ``tenfold.release/1``.

    ``changed`` False: the version was live already.
    """

    release: Release
    changed: bool
    manifest: Path | None
    ok: bool = True

    def document(self) -> Document:
        """Return the release as JSON-ready values."""
        return {
            "schema": "tenfold.release/1",
            **release_line(self.release),
            "changed": self.changed,
            "manifest": None if self.manifest is None else str(self.manifest),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveReport:
    """What was live at a moment; the document is ``tenfold.live/1``. ``release`` None: nothing was."""

    name: str
    asked: datetime
    known: datetime | None
    release: Release | None
    ok: bool = True

    def document(self) -> Document:
        """Return the answer as JSON-ready values."""
        return {
            "schema": "tenfold.live/1",
            "name": self.name,
            "asked": self.asked.isoformat(),
            "known": None if self.known is None else self.known.isoformat(),
            "live": None if self.release is None else release_line(self.release),
        }


def release_line(release: Release) -> Document:
    """Return one release as JSON-ready values."""
    return {
        "action": release.action,
        "endpoint": release.endpoint,
        "revision": release.revision,
        "ref": release.ref,
        "bundle": release.bundle,
        "threshold": release.threshold,
        "previous": None if release.previous is None else f"{release.name}@{release.previous}",
        "accepted": list(release.accepted),
        "evidence": list(release.evidence),
        "reason": release.reason,
        "by": release.by,
        "replay": release.replay,
        "traffic": _traffic(release),
        "at": release.at.isoformat(),
        "recorded": release.recorded.isoformat(),
    }


def _traffic(release: Release) -> Document | None:
    """Return how requests are divided from this release on; None where its version answers everything."""
    traffic = release.traffic
    if traffic is None or traffic.strategy == "all":
        return None
    return {
        "strategy": traffic.strategy,
        "candidate": f"{release.name}@{traffic.number}",
        "bundle": traffic.bundle,
        "threshold": traffic.threshold,
        "share": traffic.share,
        "step": traffic.step + 1 if traffic.steps else None,
        "steps": list(traffic.steps),
        "requests": traffic.requests or None,
        "most": traffic.most or None,
        "since": traffic.since.isoformat(),
        "salt": traffic.salt,
        "assign": traffic.assign,
    }
