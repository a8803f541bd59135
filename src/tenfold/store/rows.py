"""What the store gives back: frozen rows of its histories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from tenfold.records.release import Traffic, TrafficLook
from tenfold.records.retrain import Decision

ReleaseAction = Literal["promote", "rollback", "traffic"]
RunStatus = Literal["running", "passed", "failed", "inconclusive", "stopped", "crashed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResult:
    """One stage's result as it is kept: hashes of its record and of its payload files.

    ``causes`` holds what the fingerprint was made of (code, options, inputs, seed), so that a plan can say why a stage
    would run again. ``seconds`` is what the stage took.
    """

    fingerprint: str
    stage: str
    record: str
    files: Mapping[str, str] = field(default_factory=dict)
    causes: Mapping[str, object] = field(default_factory=dict)
    seconds: float = 0.0
    run: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One pass through the stages.

    ``spec`` and ``document`` are hashes of blobs: the file as it was, and the report as it was given. ``at`` and
    ``ended_at`` are on the project's clock, ``recorded`` and ``ended_recorded`` on the system's. ``process`` names who
    works on it.
    """

    id: str
    status: RunStatus
    spec: str | None
    seed: int
    process: str
    at: datetime
    recorded: datetime
    ended_at: datetime | None = None
    ended_recorded: datetime | None = None
    reason: str = ""
    document: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStage:
    """One stage's part in a run; ``seconds`` is the time this run spent on it."""

    stage: str
    fingerprint: str
    cached: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A registered bundle: ``name@number``.

    ``bundle`` is the bundle's own hash, ``blob`` the hash of the archive that holds it.
    """

    name: str
    number: int
    bundle: str
    blob: str
    run: str
    facts: Mapping[str, object]
    at: datetime
    recorded: datetime

    @property
    def ref(self) -> str:
        """The version's full name, such as ``flights@3``."""
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasChange:
    """From ``at`` on, ``name@alias`` means this number; None: nothing. ``replay``: by a clock that was set."""

    name: str
    alias: str
    number: int | None
    reason: str
    by: str
    at: datetime
    recorded: datetime
    replay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """From ``at`` on, ``endpoint`` serves this version.

    ``revision`` counts the endpoint's releases from 1. ``previous`` is the version to go back to, None when there is
    none. ``accepted`` are the ids of requirements that a person accepted although they did not pass, ``evidence`` the
    ids of the judgements that the decision rests on. ``traffic``: a version is tried beside this one; an ``action``
    ``traffic`` changes nothing else.
    """

    endpoint: str
    revision: int
    action: ReleaseAction
    name: str
    number: int
    previous: int | None
    bundle: str
    threshold: float | None
    reason: str
    by: str
    accepted: tuple[str, ...]
    evidence: tuple[str, ...]
    replay: bool
    at: datetime
    recorded: datetime
    traffic: Traffic | None = None

    @property
    def ref(self) -> str:
        """The version's full name, such as ``flights@3``."""
        return f"{self.name}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseOrder:
    """A release that is to be written.

    ``after`` is the endpoint's revision on which the decision rests, 0 for an endpoint without releases. ``at`` None is
    now by the store's clock.
    """

    endpoint: str
    after: int
    action: ReleaseAction
    name: str
    number: int
    previous: int | None
    reason: str
    by: str
    accepted: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    replay: bool = False
    at: datetime | None = None
    traffic: Traffic | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTraffic:
    """A look at a version that is tried, as it is kept; ``look.at`` is on the project's clock."""

    number: int
    look: TrafficLook
    recorded: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDecision:
    """A decision about renewing a model, as it is kept; ``decision.at`` is on the project's clock."""

    number: int
    decision: Decision
    recorded: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One opening of a sealed test part."""

    split: str
    run: str
    reason: str
    at: datetime
    recorded: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One link of the audit chain; ``hash`` covers everything in it and the hash before it. ``index`` counts from 1."""

    index: int
    action: str
    subject: str
    actor: str
    details: Mapping[str, object]
    at: datetime
    recorded: datetime
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The end of the chain, to be kept where the store's owner cannot change it. Index 0: an empty chain."""

    index: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCheck:
    """One thing that was looked at; ``damage`` means that something kept is lost or wrong."""

    name: str
    status: Literal["ok", "note", "warning", "damage"]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    """The store's health.

    ``orphans`` are blobs that nothing refers to: harmless, they only take room. ``free_bytes`` is what the disk has
    left.
    """

    folder: str
    checks: tuple[StoreCheck, ...]
    sqlite_version: str
    free_bytes: int
    blobs: int = 0
    orphans: tuple[str, ...] = ()
    orphan_bytes: int = 0
    stale_runs: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing kept is lost or wrong."""
        return all(check.status != "damage" for check in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """Whether history is what it was when it was written.

    ``first_bad`` is the index of the first audit entry that is wrong or missing; None when the chain holds.
    """

    folder: str
    entries: int
    head: AuditHead
    first_bad: int | None = None
    problems: tuple[str, ...] = ()
    blobs: int = 0

    @property
    def ok(self) -> bool:
        """Whether every entry, row and blob is as it was written."""
        return not self.problems
