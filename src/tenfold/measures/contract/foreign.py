"""The keys of another table, as far as a foreign key needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

_BETWEEN = "\x1f"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKeys:
    """The distinct keys of a table: each its columns' values as words, joined by the unit separator; sorted."""

    keys: tuple[str, ...] = ()


def keys_of(table: pl.DataFrame | pl.LazyFrame, columns: Sequence[str]) -> ForeignKeys:
    """Return the distinct keys that a canonical table holds; rows that lack a part hold none."""
    words = table.lazy().select(key=key_words(columns)).collect()["key"].drop_nulls().unique().sort()
    return ForeignKeys(keys=tuple(words.to_list()))


def key_words(columns: Sequence[str]) -> pl.Expr:
    """Return the expression of a row's key as one word; null where a part is missing."""
    return pl.concat_str([pl.col(name).cast(pl.String) for name in columns], separator=_BETWEEN, ignore_nulls=False)
