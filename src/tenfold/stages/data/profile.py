"""What each column of the table holds, and how the rows keep their contract: one pass tells both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from tenfold.measures.contract.check import failing_rows
from tenfold.measures.contract.contract import Contract
from tenfold.measures.contract.read import contract_from_text
from tenfold.measures.states.column import Kind
from tenfold.measures.states.profile import ColumnProfile
from tenfold.measures.states.saved import SavedStates
from tenfold.measures.table_scan import TableScan, scan_table
from tenfold.records.dataset import Field, Finding
from tenfold.stages.data.options import DataOptions
from tenfold.stages.data.quarantine import Divided, after_dropping, divide


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Read:
    """The table as it was read, held against its contract.

    Attributes
    ----------
    rows : DataFrame
        The rows to go on with: without those in quarantine where these are dropped.
    scan : TableScan
        Of the table as it was read.
    quarantined : DataFrame
        Rows that break a rule, see `Divided`; dropped or not.
    """

    rows: pl.DataFrame
    scan: TableScan
    findings: tuple[Finding, ...]
    quarantined: pl.DataFrame | None = None
    dropped: int = 0


def profile_columns(table: pl.DataFrame, kinds: Mapping[str, Kind] | None = None) -> Mapping[str, ColumnProfile]:
    """Return the profile of every column of a canonical table."""
    return scan_table(table, kinds=kinds or {}).profiles


def kinds_of(table: pl.DataFrame, fields: Sequence[Field]) -> Mapping[str, Kind]:
    """Return what columns hold; a target in its final form may be of another kind than it was read as."""
    return {
        known.name: known.kind
        for known in fields
        if known.name in table.columns and _fits(known.kind, table.schema[known.name])
    }


def _fits(kind: Kind, dtype: pl.DataType) -> bool:
    words = kind in {"categorical", "text"}
    return words == (dtype == pl.String) and (kind == "boolean") == (dtype == pl.Boolean)


def hold_to_contract(read: pl.DataFrame, fields: Sequence[Field], options: DataOptions, now: datetime) -> Read:
    """Scan the table as it was read, and set aside the rows that break the user's contract.

    Raises
    ------
    DataError
        When the contract cannot be read, or asks for what cannot be computed.
    """
    contract = None if options.contract is None else contract_from_text(options.contract)
    kinds = kinds_of(read, fields)
    scan = scan_table(read, kinds=kinds, contract=contract, foreign=options.foreign, now=now)
    if contract is None or not scan.findings:
        return Read(rows=read, scan=scan, findings=scan.findings)
    return _set_aside(read, scan, contract, options)


def _set_aside(read: pl.DataFrame, scan: TableScan, contract: Contract, options: DataOptions) -> Read:
    failing = failing_rows(contract, read, foreign=options.foreign)
    if failing.is_empty():
        return Read(rows=read, scan=scan, findings=scan.findings)
    divided: Divided = divide(read, failing)
    if options.quarantine == "keep":
        return Read(rows=read, scan=scan, findings=scan.findings, quarantined=divided.quarantined)
    findings = after_dropping(scan.findings, divided, failing, at_most=options.quarantine_at_most, least=contract.rows)
    return Read(
        rows=divided.passed,
        scan=scan,
        findings=findings,
        quarantined=divided.quarantined,
        dropped=divided.quarantined.height,
    )


def scan_again(rows: pl.DataFrame, read: Read, fields: Sequence[Field], target: str) -> TableScan:
    """Return the scan of the rows to go on with: the first one, where no row was left out since.

    Of the columns only the target may have taken another form.
    """
    kinds = kinds_of(rows, fields)
    if rows.height != read.scan.rows:
        return scan_table(rows, kinds=kinds)
    if not target:
        return read.scan
    return read.scan.with_columns_of(scan_table(rows.select(target), kinds=kinds))


def saved_states(scan: TableScan) -> bytes:
    """Return the column states as JSON, for whoever compares this table with another one later."""
    return SavedStates(shapes=scan.shapes, state=scan.state).to_json()
