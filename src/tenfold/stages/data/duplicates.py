"""Rows that repeat others: copies, and copies that disagree on the target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
    number = pl.Series("copy", range(table.height), pl.UInt32)
    if not candidates.any():
        return Copies(number=number, repeated=0, by_chance=False)
    # Equal hashes are compared value by value: a row must never be called a copy by accident.
    firsts = (
        rows.with_columns(number.alias("__row"))
        .filter(candidates)
        .with_columns(pl.col("__row").first().over(names).alias("__first"))
    )
    numbers = number.to_frame().with_columns(copy=number.scatter(firsts["__row"], firsts["__first"]))["copy"]
    repeated = table.height - numbers.n_unique()
    return Copies(number=numbers, repeated=repeated, by_chance=not texts and _chance_explains(rows, numbers))


def _chance_explains(rows: pl.DataFrame, numbers: pl.Series) -> bool:
    """Whether independent columns with these values would give a good part of the equal pairs.

    How often two rows agree in a column is counted on distinct rows: copies must not explain themselves.
    """
    sizes = numbers.value_counts(name="size")["size"].cast(pl.Float64)
    seen = float((sizes * (sizes - 1) / 2).sum())
    distinct = rows.filter(numbers.is_first_distinct())
    log_expected = math.log(_pairs(rows.height))
    for name in rows.columns:
        counts = distinct[name].value_counts(name="__size")["__size"].cast(pl.Float64)
        agreeing = float((counts * (counts - 1) / 2).sum())
        # One pair more, so that a column in which no two agree does not settle it alone.
        log_expected += math.log((agreeing + 1) / (_pairs(distinct.height) + 1))
    return log_expected > math.log(_EXPLAINED_BY_CHANCE * seen)


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
