"""Versions of models and the aliases that move among them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.foundation.serial import canonical_json
from tenfold.store.catalog import schema
from tenfold.store.catalog.audit import Ledger, Stamp, next_number
from tenfold.store.catalog.results import refer_to
from tenfold.store.files.blobs import FileBlobs
from tenfold.store.rows import AliasChange, Version

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,49}")


class CatalogRegistry:
    """`Registry` in the catalog."""

    def __init__(self, ledger: Ledger, blobs: FileBlobs):
        self._ledger = ledger
        self._blobs = blobs

    def register(
        self, name: str, *, bundle: str, blob: str, run: str, facts: Mapping[str, object] | None = None
    ) -> Version:
        if _NAME.fullmatch(name) is None:
            raise InputError(f"'{name}' cannot name a model: use letters, digits, '.', '_' and '-', at most 100")
        table = schema.versions
        with self._ledger.writing() as connection:
            mine = table.c.name == name
            known = connection.execute(sa.select(table).where(mine, table.c.bundle == bundle)).mappings().first()
            if known is not None:
                return _version_of(known)
            refer_to(connection, self._blobs, (blob,))
            largest = connection.execute(sa.select(sa.func.max(table.c.number)).where(mine)).scalar_one()
            row = {
                "name": name,
                "number": (largest or 0) + 1,
                "bundle": bundle,
                "blob": blob,
                "run": run,
                "facts": canonical_json(facts or {}).decode(),
                **self._ledger.stamp().row(),
            }
            subject = f"{name}@{row['number']}"
            self._ledger.insert(connection, table, row, action="version registered", subject=subject)
            return _version_of(row)

    def find(self, ref: str) -> Version:
        name, at, which = ref.partition("@")
        if not at or not which:
            raise InputError(f"'{ref}' does not name a version: write name@number or name@alias, such as {name}@1")
        versions = {str(version.number): version for version in self.versions(name)}
        if not versions:
            names = {version.name for version in self.versions()}
            raise InputError(f"there is no model '{name}'.{did_you_mean(name, names)} `tenfold model list` shows all")
        if which.isdigit():
            return self._known(ref, versions, which)
        with self._ledger.catalog.reading() as connection:
            aliases = current_aliases(connection, name)
        if which not in aliases:
            raise InputError(
                f"'{name}' has no alias '{which}' (it has: {', '.join(sorted(aliases)) or 'none'}; versions 1 to "
                f"{len(versions)}).{did_you_mean(which, aliases)}"
            )
        return self._known(ref, versions, str(aliases[which]))

    def versions(self, name: str | None = None) -> tuple[Version, ...]:
        table = schema.versions
        query = sa.select(table).order_by(table.c.name, table.c.number)
        if name is not None:
            query = query.where(table.c.name == name)
        with self._ledger.catalog.reading() as connection:
            return tuple(_version_of(row) for row in connection.execute(query).mappings())

    @staticmethod
    def _known(ref: str, versions: Mapping[str, Version], number: str) -> Version:
        if number not in versions:
            raise InputError(f"there is no version '{ref}': the newest is {len(versions)}")
        return versions[number]


class CatalogAliases:
    """`Aliases` in the catalog."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger

    def point(self, name: str, alias: str, number: int | None, *, reason: str, by: str) -> AliasChange:
        if _ALIAS.fullmatch(alias) is None:
            raise InputError(f"'{alias}' cannot be an alias: use small letters, digits, '-' and '_', a letter first")
        move = Move(name=name, alias=alias, number=number, reason=reason, by=by)
        with self._ledger.writing() as connection:
            return move_alias(self._ledger, connection, move, self._ledger.stamp())

    def current(self, name: str) -> Mapping[str, int]:
        with self._ledger.catalog.reading() as connection:
            return current_aliases(connection, name)

    def history(self, name: str) -> tuple[AliasChange, ...]:
        with self._ledger.catalog.reading() as connection:
            return _history(connection, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """An alias that is to mean another version."""

    name: str
    alias: str
    number: int | None
    reason: str
    by: str
    replay: bool = False


def move_alias(ledger: Ledger, connection: sa.Connection, move: Move, stamp: Stamp) -> AliasChange:
    """Let an alias mean a version, inside the caller's write transaction."""
    versions, table = schema.versions, schema.aliases
    known = connection.execute(sa.select(versions.c.number).where(versions.c.name == move.name)).scalars().all()
    if move.number is not None and move.number not in known:
        raise InputError(f"'{move.name}@{move.number}' is not registered, so '{move.alias}' cannot mean it")
    row = {
        "number": next_number(connection, table.c.number),
        "name": move.name,
        "alias": move.alias,
        "version": move.number,
        "reason": move.reason,
        "by": move.by,
        "replay": move.replay,
        **stamp.row(),
    }
    ledger.insert(connection, table, row, action="alias moved", subject=f"{move.name}@{move.alias}")
    return _change_of(row)


def _history(connection: sa.Connection, name: str) -> tuple[AliasChange, ...]:
    table = schema.aliases
    rows = connection.execute(sa.select(table).where(table.c.name == name).order_by(table.c.number)).mappings()
    return tuple(_change_of(row) for row in rows)


def current_aliases(connection: sa.Connection, name: str) -> dict[str, int]:
    """Return what each alias of ``name`` means now."""
    newest = {change.alias: change.number for change in _history(connection, name)}
    return {alias: number for alias, number in newest.items() if number is not None}


def _version_of(row: Mapping[str, object] | sa.RowMapping) -> Version:
    return Version(
        name=str(row["name"]),
        number=int(str(row["number"])),
        bundle=str(row["bundle"]),
        blob=str(row["blob"]),
        run=str(row["run"]),
        facts=json.loads(str(row["facts"])),
        at=schema.moment_of(str(row["at"])),
        recorded=schema.moment_of(str(row["recorded"])),
    )


def _change_of(row: Mapping[str, object] | sa.RowMapping) -> AliasChange:
    return AliasChange(
        name=str(row["name"]),
        alias=str(row["alias"]),
        number=None if row["version"] is None else int(str(row["version"])),
        reason=str(row["reason"]),
        by=str(row["by"]),
        at=schema.moment_of(str(row["at"])),
        recorded=schema.moment_of(str(row["recorded"])),
        replay=bool(row["replay"]),
    )
