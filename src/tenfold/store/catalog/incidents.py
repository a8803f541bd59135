"""Incidents, change by change, and who was told of them."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from tenfold.foundation.serial import from_json, to_json
from tenfold.records.health import Incident, IncidentChange
from tenfold.store.catalog import schema
from tenfold.store.catalog.audit import Ledger, next_number
from tenfold.store.monitoring import Delivery, KeptChange

incidents = sa.Table(
    "incidents",
    schema.metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, nullable=False, index=True),
    sa.Column("endpoint", sa.String, nullable=False),
    sa.Column("content", sa.String, nullable=False),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("recorded", sa.String, nullable=False),
)

deliveries = sa.Table(
    "deliveries",
    schema.metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("change", sa.Integer, sa.ForeignKey("incidents.number"), nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("recorded", sa.String, nullable=False),
)


def insert_change(ledger: Ledger, connection: sa.Connection, change: IncidentChange) -> None:
    """Add a change inside the caller's transaction."""
    row = {
        "number": next_number(connection, incidents.c.number),
        "id": change.incident.id,
        "endpoint": change.incident.endpoint,
        "content": to_json(change).decode(),
        **ledger.stamp().row(),
    }
    ledger.insert(connection, incidents, row, action="incident changed", subject=f"n{row['number']}")


class CatalogIncidents:
    """`Incidents` in the catalog."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger

    def current(self, endpoint: str | None = None) -> tuple[Incident, ...]:
        newest = {kept.change.incident.id: kept.change.incident for kept in self.changes(endpoint)}
        return tuple(newest.values())

    def changes(self, endpoint: str | None = None) -> tuple[KeptChange, ...]:
        query = sa.select(incidents).order_by(incidents.c.number)
        if endpoint is not None:
            query = query.where(incidents.c.endpoint == endpoint)
        with self._ledger.catalog.reading() as connection:
            return tuple(_change_of(row) for row in connection.execute(query).mappings())


class CatalogDeliveries:
    """`Deliveries` in the catalog."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger

    def record(self, delivery: Delivery) -> None:
        with self._ledger.writing() as connection:
            row = {
                "number": next_number(connection, deliveries.c.number),
                "change": delivery.change,
                "channel": delivery.channel,
                "status": delivery.status,
                "reason": delivery.reason,
                **self._ledger.stamp().row(),
            }
            self._ledger.insert(connection, deliveries, row, action="alert sent", subject=f"d{row['number']}")

    def of(self, change: int | None = None) -> tuple[Delivery, ...]:
        query = sa.select(deliveries).order_by(deliveries.c.number)
        if change is not None:
            query = query.where(deliveries.c.change == change)
        with self._ledger.catalog.reading() as connection:
            return tuple(
                Delivery(
                    change=row["change"],
                    channel=row["channel"],
                    status=row["status"],
                    reason=row["reason"],
                    at=schema.moment_of(row["at"]),
                    recorded=schema.moment_of(row["recorded"]),
                )
                for row in connection.execute(query).mappings()
            )


def _change_of(row: Mapping[str, object] | sa.RowMapping) -> KeptChange:
    return KeptChange(
        number=int(str(row["number"])),
        change=from_json(IncidentChange, str(row["content"])),
        at=schema.moment_of(str(row["at"])),
        recorded=schema.moment_of(str(row["recorded"])),
    )
