"""Columns that hold two kinds of things: numbers among words, dates among numbers, numbers with leading zeros."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tenfold.foundation.personal import mask_personal
from tenfold.records.dataset import Column, Finding

_MAJORITY = 0.7
_NUMBER = r"^[+-]?(\d{1,3}([.,]\d{3})+|\d+)([.,]\d+)?([eE][+-]?\d+)?$"
_DATE = r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([ T].*)?$"
_WITH_UNIT = r"^[+-]?\d+([.,]\d+)? ?([a-zA-Z%€$£°]{1,4}|°[CF])$"
_SHOWN = 3


def find_mixed(table: pl.DataFrame, columns: Sequence[Column]) -> list[Finding]:
    """Return the columns of strings most of which are numbers or dates, with what the others are."""
    found = []
    for column in columns:
        values = table[column.name]
        if values.dtype != pl.String or column.field.kind == "text" or column.role == "ignored":
            continue
        present = values.drop_nulls()
        if not len(present):
            continue
        for what, pattern in (("numbers", _NUMBER), ("dates", _DATE), ("numbers with a unit", _WITH_UNIT)):
            fits = present.str.contains(pattern)
            share = float(fits.mean() or 0.0)  # type: ignore[arg-type]  # a mean of truths
            if not _MAJORITY <= share < 1.0:
                continue
            odd = present.filter(~fits).unique(maintain_order=True)
            named = ", ".join(f"'{mask_personal(str(value))[:30]}'" for value in odd.head(_SHOWN))
            message = (
                f"'{column.name}' mixes kinds: {share:.1%} of its values are {what}, and"
                f" {len(present) - int(fits.sum()):,} are not ({named}); name these as missing with"
                f" `data: {{columns: {{{column.name}: {{missing: [...]}}}}}}`, or its kind with `{{kind: categorical}}`"
            )
            rows = len(present) - int(fits.sum())
            found.append(
                Finding(rule="mixed-types", severity="warning", message=message, column=column.name, rows=rows)
            )
            break
    return found
