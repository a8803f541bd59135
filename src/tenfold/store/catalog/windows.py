"""Windows of production time: the rows they hold, the looks at them, the references they are held against."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from tenfold.foundation.serial import canonical_json, from_json, to_json
from tenfold.records.health import Health, IncidentChange
from tenfold.store.catalog import schema
from tenfold.store.catalog.audit import Ledger, next_number
from tenfold.store.catalog.incidents import insert_change
from tenfold.store.catalog.results import refer_to
from tenfold.store.files.blobs import FileBlobs
from tenfold.store.monitoring import KeptWindow, Part, Reading

log_readings = sa.Table(
    "log_readings",
    schema.metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("endpoint", sa.String, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("position", sa.String, nullable=False),
    sa.Column("labels", sa.Integer, nullable=False),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("recorded", sa.String, nullable=False),
    sa.UniqueConstraint("endpoint", "sequence"),
)

window_parts = sa.Table(
    "window_parts",
    schema.metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("endpoint", sa.String, nullable=False, index=True),
    sa.Column("bundle", sa.String, nullable=False),
    sa.Column("ref", sa.String, nullable=False),
    sa.Column("start", sa.String, nullable=False),
    sa.Column("end", sa.String, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("blob", sa.String, sa.ForeignKey("blobs.name"), nullable=False),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("recorded", sa.String, nullable=False),
)

windows = sa.Table(
    "windows",
    schema.metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("endpoint", sa.String, nullable=False),
    sa.Column("bundle", sa.String, nullable=False),
    sa.Column("start", sa.String, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("health", sa.String, nullable=False),
    sa.Column("parts", sa.Integer, nullable=False),
    sa.Column("labels", sa.Integer, nullable=False),
    sa.Column("memory", sa.String, sa.ForeignKey("blobs.name")),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("recorded", sa.String, nullable=False),
    sa.UniqueConstraint("endpoint", "bundle", "start", "revision"),
)

window_references = sa.Table(
    "window_references",
    schema.metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("bundle", sa.String, nullable=False),
    sa.Column("window_seconds", sa.Float, nullable=False),
    sa.Column("blob", sa.String, sa.ForeignKey("blobs.name"), nullable=False),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("recorded", sa.String, nullable=False),
    sa.UniqueConstraint("bundle", "window_seconds"),
)


class CatalogWindows:
    """`Windows` and `WindowHistory` in the catalog."""

    def __init__(self, ledger: Ledger, blobs: FileBlobs):
        self._ledger = ledger
        self._blobs = blobs

    def keep_rows(self, reading: Reading, parts: Sequence[Part]) -> None:
        with self._ledger.writing() as connection:
            refer_to(connection, self._blobs, [part.blob for part in parts])
            stamp = self._ledger.stamp().row()
            row = {
                "number": next_number(connection, log_readings.c.number),
                "endpoint": reading.endpoint,
                "sequence": reading.sequence,
                "position": canonical_json(reading.position).decode(),
                "labels": reading.labels,
                **stamp,
            }
            subject = f"{reading.endpoint}/{reading.sequence}"
            self._ledger.insert(connection, log_readings, row, action="log read", subject=subject)
            first = next_number(connection, window_parts.c.number)
            for number, part in enumerate(parts, start=first):
                row = {
                    "number": number,
                    "endpoint": part.endpoint,
                    "bundle": part.bundle,
                    "ref": part.ref,
                    "start": schema.text_of(part.start),
                    "end": schema.text_of(part.end),
                    "rows": part.rows,
                    "blob": part.blob,
                    **stamp,
                }
                self._ledger.insert(connection, window_parts, row, action="rows of a window", subject=f"p{number}")

    def keep_look(
        self,
        health: Health,
        *,
        parts: int,
        labels: int,
        memory: str | None,
        changes: Sequence[IncidentChange],
    ) -> KeptWindow:
        window = health.window
        with self._ledger.writing() as connection:
            if memory is not None:
                refer_to(connection, self._blobs, (memory,))
            row = {
                "number": next_number(connection, windows.c.number),
                "endpoint": window.endpoint,
                "bundle": window.bundle,
                "start": schema.text_of(window.start),
                "revision": window.revision,
                "health": to_json(health).decode(),
                "parts": parts,
                "labels": labels,
                "memory": memory,
                **self._ledger.stamp().row(),
            }
            subject = f"w{row['number']}"
            self._ledger.insert(connection, windows, row, action="window looked at", subject=subject)
            for change in changes:
                insert_change(self._ledger, connection, change)
            return _look_of(row)

    def keep_reference(self, bundle: str, window_seconds: float, content: bytes) -> None:
        table = window_references
        blob = self._blobs.put(content)
        with self._ledger.writing() as connection:
            same = (table.c.bundle == bundle) & (table.c.window_seconds == window_seconds)
            if connection.execute(sa.select(table.c.number).where(same)).first() is not None:
                return
            refer_to(connection, self._blobs, (blob,))
            row = {
                "number": next_number(connection, table.c.number),
                "bundle": bundle,
                "window_seconds": window_seconds,
                "blob": blob,
                **self._ledger.stamp().row(),
            }
            self._ledger.insert(connection, table, row, action="reference kept", subject=f"r{row['number']}")

    def reading(self, endpoint: str) -> Reading:
        table = log_readings
        query = sa.select(table).where(table.c.endpoint == endpoint).order_by(table.c.sequence.desc()).limit(1)
        with self._ledger.catalog.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return Reading(endpoint=endpoint, sequence=0)
        return Reading(
            endpoint=endpoint, sequence=row["sequence"], labels=row["labels"], position=json.loads(row["position"])
        )

    def parts(self, endpoint: str) -> tuple[Part, ...]:
        table = window_parts
        query = sa.select(table).where(table.c.endpoint == endpoint).order_by(table.c.number)
        with self._ledger.catalog.reading() as connection:
            return tuple(
                Part(
                    number=row["number"],
                    endpoint=row["endpoint"],
                    bundle=row["bundle"],
                    ref=row["ref"],
                    start=schema.moment_of(row["start"]),
                    end=schema.moment_of(row["end"]),
                    rows=row["rows"],
                    blob=row["blob"],
                )
                for row in connection.execute(query).mappings()
            )

    def looks(self, endpoint: str | None = None) -> tuple[KeptWindow, ...]:
        number = windows.c.number
        seen = (
            sa.select(sa.func.min(number).label("first"), sa.func.max(number).label("newest"))
            .group_by(windows.c.endpoint, windows.c.bundle, windows.c.start)
            .subquery()
        )
        query = sa.select(windows).join(seen, number == seen.c.newest)
        if endpoint is not None:
            query = query.where(windows.c.endpoint == endpoint)
        # Of versions that answered in the same window, the one that was looked at first stands first.
        query = query.order_by(windows.c.endpoint, windows.c.start, seen.c.first)
        with self._ledger.catalog.reading() as connection:
            return tuple(_look_of(row) for row in connection.execute(query).mappings())

    def reference(self, bundle: str, window_seconds: float) -> bytes | None:
        table = window_references
        same = (table.c.bundle == bundle) & (table.c.window_seconds == window_seconds)
        with self._ledger.catalog.reading() as connection:
            blob: str | None = connection.execute(sa.select(table.c.blob).where(same)).scalar_one_or_none()
        return None if blob is None else self._blobs.path(blob).read_bytes()


def _look_of(row: Mapping[str, object] | sa.RowMapping) -> KeptWindow:
    return KeptWindow(
        number=int(str(row["number"])),
        health=from_json(Health, str(row["health"])),
        parts=int(str(row["parts"])),
        labels=int(str(row["labels"])),
        memory=None if row["memory"] is None else str(row["memory"]),
        at=schema.moment_of(str(row["at"])),
        recorded=schema.moment_of(str(row["recorded"])),
    )
