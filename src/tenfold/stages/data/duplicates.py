"""Rows that repeat others: copies, and copies that disagree on the target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

# Of the equal pairs seen, the share that chance must be able to explain before they count as chance.
_EXPLAINED_BY_CHANCE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Rows equal in every column but identifiers.

    Attributes
    ----------
    number : polars.Series of UInt32, length n_rows
        The same number for rows that are equal.
    repeated : int
        Rows that repeat an earlier one.
    by_chance : bool
        The columns hold so few values that rows are equal by chance: then they are no copies of one another.
    """

    number: pl.Series
    repeated: int
    by_chance: bool

    @property
    def first(self) -> pl.Series:
        """Whether a row is the first of its kind."""
        return self.number == pl.int_range(len(self.number), dtype=pl.UInt32, eager=True)


def find_copies(table: pl.DataFrame, *, leaving_out: Sequence[str] = (), texts: Sequence[str] = ()) -> Copies:
    """Find the rows that are equal in every column but ``leaving_out``.

    ``texts`` are columns of free text, which is never equal by chance.
    """
    names = [name for name in table.columns if name not in set(leaving_out)]
    if not names:
        names = table.columns
    rows = table.select(names)
    hashed = rows.hash_rows()
    candidates = hashed.is_duplicated()
    number = pl.int_range(table.height, dtype=pl.UInt32, eager=True).alias("copy")
    if not candidates.any():
        return Copies(number=number, repeated=0, by_chance=False)
    # Equal hashes are compared value by value: a row must never be called a copy by accident.
    firsts = (
        rows.with_columns(number.alias("__row"))
        .filter(candidates)
        .with_columns(pl.col("__row").first().over(names).alias("__first"))
    )
    numbers = number.to_frame().with_columns(copy=number.scatter(firsts["__row"], firsts["__first"]))["copy"]
    repeated = int((firsts["__first"] != firsts["__row"]).sum())
    found = Copies(number=numbers, repeated=repeated, by_chance=False)
    return replace(found, by_chance=not texts and _chance_explains(rows, found))


def _chance_explains(rows: pl.DataFrame, copies: Copies) -> bool:
    """Whether independent columns with these values would give a good part of the equal pairs.

    How often two rows agree in a column is counted on distinct rows: copies must not explain themselves.
    """
    kept = copies.first
    sizes = copies.number.filter(~kept).value_counts(name="size")["size"].cast(pl.Float64) + 1
    seen = float((sizes * (sizes - 1) / 2).sum())
    among = _pairs(int(kept.sum()))
    log_expected, enough = math.log(_pairs(rows.height)), math.log(_EXPLAINED_BY_CHANCE * seen)
    for name in rows.columns:
        # Another column only makes equal pairs rarer.
        if log_expected <= enough:
            return False
        agreeing = _agreeing(rows[name].filter(kept))
        # One pair more, so that a column in which no two agree does not settle it alone.
        log_expected += math.log((agreeing + 1) / (among + 1))
    return log_expected > enough


def _agreeing(values: pl.Series) -> float:
    """Return how many pairs of values are equal; missing ones are equal to each other."""
    if values.dtype == pl.Float64:
        # Numbers are mostly distinct: sorting them costs far less than counting each.
        ordered = np.sort(values.drop_nulls().to_numpy())
        ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
        sizes = np.append(np.diff(ends, prepend=-1), values.null_count()).astype(np.float64)
        return float((sizes * (sizes - 1) / 2).sum())
    counts = values.value_counts(name="__size")["__size"].cast(pl.Float64)
    return float((counts * (counts - 1) / 2).sum())


def _pairs(count: int) -> float:
    return count * (count - 1) / 2


def conflicting_rows(table: pl.DataFrame, target: str, *, leaving_out: Sequence[str] = ()) -> int:
    """Return the number of rows whose features equal those of a row with another target."""
    names = [name for name in table.columns if name != target and name not in set(leaving_out)]
    if not names:
        return 0
    keyed = pl.DataFrame({"key": table.select(names).hash_rows(), "target": table[target]})
    groups = keyed.group_by("key").agg(size=pl.len(), labels=pl.col("target").n_unique())
    return int(groups.filter(pl.col("labels") > 1)["size"].sum())
