"""What tables say of each other: their keys, their times, and which columns of one find rows of another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import polars as pl

from tenfold.records.dataset import Field

# A key may be broken by a few rows: two readings of an hour that the clock showed twice.
_LARGEST_REPEATED = 0.001
_MOST_KEYS = 3
_MOST_PAIRED = 8
_FEWEST_WORDS = 3
_SHARE_BY_NAME = 0.5
_SHARE_BY_VALUES = 0.9
_ANY_TABLES = frozenset({"id", "key", "code", "name", "no", "nr", "num", "number", "index", "uuid"})
_ID = re.compile(r"(^|_)(id|key|no|nr|num|number|code|uuid)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Columns that name a row; ``repeated`` counts the rows that have the key of an earlier one."""

    columns: tuple[str, ...]
    repeated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A table as it was looked at: its canonical rows, its columns and its keys."""

    name: str
    path: Path
    fields: tuple[Field, ...]
    rows: int
    keys: tuple[Key, ...] = ()

    @property
    def times(self) -> tuple[str, ...]:
        """The columns of times."""
        return tuple(field.name for field in self.fields if field.kind == "datetime")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Columns of one table that find rows of another; ``share`` of the rows that could find one do.

    ``time`` is the column of the other table that says when its rows happened, where it is part of its key: such rows
    join as they were known.
    """

    table: str
    columns: tuple[str, ...]
    other: str
    other_columns: tuple[str, ...]
    share: float
    time: str | None = None


def find_keys(path: Path, fields: Sequence[Field], rows: int) -> tuple[Key, ...]:
    """Return the keys of a table: single columns, else pairs, names such as ``id`` first.

    Columns with missing values, fractions and texts are none.
    """
    table = pl.scan_parquet(path)
    able = [field.name for field in fields if field.kind in {"categorical", "datetime"} or field.integer]
    if not able or not rows:
        return ()
    counts = table.select(
        *(pl.col(name).n_unique().alias(name) for name in able),
        *(pl.col(name).null_count().alias(f"{name}\0") for name in able),
    ).collect(engine="streaming")
    distinct = {name: counts[name][0] for name in able if not counts[f"{name}\0"][0]}
    single = [Key(columns=(name,)) for name, count in distinct.items() if count == rows]
    if single:
        return tuple(sorted(single, key=lambda key: not _ID.search(key.columns[0])))[:_MOST_KEYS]
    # Only columns that tell enough rows apart together can be a key.
    likely = sorted(distinct, key=lambda name: -distinct[name])[:_MOST_PAIRED]
    order = [field.name for field in fields]
    pairs = [sorted(pair, key=order.index) for pair in combinations(likely, 2)]
    pairs = [pair for pair in pairs if distinct[pair[0]] * distinct[pair[1]] >= rows]
    found = []
    for pair in pairs:
        count = table.select(pl.struct(pair).n_unique()).collect(engine="streaming").item()
        if rows - count <= _LARGEST_REPEATED * rows:
            found.append(Key(columns=tuple(pair), repeated=rows - count))
    return tuple(sorted(found, key=lambda key: key.repeated))[:_MOST_KEYS]


def find_links(tables: Sequence[Looked]) -> tuple[Link, ...]:
    """Return which columns find rows of other tables by their keys, the surest first.

    Numbers link only where the names say so, as any two counters share their values; words also where nearly all of
    them are found.
    """
    links = []
    for table in tables:
        for other in tables:
            if other.name == table.name:
                continue
            for key in other.keys:
                links += _by_key(table, other, key.columns)
    best: dict[tuple[str, tuple[str, ...], str], Link] = {}
    for link in sorted(links, key=lambda each: -each.share):
        best.setdefault((link.table, link.columns, link.other), link)
    return tuple(best.values())


def _by_key(table: Looked, other: Looked, key: tuple[str, ...]) -> list[Link]:
    own = {field.name: field for field in table.fields}
    theirs = {field.name: field for field in other.fields}
    candidates: list[tuple[str, ...]] = []
    if all(theirs[name].kind == "datetime" for name in key):
        return []
    if len(key) == 1:
        (column,) = key
        candidates = [(name,) for name, field in own.items() if _alike(field, theirs[column])]
    elif all(name in own and own[name].kind == theirs[name].kind for name in key):
        candidates = [key]
    links = []
    for columns in candidates:
        named = len(columns) > 1 or _names_agree(columns[0], key[0], other.name)
        if not named and own[columns[0]].kind != "categorical":
            continue
        share, distinct = _share(table, columns, other, key)
        if (named and share >= _SHARE_BY_NAME) or (share >= _SHARE_BY_VALUES and distinct >= _FEWEST_WORDS):
            time = next((name for name in key if theirs[name].kind == "datetime"), None)
            links.append(
                Link(table=table.name, columns=columns, other=other.name, other_columns=key, share=share, time=time)
            )
    return links


def _alike(one: Field, other: Field) -> bool:
    return one.kind == other.kind and one.integer == other.integer


def _names_agree(column: str, key: str, table: str) -> bool:
    """Whether a name says that it stands for a key: the same, or the table's name with it (``customer_id``)."""
    plain, target = column.casefold(), key.casefold()
    stem = Path(table.rpartition(":")[2]).stem.casefold()
    singular = stem.removesuffix("s")
    # Every table has an id of its own: equal names say nothing then.
    if plain == target:
        return plain not in _ANY_TABLES
    return plain in {f"{singular}_{target}", f"{stem}_{target}", f"{singular}{target}", singular}


def _share(table: Looked, columns: Sequence[str], other: Looked, key: Sequence[str]) -> tuple[float, int]:
    """Return the share of the rows that have these values and find a row by them, and how many values there are."""
    counted = pl.scan_parquet(table.path).select(columns).drop_nulls().group_by(columns).len("__rows")
    keys = pl.scan_parquet(other.path).select(key).unique()
    found = counted.join(keys.with_columns(__found=True), left_on=list(columns), right_on=list(key), how="left")
    sums = found.select(
        every=pl.col("__rows").sum(),
        met=pl.col("__rows").filter(pl.col("__found").is_not_null()).sum(),
        distinct=pl.len(),
    ).collect(engine="streaming")
    every, met, distinct = sums.row(0)
    return (met / every if every else 0.0), int(distinct)


def largest_with_links(tables: Mapping[str, Looked], links: Sequence[Link]) -> str | None:
    """Return the table that others can be put beside: the one that finds rows in most, the largest of these."""
    begins = {name: len({link.other for link in links if link.table == name}) for name in tables}
    if not any(begins.values()):
        return None
    return max(tables, key=lambda name: (begins[name], tables[name].rows))
