"""Proof that history is what it was when it was written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from tenfold.foundation.errors import StoreError
from tenfold.foundation.fingerprint import hash_file
from tenfold.store.catalog import schema
from tenfold.store.catalog.audit import EMPTY, FIRST_HASH, Ledger, link_hash, read_head, row_content
from tenfold.store.catalog.incidents import deliveries, incidents
from tenfold.store.catalog.labels import label_batches
from tenfold.store.catalog.results import referenced_blobs
from tenfold.store.catalog.windows import log_readings, window_parts, window_references, windows
from tenfold.store.files.blobs import FileBlobs
from tenfold.store.rows import AuditHead, VerifyReport


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vouched:
    """Rows for which the audit chain vouches: the action that wrote them, and how an entry names one."""

    table: sa.Table
    action: str
    subject: Callable[[sa.RowMapping], str]


_VOUCHED = (
    _Vouched(table=schema.runs, action="run closed", subject=lambda row: str(row["id"])),
    _Vouched(table=schema.run_stages, action="stage done", subject=lambda row: f"{row['run']}/{row['stage']}"),
    _Vouched(table=schema.evidence, action="evidence kept", subject=lambda row: str(row["id"])),
    _Vouched(table=schema.versions, action="version registered", subject=lambda row: f"{row['name']}@{row['number']}"),
    _Vouched(table=schema.aliases, action="alias moved", subject=lambda row: f"{row['name']}@{row['alias']}"),
    _Vouched(table=schema.releases, action="released", subject=lambda row: f"{row['endpoint']}/{row['revision']}"),
    _Vouched(table=schema.decisions, action="retraining decided", subject=lambda row: str(row["key"])),
    _Vouched(table=schema.traffic_looks, action="traffic looked at", subject=lambda row: f"t{row['number']}"),
    _Vouched(table=schema.batch_slots, action="batch slot", subject=lambda row: f"b{row['number']}"),
    _Vouched(table=schema.looks, action="test part looked at", subject=lambda row: str(row["split"])),
    _Vouched(table=log_readings, action="log read", subject=lambda row: f"{row['endpoint']}/{row['sequence']}"),
    _Vouched(table=window_parts, action="rows of a window", subject=lambda row: f"p{row['number']}"),
    _Vouched(table=windows, action="window looked at", subject=lambda row: f"w{row['number']}"),
    _Vouched(table=window_references, action="reference kept", subject=lambda row: f"r{row['number']}"),
    _Vouched(table=incidents, action="incident changed", subject=lambda row: f"n{row['number']}"),
    _Vouched(table=deliveries, action="alert sent", subject=lambda row: f"d{row['number']}"),
    _Vouched(table=label_batches, action="labels kept", subject=lambda row: f"l{row['number']}"),
)


def verify_history(ledger: Ledger, blobs: FileBlobs, *, anchor: AuditHead | None) -> VerifyReport:
    """Check the chain, the rows it vouches for, and every blob.

    ``anchor`` is a head that was carried elsewhere; the exported head beside the catalog is always checked.
    """
    try:
        return _verify(ledger, blobs, anchor)
    except StoreError as error:
        return VerifyReport(
            folder=str(ledger.head_path.parent), entries=0, head=EMPTY, first_bad=1, problems=(str(error),)
        )


def _verify(ledger: Ledger, blobs: FileBlobs, anchor: AuditHead | None) -> VerifyReport:
    with ledger.catalog.reading() as connection:
        rows = [
            dict(row) for row in connection.execute(sa.select(schema.audit).order_by(schema.audit.c.index)).mappings()
        ]
        first_bad, problems = _check_chain(rows)
        for name, head in (("exported head", read_head(ledger.head_path)), ("anchor", anchor)):
            if head is None:
                continue
            index, problem = _check_passes(rows, head, name)
            if index is not None:
                first_bad = index if first_bad is None else min(first_bad, index)
                problems.append(problem)
        problems.extend(_check_vouched(connection, rows))
        referenced = referenced_blobs(connection)
    names = blobs.names()
    problems.extend(f"blob {name[:12]} is missing" for name in sorted(referenced.keys() - set(names)))
    problems.extend(_check_blobs(blobs, names))
    head = AuditHead(index=len(rows), hash=str(rows[-1]["hash"]) if rows else FIRST_HASH)
    return VerifyReport(
        folder=str(ledger.head_path.parent),
        entries=len(rows),
        head=head,
        first_bad=first_bad,
        problems=tuple(problems),
        blobs=len(names),
    )


def _check_chain(rows: list[dict[str, object]]) -> tuple[int | None, list[str]]:
    """Return the index of the first entry that does not follow from the one before, with what is wrong there."""
    previous = FIRST_HASH
    for place, row in enumerate(rows, start=1):
        if row["index"] != place:
            return place, [f"audit entry {place} is missing"]
        if row["previous"] != previous:
            return place, [f"audit entry {place} does not follow the entry before it"]
        if row["hash"] != link_hash(row):
            return place, [f"audit entry {place} was changed after it was written"]
        previous = str(row["hash"])
    return None, []


def _check_passes(rows: list[dict[str, object]], head: AuditHead, name: str) -> tuple[int | None, str]:
    """Return where the chain stops agreeing with a head that was exported from it; None when it passes through."""
    if head.index > len(rows):
        return len(rows) + 1, f"audit entries {len(rows) + 1} to {head.index} are missing: the {name} knows of them"
    found = FIRST_HASH if head.index == 0 else rows[head.index - 1]["hash"]
    if found != head.hash:
        return head.index, f"audit entry {head.index} is not the one that the {name} knows: the chain was rebuilt"
    return None, ""


def _check_vouched(connection: sa.Connection, rows: list[dict[str, object]]) -> Iterator[str]:
    """Yield what differs between the histories and what the chain says was written."""
    entries = Counter((str(row["action"]), str(row["subject"]), _content_in(str(row["details"]))) for row in rows)
    for vouched in _VOUCHED:
        query = sa.select(vouched.table)
        if vouched.table is schema.runs:
            query = query.where(schema.runs.c.status != "running")
        found = Counter(
            (vouched.action, vouched.subject(row), row_content(dict(row)))
            for row in connection.execute(query).mappings()
        )
        written = Counter({entry: count for entry, count in entries.items() if entry[0] == vouched.action})
        lost = {subject for _, subject, _ in written - found}
        strange = {subject for _, subject, _ in found - written}
        name = vouched.table.name
        yield from (f"{name}: '{subject}' was changed after it was written" for subject in sorted(lost & strange))
        yield from (f"{name}: '{subject}' was deleted" for subject in sorted(lost - strange))
        yield from (f"{name}: '{subject}' was added from outside" for subject in sorted(strange - lost))


def _content_in(details: str) -> str:
    """Return the hash that an entry's details vouch for; empty for details that vouch for nothing, or were spoiled."""
    try:
        found = json.loads(details)
    except ValueError:
        return ""
    return str(found.get("content", "")) if isinstance(found, dict) else ""


def _check_blobs(blobs: FileBlobs, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if hash_file(blobs.place(name)) != name:
            yield f"blob {name[:12]} has other bytes than its name says"
