"""The audit chain: each entry's hash covers the entry and the hash before it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from tenfold.foundation.clock import Clock, SystemClock
from tenfold.foundation.fingerprint import fingerprint
from tenfold.foundation.serial import canonical_json, from_json, to_json
from tenfold.store.catalog import schema
from tenfold.store.catalog.connection import Catalog
from tenfold.store.files.disk import Disk
from tenfold.store.rows import AuditEntry, AuditHead

FIRST_HASH = "0" * 64
EMPTY = AuditHead(index=0, hash=FIRST_HASH)
# A column that came later, at its default, counts as absent: rows from before it are vouched for as they were written.
_ABSENT = {"replay": False, "traffic": None}
_WRITTEN = ("index", "action", "subject", "actor", "details", "at", "recorded", "previous")


def link_hash(row: Mapping[str, object]) -> str:
    """Return the hash that an audit row must carry."""
    return fingerprint({name: row[name] for name in _WRITTEN})


def row_content(row: Mapping[str, object]) -> str:
    """Return the hash by which an audit entry vouches for a row of another table."""
    return fingerprint({name: value for name, value in row.items() if not _is_absent(name, value)})


def _is_absent(name: str, value: object) -> bool:
    return name in _ABSENT and value == _ABSENT[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The two times of a historical row."""

    at: str
    recorded: str

    def row(self) -> dict[str, str]:
        """Return the stamp as columns."""
        return {"at": self.at, "recorded": self.recorded}


class Ledger:
    """Adds rows to histories, each vouched for by an audit entry of the same transaction."""

    def __init__(self, catalog: Catalog, disk: Disk, clock: Clock, actor: str):
        self.catalog = catalog
        self._disk = disk
        self._clock = clock
        self._actor = actor
        self.head_path = disk.folder / "audit.head"

    def stamp(self, at: datetime | None = None) -> Stamp:
        """Return now, by the project's clock (or ``at``, where its reading is at hand) and by the system's."""
        return Stamp(at=schema.text_of(at or self._clock.now()), recorded=schema.text_of(SystemClock().now()))

    def insert(
        self, connection: sa.Connection, table: sa.Table, row: Mapping[str, object], *, action: str, subject: str
    ) -> None:
        """Add a row to a history, and the audit entry that vouches for it."""
        connection.execute(sa.insert(table).values(dict(row)))
        self.entry(connection, action=action, subject=subject, details={"content": row_content(row)})

    def entry(
        self, connection: sa.Connection, *, action: str, subject: str, details: Mapping[str, object]
    ) -> AuditEntry:
        """Add one link to the chain."""
        end = head_of(connection)
        row: dict[str, object] = {
            "index": end.index + 1,
            "action": action,
            "subject": subject,
            "actor": self._actor,
            "details": canonical_json(details).decode(),
            "previous": end.hash,
            **self.stamp().row(),
        }
        row["hash"] = link_hash(row)
        connection.execute(sa.insert(schema.audit).values(row))
        return entry_of(row)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Yield a connection inside one write transaction; then export the new end of the chain."""
        with self.catalog.writing(after_commit=self._export_head) as connection:
            yield connection

    def _export_head(self) -> None:
        """Write the end of the chain to its file, from where it can be carried elsewhere.

        A process that dies before this leaves an older head, which the chain still passes through.
        """
        with self.catalog.reading() as connection:
            head = head_of(connection)
        self._disk.write(self.head_path, to_json(head))


def next_number(connection: sa.Connection, column: sa.Column[int]) -> int:
    """Return one more than the largest number in a column; 1 for an empty one. Only inside a write transaction."""
    largest: int | None = connection.execute(sa.select(sa.func.max(column))).scalar_one()
    return (largest or 0) + 1


def head_of(connection: sa.Connection) -> AuditHead:
    """Return the end of the chain."""
    table = schema.audit
    row = connection.execute(sa.select(table.c.index, table.c.hash).order_by(table.c.index.desc()).limit(1)).first()
    return EMPTY if row is None else AuditHead(index=row[0], hash=row[1])


def entry_of(row: Mapping[str, object]) -> AuditEntry:
    """Return a row of the audit table as a record."""
    return AuditEntry(
        index=int(str(row["index"])),
        action=str(row["action"]),
        subject=str(row["subject"]),
        actor=str(row["actor"]),
        details=json.loads(str(row["details"])),
        at=schema.moment_of(str(row["at"])),
        recorded=schema.moment_of(str(row["recorded"])),
        previous=str(row["previous"]),
        hash=str(row["hash"]),
    )


def read_head(path: Path) -> AuditHead | None:
    """Return the exported head; None when none was exported."""
    return from_json(AuditHead, path.read_bytes()) if path.is_file() else None


class CatalogAudit:
    """`AuditLog` in the catalog."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger

    def append(self, action: str, subject: str, details: Mapping[str, object] | None = None) -> AuditEntry:
        with self._ledger.writing() as connection:
            return self._ledger.entry(connection, action=action, subject=subject, details=details or {})

    def entries(self) -> tuple[AuditEntry, ...]:
        with self._ledger.catalog.reading() as connection:
            rows = connection.execute(sa.select(schema.audit).order_by(schema.audit.c.index)).mappings()
            return tuple(entry_of(dict(row)) for row in rows)

    def head(self) -> AuditHead:
        with self._ledger.catalog.reading() as connection:
            return head_of(connection)
