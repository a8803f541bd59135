"""The store as the rest of the house sees it, and how a folder becomes one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tenfold.foundation.clock import Clock, SystemClock
from tenfold.store.files.disk import BeforeWrite, nothing
from tenfold.store.monitoring import Deliveries, Incidents, Labels, WindowHistory, Windows
from tenfold.store.protocols import (
    Aliases,
    AuditLog,
    BatchSlots,
    Blobs,
    Checkpoints,
    Decisions,
    EvidenceLog,
    Lockbox,
    Registry,
    Releases,
    RunHistory,
    Runs,
    Scratch,
    StageResults,
    TrafficLooks,
    Upkeep,
)
from tenfold.store.rows import AuditHead, DoctorReport, VerifyReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Everything that is kept of a project, part by part.

    ``scratch`` gives folders for files that stages write before the store takes them over: put from there, they are
    moved, not copied. What is left goes when the process is gone.
    """

    folder: Path
    blobs: Blobs
    results: StageResults
    runs: Runs
    history: RunHistory
    evidence: EvidenceLog
    registry: Registry
    aliases: Aliases
    releases: Releases
    traffic: TrafficLooks
    batches: BatchSlots
    windows: Windows
    watched: WindowHistory
    incidents: Incidents
    deliveries: Deliveries
    labels: Labels
    decisions: Decisions
    lockbox: Lockbox
    audit: AuditLog
    checkpoints: Checkpoints
    upkeep: Upkeep
    scratch: Scratch

    def doctor(self, *, every_blob: bool = False) -> DoctorReport:
        """Look at the store's health without changing anything; ``every_blob`` re-hashes all, not a sample."""
        return self.upkeep.doctor(every_blob=every_blob)

    def verify(self, *, anchor: AuditHead | None = None) -> VerifyReport:
        """Check history against the audit chain and every blob against its name."""
        return self.upkeep.verify(anchor=anchor)

    def close(self) -> None:
        """Let go of files and locks."""
        self.upkeep.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(
    folder: Path,
    *,
    clock: Clock | None = None,
    actor: str = "local",
    before_write: BeforeWrite = nothing,
) -> Store:
    """Return the store in ``folder``: SQLite and files.

    Nothing is made or changed before the first write; until then a folder that does not exist reads as an empty store.

    Parameters
    ----------
    folder : Path
        Usually ``.tenfold`` beside the project's file.
    clock : Clock, optional
        The project's clock, for the ``at`` of every row; the system's by default.
    actor : str
        Who acts, for the audit chain.
    before_write : callable
        Called with the act's name and path before each change of the disk; faults are injected here.
    """
    # The SQL toolkit takes a sixth of a second to import; commands that open no store do without.
    from tenfold.store.catalog.audit import CatalogAudit, Ledger
    from tenfold.store.catalog.batches import CatalogBatchSlots
    from tenfold.store.catalog.connection import Catalog
    from tenfold.store.catalog.decisions import CatalogDecisions
    from tenfold.store.catalog.doctor import CatalogUpkeep
    from tenfold.store.catalog.evidence import CatalogEvidence, CatalogLockbox
    from tenfold.store.catalog.incidents import CatalogDeliveries, CatalogIncidents
    from tenfold.store.catalog.labels import CatalogLabels
    from tenfold.store.catalog.registry import CatalogAliases, CatalogRegistry
    from tenfold.store.catalog.releases import CatalogReleases, CatalogTraffic
    from tenfold.store.catalog.results import CatalogResults
    from tenfold.store.catalog.runs import CatalogRuns
    from tenfold.store.catalog.windows import CatalogWindows
    from tenfold.store.files.blobs import FileBlobs
    from tenfold.store.files.checkpoints import FileCheckpoints
    from tenfold.store.files.disk import Disk

    folder = folder.absolute()
    disk = Disk(folder, before_write)
    catalog = Catalog(disk)
    ledger = Ledger(catalog, disk, clock or SystemClock(), actor)
    blobs = FileBlobs(disk)
    checkpoints = FileCheckpoints(disk)
    runs = CatalogRuns(ledger, blobs, folder)
    windows = CatalogWindows(ledger, blobs)
    return Store(
        folder=folder,
        blobs=blobs,
        results=CatalogResults(ledger, blobs, checkpoints),
        runs=runs,
        history=runs,
        evidence=CatalogEvidence(ledger),
        registry=CatalogRegistry(ledger, blobs),
        aliases=CatalogAliases(ledger),
        releases=CatalogReleases(ledger),
        traffic=CatalogTraffic(ledger),
        batches=CatalogBatchSlots(ledger),
        windows=windows,
        watched=windows,
        incidents=CatalogIncidents(ledger),
        deliveries=CatalogDeliveries(ledger),
        labels=CatalogLabels(ledger, blobs),
        decisions=CatalogDecisions(ledger, blobs),
        lockbox=CatalogLockbox(ledger),
        audit=CatalogAudit(ledger),
        checkpoints=checkpoints,
        upkeep=CatalogUpkeep(
            catalog=catalog, ledger=ledger, blobs=blobs, checkpoints=checkpoints, runs=runs, folder=folder
        ),
        scratch=disk,
    )
