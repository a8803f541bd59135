"""What a person should know before a run, in one list: faults of the data, leaks, features; each with its remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from tenfold.engine.run import RunOutcome
from tenfold.measures.contract.age import FRESHNESS
from tenfold.measures.contract.contract import COLUMN_RULES, Severity
from tenfold.records.dataset import Dataset, Finding
from tenfold.records.features import FeaturePlan
from tenfold.records.problem import Problem
from tenfold.spec.schema import Spec
from tenfold.stages.data.quarantine import QUARANTINED, RULES

_GRAVITY = {"critical": 0, "warning": 1, "info": 2}
_CONTRACT_RULES = frozenset({*COLUMN_RULES, FRESHNESS, "volume", "rows", "column", "kind"})
_LEFT_OUT = frozenset(
    {
        *("missing", "near-constant", "many-levels", "twins", "ceiling", "mixed-types", "two-units", "hours-shifted"),
        *("personal-data", "missingness"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """One thing to know.

    Attributes
    ----------
    source : str
        ``contract``, ``data``, ``leak`` (a column that knows the answer) or ``features``.
    rule : str
        Which rule or detector says so.
    override : str
        The line that overrules it, or that mends it; empty where none does.
    """

    source: Literal["contract", "data", "leak", "features"]
    severity: Severity
    rule: str
    message: str
    column: str = ""
    override: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """The rows that break the contract.

    Attributes
    ----------
    rows, of : int
        How many there are, and of how many.
    dropped : int
        How many of them a run leaves out.
    by_rule : mapping of str to int
        A row that breaks several rules counts in each.
    override : str
        The line that decides whether they are left out.
    """

    rows: int
    of: int
    dropped: int
    by_rule: Mapping[str, int]
    override: str


def warnings_of(outcome: RunOutcome, dataset: Dataset | None, spec: Spec) -> tuple[Warned, ...]:
    """Return all warnings of the stages that were carried out, the gravest first, each once."""
    problem: Problem = outcome.results["problem"].record
    told = [] if dataset is None else [_of_data(each, spec) for each in dataset.findings]
    leaks = () if problem.feasibility is None else problem.feasibility.leaks
    told += [_leak(each.kind, each.severity, each.reason, each.column) for each in leaks]
    if "features" in outcome.results:
        plan: FeaturePlan = outcome.results["features"].record
        told += [_leak(each.kind, each.severity, each.reason, each.column) for each in plan.leak_details]
        told += [Warned(source="features", severity="info", rule="features", message=each) for each in plan.findings]
    once: dict[tuple[str, str], Warned] = {}
    for each in told:
        once.setdefault((each.column, each.message), each)
    return tuple(sorted(once.values(), key=lambda each: _GRAVITY[each.severity]))


def quarantine_of(outcome: RunOutcome, spec: Spec) -> Quarantine | None:
    """Return the rows that break the contract; None where there are none."""
    data = outcome.results.get("data")
    if data is None or not data.record.quarantined:
        return None
    dropped = data.record.dropped.get(QUARANTINED, 0)
    return Quarantine(
        rows=data.record.quarantined,
        of=data.record.rows + sum(data.record.dropped.values()),
        dropped=dropped,
        by_rule=_by_rule(data.files["quarantine.parquet"]),
        override=f"data: {{quarantine: {'keep' if spec.data.quarantine.rows == 'drop' else 'drop'}}}",
    )


def _by_rule(path: Path) -> dict[str, int]:
    names = pl.read_parquet_schema(path)
    column = next(name for name in names if name.lstrip("_") == RULES)
    counts = pl.read_parquet(path, columns=[column])[column].explode().value_counts(sort=True, name="rows")
    return dict(zip(counts[column].to_list(), counts["rows"].to_list(), strict=True))


def _leak(rule: str, severity: str, reason: str, column: str) -> Warned:
    override = f"data: {{columns: {{{column}: {{allow: true}}}}}}" if column else ""
    if rule == "group":
        override = "validation: {strategy: group}"
    grave: Severity = "critical" if severity == "block" else "warning"
    return Warned(source="leak", severity=grave, rule=rule, message=reason, column=column, override=override)


def _of_data(finding: Finding, spec: Spec) -> Warned:
    column = finding.column or ""
    of_contract = spec.data.contract is not None and (
        finding.rule in _CONTRACT_RULES - {"missing"} or ":" in finding.rule or finding.message.startswith("the rule '")
    )
    return Warned(
        source="contract" if of_contract or " break the rule '" in finding.message else "data",
        severity=finding.severity,
        rule=finding.rule,
        message=finding.message,
        column=column,
        override=_override(finding, column, spec, of_contract=of_contract),
    )


def _override(finding: Finding, column: str, spec: Spec, *, of_contract: bool) -> str:
    rule = finding.rule
    if of_contract or " break the rule '" in finding.message:
        part = f"columns: {{{column}: {{{rule}: …}}}}" if column and rule in COLUMN_RULES else rule
        return f"{spec.data.contract}: {part}"
    if rule == "duplicates":
        return "data: {duplicates: drop}"
    if rule == "quarantine":
        return "data: {quarantine: {rows: keep}}"
    if rule == "sample":
        return "data: {rows: all}"
    if rule == "stand-in":
        return f"data: {{columns: {{{column}: {{missing: [VALUE]}}}}}}"
    if rule == "ignored":
        return f"data: {{columns: {{{column}: {{role: feature}}}}}}"
    return f"data: {{columns: {{{column}: {{role: ignored}}}}}}" if column and rule in _LEFT_OUT else ""
