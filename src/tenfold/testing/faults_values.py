"""Faults of single values: codes read as numbers, numbers that their type cannot hold, classes that are lost.

Every function takes a table, or rows, and gives back others; none changes its input. `check_*` plant one fault of a
seed and its clean twin, and say whether the fault was found with its column named, and whether the twin was left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from tenfold.bundle.signature import Signature
from tenfold.connectors.infer import infer_fields
from tenfold.foundation.errors import DataError
from tenfold.measures.states.scan import scan_column
from tenfold.measures.states.shape import shape_of
from tenfold.records.dataset import Column, Field
from tenfold.records.validation import Scheme
from tenfold.stages.data.overflow import find_overflow
from tenfold.stages.monitoring.overflow import find_overflown
from tenfold.stages.validation.rare_classes import find_rare_classes, folds_of_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What became of one seed: the fault was ``found`` with its column named; the clean twin raised an ``alarm``."""

    found: bool
    alarm: bool
    fault: str
    message: str = ""


def table_of(rng: np.random.Generator, rows: int = 2_000) -> pl.DataFrame:
    """Return a table as a text file holds it: codes, amounts, counts, dates and truths, all of them written."""
    days = rng.integers(0, 360, rows)
    return pl.DataFrame(
        {
            "zip_code": [f"{value:05}" for value in rng.integers(500, 99_999, rows)],
            "branch": [f"{value:03}" for value in rng.integers(1, 400, rows)],
            "amount": [f"{value:.2f}" for value in rng.gamma(2.0, rng.uniform(5, 50), rows)],
            "visits": [str(value) for value in rng.poisson(rng.uniform(3, 90), rows)],
            "flag": [str(value) for value in rng.integers(0, 2, rows)],
            "member": ["true" if value else "false" for value in rng.integers(0, 2, rows)],
            "joined": [f"{1 + day // 30:02}/{1 + day % 30 % 28:02}/2025" for day in days],
        }
    )


def lose_zeros(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Read codes as numbers, as a spreadsheet does: 001 is 1."""
    return rows.with_columns(pl.col(column).cast(pl.Int64))


def comma_for_point(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Write numbers with a decimal comma."""
    return rows.with_columns(pl.col(column).str.replace(".", ",", literal=True))


def two_digit_years(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Write the year with its last two digits."""
    return rows.with_columns(pl.col(column).str.replace(r"/20(\d\d)$", "/${1}"))


def truth_for_number(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Send true and false where 1 and 0 were meant."""
    return rows.with_columns(pl.col(column).cast(pl.Int64) == 1)


def number_for_truth(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Write 1 and 0 where true and false were."""
    return rows.with_columns(pl.when(pl.col(column) == "true").then(pl.lit("1")).otherwise(pl.lit("0")).alias(column))


COERCIONS: Mapping[str, tuple[Callable[[pl.DataFrame, str], pl.DataFrame], tuple[str, ...]]] = {
    "leading zeros": (lose_zeros, ("zip_code", "branch")),
    "decimal comma": (comma_for_point, ("amount",)),
    "two-digit years": (two_digit_years, ("joined",)),
    "truth for a number": (truth_for_number, ("flag",)),
    "a number for truth": (number_for_truth, ("member",)),
}


def check_coercion(seed: int) -> Held:
    """D8: send rows whose values were coerced on the way; they must be refused by the signature, the column named."""
    rng = np.random.default_rng([seed, 8])
    fault = list(COERCIONS)[seed % len(COERCIONS)]
    plant, columns = COERCIONS[fault]
    column = columns[int(rng.integers(len(columns)))]
    signature = Signature(fields=tuple(field for field, _ in infer_fields(table_of(rng))))
    sent = table_of(rng, rows=200)
    found = _refused(signature, plant(sent, column))
    return Held(
        found=f"'{column}'" in found, alarm=bool(_refused(signature, sent)), fault=f"{fault}, {column}", message=found
    )


def _refused(signature: Signature, rows: pl.DataFrame) -> str:
    try:
        signature.conform(rows)
    except DataError as error:
        return str(error)
    return ""


def wrap(values: np.ndarray, bits: int) -> np.ndarray:
    """Store whole numbers in a signed type of so many bits: what is too large turns negative."""
    return (values + 2.0 ** (bits - 1)) % 2.0**bits - 2.0 ** (bits - 1)


def below_zero(values: np.ndarray, by: float, bits: int) -> np.ndarray:
    """Take something off numbers in a type without a sign: what would be negative turns huge."""
    return (values - by) % 2.0**bits


def check_overflow_at_ingest(seed: int) -> Held:
    """D14: counts that wrapped around in 8, 16 or 32 bits, or went below zero, in the table that is learned from."""
    rng = np.random.default_rng([seed, 14])
    bits = int(rng.choice([8, 16, 32]))
    half = 2.0 ** (bits - 1)
    upper = seed % 2 == 0
    # Counts some of which lie above what a signed type holds; or small ones from which something is taken.
    clean = np.round(rng.gamma(4.0, half / 6, 2_000) if upper else rng.poisson(rng.uniform(1, 5), 2_000).astype(float))
    clean = np.minimum(clean, 1.4 * half)
    planted = wrap(clean, bits) if upper else below_zero(clean, float(rng.integers(1, 4)), bits)
    found = _told(planted)
    fault = f"{bits} bits, {'wrapped' if upper else 'below zero'}"
    return Held(found="'count'" in found, alarm=bool(_told(clean)), fault=fault, message=found)


def _told(values: np.ndarray) -> str:
    table = pl.DataFrame({"count": values})
    column = Column(field=Field(name="count", kind="numeric", integer=True), role="feature", reason="")
    return " ".join(finding.message for finding in find_overflow(table, [column]))


def check_overflow_in_production(seed: int) -> Held:
    """D14: infinite, huge and wrapped numbers in a few rows of a window; refused at the door, or told of the column."""
    rng = np.random.default_rng([seed, 15])
    scale = float(rng.choice([60.0, 20_000.0]))
    known = np.round(np.minimum(rng.gamma(3.0, scale / 3, 5_000), 2 * scale))
    today = np.round(np.minimum(rng.gamma(3.0, scale / 3, 400), 2 * scale))
    place = rng.integers(0, 400, 3)
    planted = today.copy()
    fault = ("infinity", "1e39", "wrapped", "below zero")[seed % 4]
    bits = 8 if scale == 60.0 else 16
    if fault == "infinity":
        planted[place] = np.inf
    elif fault == "1e39":
        planted[place] = 1e39
    elif fault == "wrapped":
        planted[place] = wrap(2.0 ** (bits - 1) + rng.integers(1, 20, 3), bits)
    else:
        planted[place] = below_zero(np.zeros(3), float(rng.integers(1, 9)), 2 * bits)
    found = _at_the_door(known, planted)
    return Held(found="'count'" in found, alarm=bool(_at_the_door(known, today)), fault=fault, message=found)


def _at_the_door(known: np.ndarray, now: np.ndarray) -> str:
    refused = _refused(Signature(fields=(Field(name="count", kind="numeric"),)), pl.DataFrame({"count": now}))
    if refused:
        return refused.replace("column 'count'", "'count'")
    shape = shape_of(pl.Series("count", known), "numeric")
    states = (scan_column(pl.Series("count", each), shape) for each in (now, known))
    return " ".join(finding.message for finding in find_overflown(shape, *states))


def drop_class(labels: np.ndarray, block: np.ndarray, *, code: int, fold: int) -> np.ndarray:
    """Return the folds with the rows of one class taken out of one of them: they stand in the next one instead."""
    moved = block.copy()
    moved[(labels == code) & (block == fold)] = (fold + 1) % (int(block.max()) + 1)
    return moved


def check_rare_class(seed: int) -> Held:
    """D21: a class that is missing from one of five folds, or from one month of a split in time."""
    rng = np.random.default_rng([seed, 21])
    classes = ("no", "perhaps", "yes")
    share = rng.uniform(0.03, 0.1)
    labels = rng.choice(3, 3_000, p=(1 - 2 * share, share, share))
    block = rng.permutation(np.arange(3_000) % 5).astype(np.int16)
    code, fold = int(rng.integers(1, 3)), int(rng.integers(0, 5))
    scheme: Scheme = "expanding" if seed % 2 else "kfold"
    lost = drop_class(labels, block, code=code, fold=fold)
    told = " ".join(find_rare_classes(labels, classes, folds_of_parts(lost, scheme)))
    clean = find_rare_classes(labels, classes, folds_of_parts(block, scheme))
    # A fold of a split in time measures the block after those it trains on: the first block measures nothing.
    named = f"'{classes[code]}'" in told
    return Held(found=named, alarm=bool(clean), fault=f"{scheme}, class {classes[code]}, fold {fold}", message=told)
