"""A look at the store's health that changes nothing."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from tenfold.foundation.errors import StoreError
from tenfold.foundation.fingerprint import hash_file
from tenfold.store.catalog import schema
from tenfold.store.catalog.audit import Ledger
from tenfold.store.catalog.connection import Catalog, revision_of
from tenfold.store.catalog.results import referenced_blobs
from tenfold.store.catalog.runs import CatalogRuns
from tenfold.store.catalog.verify import verify_history
from tenfold.store.files.blobs import FileBlobs
from tenfold.store.files.checkpoints import FileCheckpoints
from tenfold.store.files.disk import free_bytes
from tenfold.store.files.process import pid_of
from tenfold.store.rows import AuditHead, DoctorReport, Run, StoreCheck, VerifyReport

_SAMPLE = 50
_SAMPLE_SEED = 7
_LOW_SPACE_BYTES = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogUpkeep:
    """`Upkeep` of a store with a SQLite catalog and files."""

    catalog: Catalog
    ledger: Ledger
    blobs: FileBlobs
    checkpoints: FileCheckpoints
    runs: CatalogRuns
    folder: Path

    def doctor(self, *, every_blob: bool) -> DoctorReport:
        names = self.blobs.names()
        free = free_bytes(self.folder)
        report = DoctorReport(
            folder=str(self.folder),
            checks=(_check_space(free), _check_checkpoints(self.checkpoints)),
            sqlite_version=sqlite3.sqlite_version,
            free_bytes=free,
            blobs=len(names),
        )
        try:
            with self.catalog.reading() as connection:
                database = _check_database(connection)
                referenced = referenced_blobs(connection)
            runs = self.runs.recent()
        except StoreError as error:
            unreadable = StoreCheck(name="catalog", status="damage", message=str(error))
            return replace(report, checks=(unreadable, *report.checks))
        orphans = tuple(sorted(set(names) - referenced.keys()))
        stale = tuple(run for run in runs if run.status == "crashed" and run.ended_at is None)
        found = (
            _check_blobs(self.blobs, referenced, every_blob=every_blob),
            _check_orphans(orphans),
            _check_runs(stale),
        )
        return replace(
            report,
            checks=(*database, *found, *report.checks),
            orphans=orphans,
            orphan_bytes=sum(self.blobs.size(name) or 0 for name in orphans),
            stale_runs=tuple(run.id for run in stale),
        )

    def verify(self, *, anchor: AuditHead | None) -> VerifyReport:
        return verify_history(self.ledger, self.blobs, anchor=anchor)

    def close(self) -> None:
        self.runs.let_go()
        self.catalog.close()


def _check_database(connection: sa.Connection) -> list[StoreCheck]:
    """Check the database's pages, its references, its revision, and the triggers that keep histories."""
    version = StoreCheck(name="sqlite", status="ok", message=f"SQLite {sqlite3.sqlite_version}")
    if revision_of(connection) is None:
        return [version, StoreCheck(name="catalog", status="note", message="nothing has been kept yet")]
    faults = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    triggers = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars())
    guards = {f"{table}_no_{act}" for table in schema.HISTORIES for act in ("update", "delete")}
    guards |= {"runs_no_reopen", "runs_no_delete"}
    missing = sorted(guards - triggers)
    return [
        version,
        _damage("integrity", "; ".join(faults), found=faults != ["ok"]),
        _damage("references", f"{len(dangling)} rows name what does not exist", found=bool(dangling)),
        _damage("guards", f"triggers that keep histories are missing: {', '.join(missing)}", found=bool(missing)),
    ]


def _check_blobs(blobs: FileBlobs, referenced: dict[str, int | None], *, every_blob: bool) -> StoreCheck:
    missing = sorted(name for name in referenced if not blobs.has(name))
    short = sorted(name for name, size in referenced.items() if blobs.has(name) and blobs.size(name) != size)
    there = sorted(referenced.keys() - set(missing) - set(short))
    sample = there if every_blob else random.Random(_SAMPLE_SEED).sample(there, min(_SAMPLE, len(there)))  # noqa: S311 - a sample, not a secret
    changed = sorted(name for name in sample if hash_file(blobs.place(name)) != name)
    faults = [
        *(f"{name[:12]} is missing" for name in missing),
        *(f"{name[:12]} has another length" for name in short),
        *(f"{name[:12]} has other bytes" for name in changed),
    ]
    if faults:
        return StoreCheck(name="blobs", status="damage", message="blobs damaged: " + ", ".join(faults))
    return StoreCheck(
        name="blobs", status="ok", message=f"{len(referenced)} blobs are there, {len(sample)} of them hashed anew"
    )


def _check_orphans(orphans: tuple[str, ...]) -> StoreCheck:
    return _note("orphan blobs", f"{len(orphans)} blobs that nothing refers to", found=bool(orphans))


def _check_runs(stale: tuple[Run, ...]) -> StoreCheck:
    told = (f"run {run.id} was left open by process {pid_of(run.process)}, which is gone" for run in stale)
    return _note("stale runs", "; ".join(told) or "no run was left open", found=bool(stale))


def _check_checkpoints(checkpoints: FileCheckpoints) -> StoreCheck:
    half = checkpoints.fingerprints()
    return _note("checkpoints", f"half-finished work of {len(half)} stages", found=bool(half))


def _check_space(free: int) -> StoreCheck:
    status: Literal["ok", "warning"] = "warning" if free < _LOW_SPACE_BYTES else "ok"
    return StoreCheck(name="free space", status=status, message=f"{free / 1e9:.1f} GB free")


def _damage(name: str, message: str, *, found: bool) -> StoreCheck:
    return StoreCheck(name=name, status="damage" if found else "ok", message=message if found else "ok")


def _note(name: str, message: str, *, found: bool) -> StoreCheck:
    return StoreCheck(name=name, status="note" if found else "ok", message=message)
