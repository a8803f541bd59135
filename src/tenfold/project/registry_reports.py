"""What the registry and the store have to say: frozen, and as JSON documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tenfold.bundle.reading import Reading
from tenfold.foundation.serial import plain
from tenfold.project.document import Document
from tenfold.store.rows import DoctorReport, VerifyReport, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsReport:
    """Registered versions; the document is ``tenfold.models/1``."""

    versions: tuple[Version, ...]
    aliases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    ok: bool = True

    def document(self) -> Document:
        """Return the registry as JSON-ready values."""
        return {"schema": "tenfold.models/1", "models": [self.line(version) for version in self.versions]}

    def line(self, version: Version) -> Document:
        """Return one version's line."""
        named = self.aliases.get(version.name, {})
        return {
            "name": version.name,
            "version": version.number,
            "ref": version.ref,
            "bundle": version.bundle,
            "run": version.run,
            "aliases": [alias for alias, number in named.items() if number == version.number],
            "at": version.at.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """One version with its evidence; the document is ``tenfold.model/1``."""

    version: Version
    path: Path
    task: str
    inputs: tuple[Document, ...]
    evidence: tuple[Document, ...]
    reading: Reading | None = None
    ok: bool = True

    def document(self) -> Document:
        """Return the version as JSON-ready values."""
        return {
            "schema": "tenfold.model/1",
            **ModelsReport(versions=()).line(self.version),
            "path": str(self.path),
            "task": self.task,
            "threshold": self.version.facts.get("threshold"),
            "inputs": list(self.inputs),
            "evidence": list(self.evidence),
            "reading": plain(self.reading),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReport:
    """Everything that happened to a model's versions, oldest first; the document is ``tenfold.history/1``."""

    name: str
    events: tuple[Document, ...]
    ok: bool = True

    def document(self) -> Document:
        """Return the history as JSON-ready values."""
        return {"schema": "tenfold.history/1", "name": self.name, "events": list(self.events)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreDoctor:
    """The store's health; the document is ``tenfold.doctor/1``."""

    found: DoctorReport

    @property
    def ok(self) -> bool:
        """Whether nothing kept is lost or wrong."""
        return self.found.ok

    def document(self) -> Document:
        """Return the checks as JSON-ready values."""
        return {"schema": "tenfold.doctor/1", "ok": self.ok, **plain(self.found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreVerify:
    """History against the audit chain; the document is ``tenfold.verify/1``."""

    found: VerifyReport

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return self.found.ok

    def document(self) -> Document:
        """Return the verification as JSON-ready values."""
        return {"schema": "tenfold.verify/1", "ok": self.ok, **plain(self.found)}
