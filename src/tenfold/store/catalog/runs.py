"""Runs in the catalog: one at a time, and none that stays open when its process is gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from tenfold.foundation.errors import InputError, StoreError, did_you_mean
from tenfold.store.catalog import schema
from tenfold.store.catalog.audit import Ledger, next_number, row_content
from tenfold.store.catalog.results import refer_to
from tenfold.store.files.blobs import FileBlobs
from tenfold.store.files.disk import explained
from tenfold.store.files.lock import holder, release, try_lock
from tenfold.store.files.process import is_alive, pid_of, this_process
from tenfold.store.rows import Run, RunStage, RunStatus

_CRASHED = "its process ({pid}) ended without a word; what it finished is kept, run again to go on from there"


class CatalogRuns:
    """`Runs` and `RunHistory` in the catalog."""

    def __init__(self, ledger: Ledger, blobs: FileBlobs, folder: Path):
        self._ledger = ledger
        self._blobs = blobs
        self._lock_path = folder / "run.lock"
        self._lock: int | None = None

    def begin(self, *, spec: str, seed: int) -> Run:
        blob = self._blobs.put(spec.encode())
        with explained(self._lock_path.parent):
            lock = try_lock(self._lock_path)
        if lock is None:
            raise StoreError(
                f"process {holder(self._lock_path)} is running this project (store {self._lock_path.parent}); "
                "wait for it to end, or stop it, then run again"
            )
        try:
            run = self._insert(blob, seed)
        except BaseException:
            release(lock)
            raise
        self._lock = lock
        return run

    def record_stage(self, run: str, stage: RunStage) -> None:
        table = schema.run_stages
        with self._ledger.writing() as connection:
            done = connection.execute(sa.select(sa.func.count()).where(table.c.run == run)).scalar_one()
            row = {
                "run": run,
                "position": done + 1,
                "stage": stage.stage,
                "fingerprint": stage.fingerprint,
                "cached": stage.cached,
                "seconds": stage.seconds,
                **self._ledger.stamp().row(),
            }
            subject = f"{run}/{stage.stage}"
            self._ledger.insert(connection, table, row, action="stage done", subject=subject)

    def finish(self, run: str, *, status: RunStatus, document: bytes | None = None, reason: str = "") -> Run:
        blob = None if document is None else self._blobs.put(document)
        with self._ledger.writing() as connection:
            refer_to(connection, self._blobs, () if blob is None else (blob,))
            finished = self._close(connection, run, status=status, reason=reason, document=blob)
        self.let_go()
        return finished

    def find(self, run: str) -> Run:
        for known in self.recent():
            if known.id == run:
                return known
        names = [known.id for known in self.recent()]
        raise InputError(f"there is no run '{run}'.{did_you_mean(run, names)} `tenfold runs list` shows all")

    def recent(self) -> tuple[Run, ...]:
        with self._ledger.catalog.reading() as connection:
            rows = connection.execute(sa.select(schema.runs).order_by(schema.runs.c.number.desc())).mappings()
            return tuple(_as_seen(_run_of(row)) for row in rows)

    def stages(self, run: str) -> tuple[RunStage, ...]:
        table = schema.run_stages
        query = sa.select(table).where(table.c.run == run).order_by(table.c.position)
        with self._ledger.catalog.reading() as connection:
            return tuple(
                RunStage(
                    stage=row["stage"], fingerprint=row["fingerprint"], cached=row["cached"], seconds=row["seconds"]
                )
                for row in connection.execute(query).mappings()
            )

    def let_go(self) -> None:
        """Allow others to run the project."""
        if self._lock is not None:
            release(self._lock)
            self._lock = None

    def _insert(self, spec: str, seed: int) -> Run:
        table = schema.runs
        with self._ledger.writing() as connection:
            # Whoever left a run open is gone: the lock is held by nobody but us.
            for row in connection.execute(sa.select(table).where(table.c.status == "running")).mappings().all():
                reason = _CRASHED.format(pid=pid_of(row["process"]))
                self._close(connection, row["id"], status="crashed", reason=reason, document=None)
            refer_to(connection, self._blobs, (spec,))
            number = next_number(connection, table.c.number)
            row_values = {
                "number": number,
                "id": f"r{number}",
                "status": "running",
                "spec": spec,
                "seed": seed,
                "process": this_process(),
                "reason": "",
                **self._ledger.stamp().row(),
            }
            connection.execute(sa.insert(table).values(row_values))
            return _one(connection, f"r{number}")

    def _close(
        self, connection: sa.Connection, run: str, *, status: RunStatus, reason: str, document: str | None
    ) -> Run:
        table = schema.runs
        stamp = self._ledger.stamp()
        values = {
            "status": status,
            "reason": reason,
            "document": document,
            "ended_at": stamp.at,
            "ended_recorded": stamp.recorded,
        }
        connection.execute(sa.update(table).where(table.c.id == run).values(values))
        row = connection.execute(sa.select(table).where(table.c.id == run)).mappings().one()
        self._ledger.entry(connection, action="run closed", subject=run, details={"content": row_content(dict(row))})
        return _run_of(row)


def _one(connection: sa.Connection, run: str) -> Run:
    return _run_of(connection.execute(sa.select(schema.runs).where(schema.runs.c.id == run)).mappings().one())


def _run_of(row: sa.RowMapping) -> Run:
    return Run(
        id=row["id"],
        status=row["status"],
        spec=row["spec"],
        seed=row["seed"],
        process=row["process"],
        at=schema.moment_of(row["at"]),
        recorded=schema.moment_of(row["recorded"]),
        ended_at=None if row["ended_at"] is None else schema.moment_of(row["ended_at"]),
        ended_recorded=None if row["ended_recorded"] is None else schema.moment_of(row["ended_recorded"]),
        reason=row["reason"],
        document=row["document"],
    )


def _as_seen(run: Run) -> Run:
    """Return a run as it is now: one that is open though its process is gone has crashed."""
    if run.status != "running" or is_alive(run.process):
        return run
    return replace(run, status="crashed", reason=_CRASHED.format(pid=pid_of(run.process)))
