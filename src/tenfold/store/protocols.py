"""What a store must offer; `tenfold.testing.store_case` holds any implementation to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tenfold.foundation import context
from tenfold.records.batch import BatchSlot, SlotState
from tenfold.records.evidence import Evidence, Verdict
from tenfold.records.release import TrafficLook
from tenfold.records.retrain import Decision
from tenfold.store.rows import (
    AliasChange,
    AuditEntry,
    AuditHead,
    DoctorReport,
    KeptDecision,
    KeptResult,
    KeptTraffic,
    Look,
    Release,
    ReleaseOrder,
    Run,
    RunStage,
    RunStatus,
    VerifyReport,
    Version,
)


class Blobs(Protocol):
    """Immutable bytes under the name of their SHA-256."""

    def put(self, content: bytes | Path) -> str:
        """Keep bytes, or a file's bytes, durable when this returns; return their hash.

        A file in the store's own scratch folder is moved, any other is copied and left alone.
        """
        ...

    def path(self, name: str) -> Path:
        """Return where the blob can be read; StoreError when it is not there."""
        ...

    def has(self, name: str) -> bool:
        """Whether the blob is there."""
        ...


class StageResults(Protocol):
    """Results of stages under the fingerprint of what they were made from."""

    def find(self, fingerprint: str) -> KeptResult | None:
        """Return the result when it is kept and all its blobs are there in full length."""
        ...

    def save(self, result: KeptResult) -> None:
        """Keep a result whose blobs were put before; a result already kept under the fingerprint is replaced."""
        ...

    def latest(self, stage: str) -> KeptResult | None:
        """Return the stage's newest result, whatever its fingerprint."""
        ...


class Runs(Protocol):
    """Runs in the making: one at a time in a project."""

    def begin(self, *, spec: str, seed: int) -> Run:
        """Open a run for the file's text ``spec``.

        Runs that their process left open are closed as crashed. StoreError when another living process works on one.
        """
        ...

    def record_stage(self, run: str, stage: RunStage) -> None:
        """Add a stage's part to an open run."""
        ...

    def finish(self, run: str, *, status: RunStatus, document: bytes | None = None, reason: str = "") -> Run:
        """Close a run with its report; a closed run never changes again."""
        ...


class RunHistory(Protocol):
    """Runs, looked at. A run whose process is gone is shown as crashed."""

    def find(self, run: str) -> Run:
        """Return one run; InputError when there is none of this name."""
        ...

    def recent(self) -> tuple[Run, ...]:
        """Return all runs, newest first."""
        ...

    def stages(self, run: str) -> tuple[RunStage, ...]:
        """Return a run's stages in the order in which they were done."""
        ...


class EvidenceLog(Protocol):
    """Judgements, kept for ever."""

    def append(
        self, verdicts: Sequence[Verdict], *, subject: str, run: str, inputs: Mapping[str, str]
    ) -> tuple[Evidence, ...]:
        """Keep verdicts on ``subject`` (a bundle's hash), all or none."""
        ...

    def of(
        self, *, run: str | None = None, subject: str | None = None, requirement: str | None = None
    ) -> tuple[Evidence, ...]:
        """Return the evidence that matches all that is given, oldest first."""
        ...


class Registry(Protocol):
    """Versions of models."""

    def register(
        self, name: str, *, bundle: str, blob: str, run: str, facts: Mapping[str, object] | None = None
    ) -> Version:
        """Give a bundle the next number of ``name``; a bundle that the name already has keeps its number."""
        ...

    def find(self, ref: str) -> Version:
        """Return ``name@3`` or ``name@champion``; InputError with the nearest known name when there is none."""
        ...

    def versions(self, name: str | None = None) -> tuple[Version, ...]:
        """Return all versions, of one name or of all, by name and number."""
        ...


class Aliases(Protocol):
    """Names of versions that move: champion, challenger, previous."""

    def point(self, name: str, alias: str, number: int | None, *, reason: str, by: str) -> AliasChange:
        """Let ``name@alias`` mean this version from now on; None takes the alias away."""
        ...

    def current(self, name: str) -> Mapping[str, int]:
        """Return what each alias of ``name`` means now."""
        ...

    def history(self, name: str) -> tuple[AliasChange, ...]:
        """Return every change, oldest first."""
        ...


class Releases(Protocol):
    """What each endpoint served, from when on."""

    def append(self, order: ReleaseOrder) -> Release:
        """Let an endpoint serve a version from now on; ``champion`` and ``previous`` move in the same transaction.

        StoreError when the endpoint was released by somebody else after the revision that the order rests on.
        """
        ...

    def live(self, name: str, *, at: datetime, known: datetime | None = None) -> Release | None:
        """Return what of model ``name`` was live at a moment of the project's clock.

        Of all releases dated ``at`` or before, the one that was written last holds: who dates a release back overrules
        what was said before. ``known`` leaves out what was recorded, by the system's clock, after it.
        """
        ...

    def history(self, name: str | None = None) -> tuple[Release, ...]:
        """Return every release, of one model or of all, in the order in which they were written."""
        ...


class TrafficLooks(Protocol):
    """What was seen of versions that are tried beside a champion."""

    def keep(self, look: TrafficLook) -> KeptTraffic:
        """Keep a look."""
        ...

    def of(self, endpoint: str | None = None) -> tuple[KeptTraffic, ...]:
        """Return the looks at an endpoint's trials, or all, in the order in which they were kept."""
        ...


class BatchSlots(Protocol):
    """What became of each moment of a batch's schedule."""

    def keep(self, slot: BatchSlot) -> BatchSlot:
        """Keep a step of a moment; one that has this step keeps it, and that one is returned."""
        ...

    def of(
        self, schedule: str, *, states: Sequence[SlotState] | None = None, last: int | None = None
    ) -> tuple[BatchSlot, ...]:
        """Return the steps of a schedule, or those of some states, in their order; with ``last`` the newest so many."""
        ...


class Decisions(Protocol):
    """What was decided about renewing models."""

    def keep(self, decision: Decision) -> KeptDecision:
        """Keep a decision under its key; a key that has one keeps it, and that one is returned."""
        ...

    def of(self, endpoint: str | None = None) -> tuple[KeptDecision, ...]:
        """Return the decisions about an endpoint, or all, in the order in which they were made."""
        ...


class Lockbox(Protocol):
    """How often a sealed test part was looked at."""

    def record_look(self, split: str, *, run: str, reason: str) -> int:
        """Write down one look and return how many there are now."""
        ...

    def looks(self, split: str) -> tuple[Look, ...]:
        """Return every look at a split, oldest first."""
        ...


class AuditLog(Protocol):
    """The chain of who did what."""

    def append(self, action: str, subject: str, details: Mapping[str, object] | None = None) -> AuditEntry:
        """Add one entry to the end of the chain."""
        ...

    def entries(self) -> tuple[AuditEntry, ...]:
        """Return the chain, first entry first."""
        ...

    def head(self) -> AuditHead:
        """Return the end of the chain."""
        ...


class Checkpoints(Protocol):
    """Half-finished work of stages."""

    def of(self, fingerprint: str) -> context.Checkpoints:
        """Return the place for one stage's half-finished work."""
        ...

    def clear(self, fingerprint: str) -> None:
        """Forget it."""
        ...


class Scratch(Protocol):
    """Room for files that stages write before the store takes them over."""

    def new_folder(self) -> Path:
        """Return a new, empty folder; it goes when this process is gone."""
        ...


class Upkeep(Protocol):
    """The store's own health."""

    def doctor(self, *, every_blob: bool) -> DoctorReport:
        """Look at the store without changing it."""
        ...

    def verify(self, *, anchor: AuditHead | None) -> VerifyReport:
        """Check history against the audit chain, and every blob against its name."""
        ...

    def close(self) -> None:
        """Let go of files and locks."""
        ...
