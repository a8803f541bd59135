"""Rows that break the contract, set aside with the rules that they break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from tenfold.records.dataset import Finding

QUARANTINED = "contract"
"""The reason under which quarantined rows are counted among those left out."""
ROW, RULES = "quarantine_row", "quarantine_rules"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Divided:
    """A table in two: every row of it is in one of them, in the order that it had.

    Attributes
    ----------
    passed : DataFrame
        The rows that break no rule.
    quarantined : DataFrame
        The others: ``quarantine_row`` (their number in the table, from 0), ``quarantine_rules`` (a list of the ids of
        the rules that they break), and the table's columns. A column of the table that has one of these names keeps it
        with an underscore in front of ours.
    """

    passed: pl.DataFrame
    quarantined: pl.DataFrame


def divide(table: pl.DataFrame, failing: pl.DataFrame) -> Divided:
    """Divide a table by what `failing_rows` says of it: columns ``row`` and ``rule``, in this order."""
    row, rules = (_free(name, table.columns) for name in (ROW, RULES))
    broken = failing.group_by("row", maintain_order=True).agg(pl.col("rule")).sort("row")
    rows = broken["row"]
    aside = table[rows].select(rows.alias(row), broken["rule"].alias(rules), pl.all())
    if rows.is_empty():
        return Divided(passed=table, quarantined=aside)
    kept = pl.Series([True]).new_from_index(0, table.height).scatter(rows, False)
    return Divided(passed=table.filter(kept), quarantined=aside)


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name = f"_{name}"
    return name


def after_dropping(
    findings: Sequence[Finding], divided: Divided, failing: pl.DataFrame, *, at_most: float, least: int
) -> tuple[Finding, ...]:
    """Return the findings once the quarantined rows are left out of the table.

    What no row that is left breaks does not stop a run any more. Too many rows set aside do: then it is the batch, or
    the contract, that is wrong.

    Parameters
    ----------
    at_most : float
        The share of rows that may be set aside.
    least : int
        The rows that the contract asks for.
    """
    gone = set(failing["rule"].unique())
    told = []
    for finding in findings:
        name = f"{finding.rule}:{finding.column}" if finding.column is not None else finding.rule
        if name in gone:
            severity = "warning" if finding.severity == "critical" else finding.severity
            told.append(replace(finding, severity=severity, message=f"{finding.message}; these rows are in quarantine"))
        else:
            told.append(finding)
    rows, left = divided.quarantined.height, divided.passed.height
    if rows > at_most * (rows + left):
        share = rows / (rows + left)
        text = f"{rows:,} rows ({share:.1%}) break the contract; at most {at_most:.1%} may be put in quarantine"
        told.insert(0, Finding(rule="quarantine", severity="critical", message=text, rows=rows))
    elif left < least:
        text = f"{left:,} rows are left outside of quarantine; the contract asks for {least:,} at least"
        told.insert(0, Finding(rule="rows", severity="critical", message=text, rows=left))
    return tuple(told)
