"""What the detectors find in a table that was made ready: told with reason, rows and remedy."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tenfold.records.dataset import Column, Finding
from tenfold.stages.data.duplicates import Copies
from tenfold.stages.data.hours import find_clocks_ahead, find_shifted_hours
from tenfold.stages.data.missingness import find_missingness
from tenfold.stages.data.mixed import find_mixed
from tenfold.stages.data.near_rows import MOST_ROWS, NOBODY, find_near_rows, join_pairs
from tenfold.stages.data.near_texts import find_near_texts
from tenfold.stages.data.overflow import find_overflow
from tenfold.stages.data.personal_data import find_personal_data
from tenfold.stages.data.stand_ins import find_stand_ins
from tenfold.stages.data.units import find_two_units

COPIES_FILE = "copies.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """Findings, and payload files by name.

    ``copies.parquet`` numbers the rows that are copies, exact or near: the split keeps them together.
    """

    findings: tuple[Finding, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


def detect(
    table: pl.DataFrame, columns: Sequence[Column], copies: Copies, *, target: str, rng: np.random.Generator
) -> Detected:
    """Look for near copies, stand-ins for missing, mixed kinds and units, moved hours, holes, overflow, personal data.

    Messages hold no personal data: what rows held is masked.
    """
    near, files = _near_copies(table, columns, copies, rng)
    findings = [
        *near,
        *find_stand_ins(table, columns),
        *find_mixed(table, columns),
        *find_two_units(table, columns),
        *find_shifted_hours(table, columns, rng),
        *find_clocks_ahead(table, columns),
        *find_missingness(table, columns, target),
        *find_overflow(table, columns),
        *find_personal_data(table, columns),
    ]
    return Detected(findings=tuple(findings), files=files)


def _near_copies(
    table: pl.DataFrame, columns: Sequence[Column], copies: Copies, rng: np.random.Generator
) -> tuple[list[Finding], Mapping[str, bytes]]:
    compared = [column for column in columns if column.role not in {"id", "ignored"}]
    numeric = [column.name for column in compared if column.field.kind == "numeric"]
    texts = [column.name for column in compared if column.field.kind == "text"]
    others = [column.name for column in compared if column.name not in {*numeric, *texts}]
    found: list[Finding] = []
    joined = [NOBODY.pairs]
    rows = find_near_rows(table, numeric, others + texts, rng)
    if rows.rows:
        message = (
            f"{rows.rows:,} rows ({rows.rows / table.height:.1%}) nearly repeat another: the same words, and numbers"
            " closer than chance brings about; they stay on one side of a shuffled split"
        )
        found.append(Finding(rule="near-duplicates", severity="warning", message=message, rows=rows.rows))
        joined.append(rows.pairs)
    if table.height > MOST_ROWS:
        message = f"near copies of rows are looked for in tables of up to {MOST_ROWS:,} rows: not here"
        found.append(Finding(rule="near-duplicates", severity="info", message=message))
    for name in texts:
        alike = find_near_texts(table[name], rng)
        if not alike.rows:
            continue
        share = alike.rows / table.height
        message = (
            f"{alike.rows:,} texts of '{name}' ({share:.1%}) nearly repeat another; they stay on one side of a split"
        )
        severity = "warning" if share >= 0.01 else "info"
        found.append(
            Finding(rule="near-texts", severity=severity, message=message, column=name, rows=alike.rows)  # type: ignore[arg-type]  # one of the two
        )
        joined.append(alike.pairs)
    pairs = np.concatenate(joined)
    if not len(pairs):
        return found, {}
    exact = None if copies.by_chance else copies.number.cast(pl.Int64).to_numpy()
    numbers = pl.DataFrame({"copy": join_pairs(pairs, table.height, exact)}, schema={"copy": pl.UInt32})
    sink = io.BytesIO()
    numbers.write_parquet(sink, compression="zstd")
    return found, {COPIES_FILE: sink.getvalue()}
