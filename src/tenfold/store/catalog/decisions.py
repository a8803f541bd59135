"""Decisions about renewing models."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from tenfold.foundation.serial import from_json, to_json
from tenfold.records.retrain import Decision, Gain
from tenfold.store.catalog import schema
from tenfold.store.catalog.audit import Ledger, next_number
from tenfold.store.catalog.results import refer_to
from tenfold.store.files.blobs import FileBlobs
from tenfold.store.rows import KeptDecision


class CatalogDecisions:
    """`Decisions` in the catalog."""

    def __init__(self, ledger: Ledger, blobs: FileBlobs):
        self._ledger = ledger
        self._blobs = blobs

    def keep(self, decision: Decision) -> KeptDecision:
        table = schema.decisions
        newest, lockbox = _payload(decision.newest), _payload(decision.lockbox)
        with self._ledger.writing() as connection:
            known = connection.execute(sa.select(table).where(table.c.key == decision.key)).mappings().first()
            if known is not None:
                return _kept(known)
            refer_to(connection, self._blobs, [blob for blob in (newest, lockbox) if blob is not None])
            stamp = self._ledger.stamp(decision.at)
            row = {
                "number": next_number(connection, table.c.number),
                "key": decision.key,
                "endpoint": decision.endpoint,
                "action": decision.action,
                "decision": to_json(decision).decode(),
                "newest": newest,
                "lockbox": lockbox,
                **stamp.row(),
            }
            self._ledger.insert(connection, table, row, action="retraining decided", subject=decision.key)
            return _kept(row)

    def of(self, endpoint: str | None = None) -> tuple[KeptDecision, ...]:
        table = schema.decisions
        query = sa.select(table).order_by(table.c.number)
        if endpoint is not None:
            query = query.where(table.c.endpoint == endpoint)
        with self._ledger.catalog.reading() as connection:
            return tuple(_kept(row) for row in connection.execute(query).mappings())


def _payload(gain: Gain | None) -> str | None:
    return gain.payload or None if gain is not None else None


def _kept(row: Mapping[str, object] | sa.RowMapping) -> KeptDecision:
    return KeptDecision(
        number=int(str(row["number"])),
        decision=from_json(Decision, str(row["decision"])),
        recorded=schema.moment_of(str(row["recorded"])),
    )
