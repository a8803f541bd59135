"""What each column of the table holds, and how the rows keep their contract: one pass tells both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from tenfold.measures.contract.check import failing_rows
from tenfold.measures.contract.contract import Contract
from tenfold.measures.contract.read import contract_from_text
from tenfold.measures.states.column import Kind
from tenfold.measures.states.profile import ColumnProfile
from tenfold.measures.states.saved import SavedStates
from tenfold.measures.table_scan import TableScan, scan_parquet, scan_table
from tenfold.records.dataset import Field, Finding
from tenfold.records.problem import Problem
from tenfold.stages.data.options import DataOptions
from tenfold.stages.data.quarantine import Divided, after_dropping, divide
from tenfold.stages.data.target import in_final_form


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """The table that the rows to learn from were drawn from, and how."""

    whole: Path
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Read:
    """The table as it was read, held against its contract.

    Attributes
    ----------
    rows : DataFrame
        The rows to go on with: without those in quarantine where these are dropped.
    scan : TableScan
        Of the table as it was read.
    whole : TableScan or None
        Of all rows, where the table holds a sample of them.
    quarantined : DataFrame
        Rows that break a rule, see `Divided`; dropped or not.
    """

    rows: pl.DataFrame
    scan: TableScan
    findings: tuple[Finding, ...]
    quarantined: pl.DataFrame | None = None
    dropped: int = 0
    whole: TableScan | None = None


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


def hold_to_contract(
    read: pl.DataFrame, fields: Sequence[Field], options: DataOptions, sampled: Sampled | None = None
) -> Read:
    """Scan the table as it was read, and set aside the rows that break the user's contract.

    Where the table is a sample, the contract is held against all rows, and the quarantine holds rows of the sample.
    How old the rows are is not judged here: a result is kept while its rows grow old, see `with_age`.

    Raises
    ------
    DataError
        When the contract cannot be read, or asks for what cannot be computed.
    """
    contract = None if options.contract is None else contract_from_text(options.contract)
    kinds = kinds_of(read, fields)
    if sampled is None:
        whole, scan = None, scan_table(read, kinds=kinds, contract=contract, foreign=options.foreign)
    else:
        whole = scan_parquet(sampled.whole, kinds=kinds, contract=contract, foreign=options.foreign)
        scan = replace(scan_table(read, kinds=kinds), findings=whole.findings, newest=whole.newest)
    held = Read(rows=read, scan=scan, findings=scan.findings, whole=whole)
    if contract is None or not scan.findings:
        return held
    return _set_aside(held, contract, options)


def _set_aside(held: Read, contract: Contract, options: DataOptions) -> Read:
    failing = failing_rows(contract, held.rows, foreign=options.foreign)
    if failing.is_empty():
        return held
    divided: Divided = divide(held.rows, failing)
    if options.quarantine == "keep":
        return replace(held, quarantined=divided.quarantined)
    least = contract.rows if held.whole is None else 1
    findings = after_dropping(held.findings, divided, failing, at_most=options.quarantine_at_most, least=least)
    return replace(
        held,
        rows=divided.passed,
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


def scan_of_all(held: Read, scan: TableScan, sampled: Sampled, problem: Problem, fields: Sequence[Field]) -> TableScan:
    """Return the scan of all rows that a sample was drawn from, the target in its final form.

    Rows without a target and rows in quarantine are among them.
    """
    assert held.whole is not None
    if not problem.target or scan.state.columns[problem.target] is held.scan.state.columns[problem.target]:
        return held.whole
    target = pl.read_parquet(sampled.whole, columns=[problem.target])
    known = in_final_form(target[problem.target], problem).to_frame()
    return held.whole.with_columns_of(scan_table(known, kinds=kinds_of(known, fields)))


def saved_states(scan: TableScan) -> bytes:
    """Return the column states as JSON, for whoever compares this table with another one later."""
    return SavedStates(shapes=scan.shapes, state=scan.state).to_json()
