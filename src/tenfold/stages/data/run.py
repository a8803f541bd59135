"""The data stage: the table made ready, its columns understood, its faults told, its contract written."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from tenfold.foundation.context import Received, StageContext, StageResult
from tenfold.foundation.events import Event, EventKind
from tenfold.foundation.fingerprint import hash_bytes
from tenfold.measures.contract.infer import infer_contract
from tenfold.measures.contract.text import contract_to_text
from tenfold.measures.states.profile import ColumnProfile
from tenfold.measures.table_scan import TableScan
from tenfold.records.dataset import Column, Dataset, Field, Finding, Source, Whole
from tenfold.records.problem import Problem
from tenfold.stages.data.detect import detect
from tenfold.stages.data.duplicates import Copies, conflicting_rows, find_copies
from tenfold.stages.data.findings import find_faults
from tenfold.stages.data.options import ColumnOptions, DataOptions
from tenfold.stages.data.personal_data import masked, without_personal_data
from tenfold.stages.data.profile import Sampled, hold_to_contract, saved_states, scan_again, scan_of_all
from tenfold.stages.data.quarantine import QUARANTINED
from tenfold.stages.data.roles import Part, assign_roles
from tenfold.stages.data.target import MISSING_TARGET, with_target

TABLE_FILE = "table.parquet"
COPIES_FILE = "copies.parquet"
QUARANTINE_FILE = "quarantine.parquet"
STATES_FILE = "states.json"
_ROW_GROUP = 131_072


def run(  # noqa: PLR0917  # a stage takes its inputs in the order in which they come about
    problem: Received[Problem],
    table: Path,
    fields: Sequence[Field],
    sources: Sequence[Source],
    options: DataOptions,
    ctx: StageContext,
    *,
    sampled: Sampled | None = None,
) -> StageResult[Dataset]:
    """Prepare the canonical table that `connectors.ingest` wrote.

    Where the table is a sample of a larger one, that one is profiled, counted and held to the contract, too.
    Rows without a target are left out and counted; where the problem names no target, the table is only looked at.
    Payload: ``table.parquet``, the rows in source order, the target in its final form (String labels or Float64);
    ``states.json``, the columns counted, to compare another table with; ``copies.parquet`` when rows repeat each other:
    one column, the same number for equal rows; ``quarantine.parquet`` when rows break the contract, see `Divided`.

    Raises
    ------
    DataError
        When the target cannot be learned, or a declared column does not exist.
    """
    task = problem.record
    read = pl.read_parquet(table)
    held = hold_to_contract(read, fields, options, sampled)
    rows, without_target = with_target(held.rows, task) if task.target else (held.rows, 0)
    scan = scan_again(rows, held, fields, task.target)
    profiles = scan.profiles
    parts = assign_roles(rows, fields, profiles, task, options.columns)
    identifiers = [name for name, part in parts.items() if part.role in {"id", "ignored"}]
    texts = [known.name for known in fields if known.kind == "text"]
    copies = find_copies(rows, leaving_out=identifiers, texts=texts)
    dropped = {QUARANTINED: held.dropped} if held.dropped else {}
    if without_target:
        dropped[MISSING_TARGET] = without_target
    if options.duplicates == "drop" and copies.repeated:
        rows = rows.filter(copies.first)
        dropped["duplicate"] = copies.repeated
        scan = scan_again(rows, held, fields, task.target)
        profiles, copies = scan.profiles, find_copies(rows, leaving_out=identifiers, texts=texts)

    conflicting = 0
    if task.target and task.task != "regression":
        conflicting = conflicting_rows(rows, task.target, leaving_out=identifiers)
    columns = tuple(_column(known, parts[known.name], profiles[known.name], options) for known in fields)
    whole = None
    if sampled is not None:
        of_all = scan_of_all(held, scan, sampled, task, fields)
        whole = _whole(of_all, columns, options, sampled)
        scan = of_all
    findings = find_faults(rows, columns, task, copies, conflicting=conflicting)
    detected = detect(rows, columns, copies, target=task.target, rng=ctx.rng)
    columns, findings = without_personal_data(columns), masked((*findings, *detected.findings))
    content = _parquet(rows)
    dataset = Dataset(
        rows=rows.height,
        columns=columns,
        sources=tuple(sources),
        snapshot=hash_bytes(content),
        dropped=dropped,
        duplicate_rows=copies.repeated,
        findings=(*_told_of_sample(rows.height, whole), *findings, *held.findings),
        contract=options.contract,
        quarantined=0 if held.quarantined is None else held.quarantined.height,
        whole=whole,
        newest={name: moment.isoformat() for name, moment in held.scan.newest.items()},
    )
    if dataset.contract is None:
        seen = dataset if whole is None else replace(dataset, rows=whole.rows, columns=whole.columns)
        dataset = replace(dataset, contract=contract_to_text(infer_contract(seen)))
    for finding in dataset.findings:
        kind: EventKind = "note" if finding.severity == "info" else "warning"
        ctx.events.emit(Event(kind=kind, stage="data", message=finding.message, facts={"rule": finding.rule}))
    files = {TABLE_FILE: content, STATES_FILE: saved_states(scan), **_copies_payload(copies), **detected.files}
    if held.quarantined is not None:
        files[QUARANTINE_FILE] = _parquet(held.quarantined)
    return StageResult(record=dataset, files=files)


def _whole(scan: TableScan, columns: Sequence[Column], options: DataOptions, sampled: Sampled) -> Whole:
    """Return what the columns hold over all rows, in the parts that they play for the sample."""
    described = tuple(
        _column(
            column.field,
            Part(role=column.role, reason=column.reason),
            scan.profiles[column.name],
            options,
        )
        for column in columns
    )
    return Whole(rows=scan.rows, columns=without_personal_data(described), reason=sampled.reason)


def _told_of_sample(rows: int, whole: Whole | None) -> tuple[Finding, ...]:
    if whole is None:
        return ()
    text = (
        f"of {whole.rows:,} rows {rows:,} are learned from: {whole.reason}; profile, contract and states are of all."
        " `data: {rows: all}` learns from every row, a number from so many"
    )
    return (Finding(rule="sample", severity="info", message=text, rows=rows),)


def _column(known: Field, part: Part, profile: ColumnProfile, options: DataOptions) -> Column:
    declared = options.columns.get(known.name, ColumnOptions())
    notes = part.notes
    if profile.first is not None and profile.last is not None:
        notes += (f"from {profile.first} to {profile.last}",)
    return Column(
        field=known,
        role=part.role,
        reason=part.reason,
        available=declared.available or "now",
        impute=declared.impute,
        scale=declared.scale,
        missing=profile.missing,
        distinct=profile.distinct,
        low=profile.low,
        high=profile.high,
        mean=profile.mean,
        deviation=profile.deviation,
        quartiles=profile.quartiles,
        histogram=profile.histogram,
        top=profile.top,
        notes=notes,
    )


def _parquet(rows: pl.DataFrame) -> bytes:
    """Return a table as Parquet; the same rows give the same bytes."""
    sink = io.BytesIO()
    rows.rechunk().write_parquet(sink, compression="zstd", row_group_size=_ROW_GROUP, statistics=True)
    return sink.getvalue()


def _copies_payload(copies: Copies) -> Mapping[str, bytes]:
    if not copies.repeated or copies.by_chance:
        return {}
    return {COPIES_FILE: _parquet(copies.number.to_frame())}
