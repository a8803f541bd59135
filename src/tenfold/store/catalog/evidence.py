"""Evidence, and the looks at sealed test parts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from tenfold.foundation.serial import canonical_json, from_json, to_json
from tenfold.records.evidence import Evidence, Verdict
from tenfold.store.catalog import schema
from tenfold.store.catalog.audit import Ledger, next_number
from tenfold.store.rows import Look


class CatalogEvidence:
    """`EvidenceLog` in the catalog."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger

    def append(
        self, verdicts: Sequence[Verdict], *, subject: str, run: str, inputs: Mapping[str, str]
    ) -> tuple[Evidence, ...]:
        table = schema.evidence
        kept = []
        with self._ledger.writing() as connection:
            first = next_number(connection, table.c.number)
            for number, verdict in enumerate(verdicts, start=first):
                row = {
                    "number": number,
                    "id": f"e{number}",
                    "run": run,
                    "subject": subject,
                    "requirement": verdict.requirement,
                    "verdict": to_json(verdict).decode(),
                    "inputs": canonical_json(inputs).decode(),
                    **self._ledger.stamp().row(),
                }
                self._ledger.insert(connection, table, row, action="evidence kept", subject=f"e{number}")
                kept.append(_evidence_of(row))
        return tuple(kept)

    def of(
        self, *, run: str | None = None, subject: str | None = None, requirement: str | None = None
    ) -> tuple[Evidence, ...]:
        table = schema.evidence
        query = sa.select(table).order_by(table.c.number)
        wanted = ((table.c.run, run), (table.c.subject, subject), (table.c.requirement, requirement))
        for column, value in wanted:
            if value is not None:
                query = query.where(column == value)
        with self._ledger.catalog.reading() as connection:
            return tuple(_evidence_of(row) for row in connection.execute(query).mappings())


class CatalogLockbox:
    """`Lockbox` in the catalog."""

    def __init__(self, ledger: Ledger):
        self._ledger = ledger

    def record_look(self, split: str, *, run: str, reason: str) -> int:
        table = schema.looks
        with self._ledger.writing() as connection:
            row = {
                "number": next_number(connection, table.c.number),
                "split": split,
                "run": run,
                "reason": reason,
                **self._ledger.stamp().row(),
            }
            self._ledger.insert(connection, table, row, action="test part looked at", subject=split)
            count: int = connection.execute(sa.select(sa.func.count()).where(table.c.split == split)).scalar_one()
            return count

    def looks(self, split: str) -> tuple[Look, ...]:
        table = schema.looks
        query = sa.select(table).where(table.c.split == split).order_by(table.c.number)
        with self._ledger.catalog.reading() as connection:
            return tuple(
                Look(
                    split=row["split"],
                    run=row["run"],
                    reason=row["reason"],
                    at=schema.moment_of(row["at"]),
                    recorded=schema.moment_of(row["recorded"]),
                )
                for row in connection.execute(query).mappings()
            )


def _evidence_of(row: Mapping[str, object] | sa.RowMapping) -> Evidence:
    return Evidence(
        id=str(row["id"]),
        verdict=from_json(Verdict, str(row["verdict"])),
        subject=str(row["subject"]),
        run=str(row["run"]),
        inputs=json.loads(str(row["inputs"])),
        at=schema.moment_of(str(row["at"])),
        recorded=schema.moment_of(str(row["recorded"])),
    )
