"""Stage results in the catalog."""

from __future__ import annotations

import json
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from tenfold.foundation.errors import StoreError
from tenfold.foundation.serial import canonical_json
from tenfold.store.catalog import schema
from tenfold.store.catalog.audit import Ledger
from tenfold.store.files.blobs import FileBlobs
from tenfold.store.files.checkpoints import FileCheckpoints
from tenfold.store.rows import KeptResult


def refer_to(connection: sa.Connection, blobs: FileBlobs, names: Iterable[str]) -> None:
    """Note blobs that a row of this transaction will name; StoreError when one is not on disk."""
    for name in names:
        size = blobs.size(name)
        if size is None:
            raise StoreError(f"the blob {name[:12]} is not in the store; put it before a row may name it")
        row = {"name": name, "size": size}
        connection.execute(sqlite.insert(schema.blobs).values(row).on_conflict_do_nothing())


def referenced_blobs(connection: sa.Connection) -> dict[str, int | None]:
    """Return the blobs that rows name, with the length each had when it was put."""
    columns = [
        column
        for table in schema.metadata.tables.values()
        for column in table.columns
        if any(key.target_fullname == "blobs.name" for key in column.foreign_keys)
    ]
    named = sa.union(*(sa.select(column.label("name")).where(column.is_not(None)) for column in columns)).subquery()
    known = schema.blobs
    query = sa.select(named.c.name, known.c.size).outerjoin_from(named, known, named.c.name == known.c.name)
    return {row[0]: row[1] for row in connection.execute(query)}


class CatalogResults:
    """`StageResults` in the catalog."""

    def __init__(self, ledger: Ledger, blobs: FileBlobs, checkpoints: FileCheckpoints):
        self._ledger = ledger
        self._blobs = blobs
        self._checkpoints = checkpoints

    def find(self, fingerprint: str) -> KeptResult | None:
        table = schema.stage_results
        with self._ledger.catalog.reading() as connection:
            result = _read(connection, sa.select(table).where(table.c.fingerprint == fingerprint))
            if result is None:
                return None
            sizes = _sizes(connection, result)
        whole = all(self._blobs.size(name) == size for name, size in sizes.items())
        return result if whole else None

    def save(self, result: KeptResult) -> None:
        row = {
            "fingerprint": result.fingerprint,
            "stage": result.stage,
            "record": result.record,
            "causes": canonical_json(result.causes).decode(),
            "seconds": result.seconds,
            "run": result.run,
            **self._ledger.stamp().row(),
        }
        files = [{"fingerprint": result.fingerprint, "name": name, "blob": blob} for name, blob in result.files.items()]
        with self._ledger.catalog.writing() as connection:
            refer_to(connection, self._blobs, (result.record, *result.files.values()))
            for table in (schema.stage_files, schema.stage_results):
                connection.execute(sa.delete(table).where(table.c.fingerprint == result.fingerprint))
            connection.execute(sa.insert(schema.stage_results).values(row))
            if files:
                connection.execute(sa.insert(schema.stage_files), files)
        self._checkpoints.clear(result.fingerprint)

    def latest(self, stage: str) -> KeptResult | None:
        table = schema.stage_results
        query = sa.select(table).where(table.c.stage == stage).order_by(table.c.recorded.desc()).limit(1)
        with self._ledger.catalog.reading() as connection:
            return _read(connection, query)


def _read(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> KeptResult | None:
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    files = schema.stage_files
    parts = connection.execute(
        sa.select(files.c.name, files.c.blob).where(files.c.fingerprint == row["fingerprint"]).order_by(files.c.name)
    )
    return KeptResult(
        fingerprint=row["fingerprint"],
        stage=row["stage"],
        record=row["record"],
        files={name: blob for name, blob in parts},  # noqa: C416 - a row is not a pair of two for the type checker
        causes=json.loads(row["causes"]),
        seconds=row["seconds"],
        run=row["run"],
    )


def _sizes(connection: sa.Connection, result: KeptResult) -> dict[str, int]:
    table = schema.blobs
    names = (result.record, *result.files.values())
    rows = connection.execute(sa.select(table.c.name, table.c.size).where(table.c.name.in_(names)))
    return {row[0]: row[1] for row in rows}
