"""Columns that hold personal data, and columns' descriptions without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from tenfold.foundation.personal import find_hidden, find_personal, mask_personal
from tenfold.records.dataset import Column, Finding

_LOOKED_AT = 1_000
_FEWEST = 2
_SHARE = 0.005
_WHOLE_FROM = 1e10
_WHOLE_TO = 2.0**53


def find_personal_data(table: pl.DataFrame, columns: Sequence[Column]) -> list[Finding]:
    """Return which columns hold personal data, of which kind, in which share of a sample of their distinct values."""
    findings = []
    for column in columns:
        values = _texts(table[column.name], column)
        counts: dict[str, int] = {}
        for value in values:
            for kind in (*find_personal(value), *find_hidden(value)):
                counts[kind] = counts.get(kind, 0) + 1
        least = 1 if column.field.personal in {"some", "most"} else max(_FEWEST, _SHARE * len(values))
        told = {kind: count for kind, count in counts.items() if count >= least and column.field.personal != "codes"}
        if not told:
            continue
        if column.field.kind == "numeric":
            # Numbers fit check digits by chance: one card number in ten, one PESEL in ten.
            told = {kind: count for kind, count in told.items() if count >= 0.8 * len(values)}
        if not told:
            continue
        kinds = ", ".join(f"{kind} ({count:,})" for kind, count in sorted(told.items()))
        message = (
            f"'{column.name}' holds personal data: {kinds} among {len(values):,} values looked at; {_remedy(column)}"
        )
        findings.append(
            Finding(
                rule="personal-data", severity="warning", message=message, column=column.name, rows=max(told.values())
            )
        )
    return findings


def _remedy(column: Column) -> str:
    file = f"`data: {{columns: {{{column.name}: {{role: %s}}}}}}`"
    if column.field.kind == "text":
        return f"their kinds stand for them wherever the text goes. To leave it out: {file % 'ignored'}"
    if column.field.kind == "numeric":
        return f"they are masked in what is told. To leave it out: {file % 'ignored'}"
    if column.role == "id" and column.field.personal == "most":
        return (
            "pseudonyms stand for them in all that is kept, and no model reads them. To let it read the pseudonyms:"
            f" {file % 'feature'}"
        )
    return f"pseudonyms stand for them in all that is kept, also in the model. To leave it out: {file % 'ignored'}"


def without_personal_data(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return the columns' descriptions with personal data masked in the values that they show."""
    return tuple(
        replace(column, top=tuple((mask_personal(value), count) for value, count in column.top))
        if column.top and any(mask_personal(value) != value for value, _ in column.top)
        else column
        for column in columns
    )


def masked(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings with personal data masked in what they tell."""
    return tuple(replace(finding, message=mask_personal(finding.message)) for finding in findings)


def _texts(values: pl.Series, column: Column) -> list[str]:
    if values.dtype == pl.String:
        return values.drop_nulls().unique(maintain_order=True).head(_LOOKED_AT).to_list()
    if column.field.kind == "numeric" and column.field.integer and values.dtype.is_numeric():
        known = values.drop_nulls()
        long = known.filter((known >= _WHOLE_FROM) & (known <= _WHOLE_TO))
        if len(long) >= 0.9 * max(len(known), 1) and len(long) >= 20:
            return [str(int(value)) for value in long.unique(maintain_order=True).head(_LOOKED_AT)]
    return []
