"""What each endpoint served, from when on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from tenfold.foundation.errors import InputError, StoreError
from tenfold.foundation.serial import canonical_json, from_json, plain, to_json
from tenfold.records.release import Traffic, TrafficLook
from tenfold.store.catalog import schema
from tenfold.store.catalog.audit import Ledger, next_number
from tenfold.store.catalog.registry import Move, current_aliases, move_alias
from tenfold.store.rows import KeptTraffic, Release, ReleaseAction, ReleaseOrder

_ACTIONS: Mapping[str, ReleaseAction] = {"promote": "promote", "rollback": "rollback", "traffic": "traffic"}


class CatalogReleases:
    """`Releases` in the catalog."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger

    def append(self, order: ReleaseOrder) -> Release:
        table = schema.releases
        with self._ledger.writing() as connection:
            _check_is_newest(connection, order)
            version = _version(connection, order)
            threshold = json.loads(str(version["facts"])).get("threshold")
            stamp = self._ledger.stamp(order.at)
            row = {
                "number": next_number(connection, table.c.number),
                "endpoint": order.endpoint,
                "revision": order.after + 1,
                "action": order.action,
                "name": order.name,
                "version": order.number,
                "previous": order.previous,
                "bundle": version["bundle"],
                "threshold": None if threshold is None else float(threshold),
                "reason": order.reason,
                "by": order.by,
                "accepted": canonical_json(list(order.accepted)).decode(),
                "evidence": canonical_json(list(order.evidence)).decode(),
                "replay": order.replay,
                "traffic": None if order.traffic is None else canonical_json(plain(order.traffic)).decode(),
                **stamp.row(),
            }
            meant = current_aliases(connection, order.name)
            for alias, number in (("champion", order.number), ("previous", order.previous)):
                if meant.get(alias) == number:
                    continue
                move = Move(
                    name=order.name,
                    alias=alias,
                    number=number,
                    reason=order.reason,
                    by=order.by,
                    replay=order.replay,
                )
                move_alias(self._ledger, connection, move, stamp)
            subject = f"{order.endpoint}/{row['revision']}"
            self._ledger.insert(connection, table, row, action="released", subject=subject)
            return _release_of(row)

    def live(self, name: str, *, at: datetime, known: datetime | None = None) -> Release | None:
        table = schema.releases
        # Moments are kept as text that sorts as they do.
        query = sa.select(table).where(table.c.name == name, table.c.at <= schema.text_of(at))
        if known is not None:
            query = query.where(table.c.recorded <= schema.text_of(known))
        with self._ledger.catalog.reading() as connection:
            row = connection.execute(query.order_by(table.c.number.desc()).limit(1)).mappings().first()
        return None if row is None else _release_of(row)

    def history(self, name: str | None = None) -> tuple[Release, ...]:
        table = schema.releases
        query = sa.select(table).order_by(table.c.number)
        if name is not None:
            query = query.where(table.c.name == name)
        with self._ledger.catalog.reading() as connection:
            return tuple(_release_of(row) for row in connection.execute(query).mappings())


class CatalogTraffic:
    """`TrafficLooks` in the catalog."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger

    def keep(self, look: TrafficLook) -> KeptTraffic:
        table = schema.traffic_looks
        with self._ledger.writing() as connection:
            row = {
                "number": next_number(connection, table.c.number),
                "endpoint": look.endpoint,
                "look": to_json(look).decode(),
                **self._ledger.stamp(look.at).row(),
            }
            self._ledger.insert(connection, table, row, action="traffic looked at", subject=f"t{row['number']}")
            return _look_of(row)

    def of(self, endpoint: str | None = None) -> tuple[KeptTraffic, ...]:
        table = schema.traffic_looks
        query = sa.select(table).order_by(table.c.number)
        if endpoint is not None:
            query = query.where(table.c.endpoint == endpoint)
        with self._ledger.catalog.reading() as connection:
            return tuple(_look_of(row) for row in connection.execute(query).mappings())


def _look_of(row: Mapping[str, object] | sa.RowMapping) -> KeptTraffic:
    return KeptTraffic(
        number=int(str(row["number"])),
        look=from_json(TrafficLook, str(row["look"])),
        recorded=schema.moment_of(str(row["recorded"])),
    )


def _check_is_newest(connection: sa.Connection, order: ReleaseOrder) -> None:
    table = schema.releases
    newest: int | None = connection.execute(
        sa.select(sa.func.max(table.c.revision)).where(table.c.endpoint == order.endpoint)
    ).scalar_one()
    if (newest or 0) != order.after:
        raise StoreError(
            f"the endpoint '{order.endpoint}' was released meanwhile (revision {newest}, the decision rests on "
            f"{order.after}); look at `tenfold model history {order.name}` and decide again"
        )


def _version(connection: sa.Connection, order: ReleaseOrder) -> sa.RowMapping:
    table = schema.versions
    query = sa.select(table).where(table.c.name == order.name, table.c.number == order.number)
    found = connection.execute(query).mappings().first()
    if found is None:
        raise InputError(f"there is no version '{order.name}@{order.number}' to release")
    return found


def _release_of(row: Mapping[str, object] | sa.RowMapping) -> Release:
    return Release(
        endpoint=str(row["endpoint"]),
        revision=int(str(row["revision"])),
        action=_ACTIONS[str(row["action"])],
        name=str(row["name"]),
        number=int(str(row["version"])),
        previous=None if row["previous"] is None else int(str(row["previous"])),
        bundle=str(row["bundle"]),
        threshold=None if row["threshold"] is None else float(str(row["threshold"])),
        reason=str(row["reason"]),
        by=str(row["by"]),
        accepted=tuple(json.loads(str(row["accepted"]))),
        evidence=tuple(json.loads(str(row["evidence"]))),
        replay=bool(row["replay"]),
        at=schema.moment_of(str(row["at"])),
        recorded=schema.moment_of(str(row["recorded"])),
        traffic=None if row["traffic"] is None else from_json(Traffic, str(row["traffic"])),
    )
