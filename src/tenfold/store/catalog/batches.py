"""Moments of a batch's schedule."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from tenfold.foundation.serial import from_json, to_json
from tenfold.records.batch import BatchSlot, SlotState
from tenfold.store.catalog import schema
from tenfold.store.catalog.audit import Ledger, next_number


class CatalogBatchSlots:
    """`BatchSlots` in the catalog."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger

    def keep(self, slot: BatchSlot) -> BatchSlot:
        table = schema.batch_slots
        moment = schema.text_of(slot.slot)
        same = (table.c.schedule == slot.schedule, table.c.slot == moment, table.c.state == slot.state)
        with self._ledger.writing() as connection:
            known = connection.execute(sa.select(table.c.entry).where(*same)).scalar()
            if known is not None:
                return from_json(BatchSlot, str(known))
            row = {
                "number": next_number(connection, table.c.number),
                "schedule": slot.schedule,
                "slot": moment,
                "state": slot.state,
                "entry": to_json(slot).decode(),
                **self._ledger.stamp(slot.at).row(),
            }
            self._ledger.insert(connection, table, row, action="batch slot", subject=f"b{row['number']}")
            return slot

    def of(
        self, schedule: str, *, states: Sequence[SlotState] | None = None, last: int | None = None
    ) -> tuple[BatchSlot, ...]:
        table = schema.batch_slots
        query = sa.select(table.c.entry).where(table.c.schedule == schedule).order_by(table.c.number.desc())
        if states is not None:
            query = query.where(table.c.state.in_(states))
        if last is not None:
            query = query.limit(last)
        with self._ledger.catalog.reading() as connection:
            found = [from_json(BatchSlot, str(entry)) for entry in connection.execute(query).scalars()]
        return tuple(reversed(found))
