"""Outcomes that arrived, batch by batch: nothing is overwritten, the latest that was recorded counts."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from tenfold.store.catalog import schema
from tenfold.store.catalog.audit import Ledger, next_number
from tenfold.store.catalog.results import refer_to
from tenfold.store.files.blobs import FileBlobs
from tenfold.store.monitoring import LabelBatch

label_batches = sa.Table(
    "label_batches",
    schema.metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("blob", sa.String, sa.ForeignKey("blobs.name"), nullable=False),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("recorded", sa.String, nullable=False),
)


class CatalogLabels:
    """`Labels` in the catalog."""

    def __init__(self, ledger: Ledger, blobs: FileBlobs):
        self._ledger = ledger
        self._blobs = blobs

    def append(self, blob: str, *, rows: int, source: str) -> LabelBatch:
        with self._ledger.writing() as connection:
            refer_to(connection, self._blobs, (blob,))
            row = {
                "number": next_number(connection, label_batches.c.number),
                "rows": rows,
                "source": source,
                "blob": blob,
                **self._ledger.stamp().row(),
            }
            self._ledger.insert(connection, label_batches, row, action="labels kept", subject=f"l{row['number']}")
            return _batch_of(row)

    def batches(self, after: int = 0) -> tuple[LabelBatch, ...]:
        table = label_batches
        query = sa.select(table).where(table.c.number > after).order_by(table.c.number)
        with self._ledger.catalog.reading() as connection:
            return tuple(_batch_of(row) for row in connection.execute(query).mappings())


def _batch_of(row: Mapping[str, object] | sa.RowMapping) -> LabelBatch:
    return LabelBatch(
        number=int(str(row["number"])),
        rows=int(str(row["rows"])),
        source=str(row["source"]),
        blob=str(row["blob"]),
        at=schema.moment_of(str(row["at"])),
        recorded=schema.moment_of(str(row["recorded"])),
    )
