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
MOST_PAIRED = 8
"""How many columns of a table are tried in pairs, those with the most values, where no single one is a key."""
_FEWEST_WORDS = 3
# Two tables that share a column without a key: only where it tells rows apart like the name of a person or a thing.
_FEWEST_VALUES = 20
_FEWEST_EACH = 1.05
_LARGEST_EACH = 0.05
_MOST_MANY = 20
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """Rows of another table that belong to a row, several of them: what could be aggregated.

    ``share`` of the rows that could find some do, ``each`` of them ``each`` rows on average; ``time`` is the column of
    the other table that says when its rows happened, None where it has none.
    """

    table: str
    columns: tuple[str, ...]
    other: str
    other_columns: tuple[str, ...]
    share: float
    each: float
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
    likely = sorted(distinct, key=lambda name: -distinct[name])[:MOST_PAIRED]
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


def find_many(tables: Sequence[Looked], links: Sequence[Link]) -> tuple[Many, ...]:
    """Return which rows of a table have many rows of another, the surest first.

    They are the other side of each link, and tables that have a column of the same name, a key of neither.
    """
    by_name = {table.name: table for table in tables}
    asked = [(link.other, link.other_columns, link.table, link.columns) for link in links if link.time is None]
    for table in tables:
        for other in tables:
            if other.name != table.name:
                asked += [(table.name, (name,), other.name, (name,)) for name in _shared(table, other)]
    found = []
    for name, columns, other_name, other_columns in dict.fromkeys(asked):
        many = _many(by_name[name], columns, by_name[other_name], other_columns)
        if many is not None:
            found.append(many)
    return tuple(sorted(found, key=lambda many: (-many.share, many.table, many.other)))[:_MOST_MANY]


def _shared(table: Looked, other: Looked) -> list[str]:
    """Return the columns that both have and that could name the same things, the keys of either aside."""
    theirs = {field.name: field for field in other.fields}
    keys = {key.columns for key in (*table.keys, *other.keys)}
    return [
        field.name
        for field in table.fields
        if field.name in theirs
        and (field.name,) not in keys
        and field.name.casefold() not in _ANY_TABLES
        and _alike(field, theirs[field.name])
        and (field.kind == "categorical" or (field.integer and _ID.search(field.name)))
    ]


def _many(table: Looked, columns: tuple[str, ...], other: Looked, other_columns: tuple[str, ...]) -> Many | None:
    counted = pl.scan_parquet(other.path).select(other_columns).drop_nulls().group_by(other_columns).len("__each")
    asked = pl.scan_parquet(table.path).select(columns).drop_nulls()
    met = asked.join(counted, left_on=list(columns), right_on=list(other_columns), how="left").select(
        share=pl.col("__each").is_not_null().mean(), each=pl.col("__each").mean()
    )
    share, each = met.collect(engine="streaming").row(0)
    distinct = int(counted.select(pl.len()).collect(engine="streaming").item())
    is_key = any(key.columns == columns for key in table.keys)
    if share is None or each is None or share < _SHARE_BY_NAME or each < _FEWEST_EACH:
        return None
    if not is_key and (distinct < _FEWEST_VALUES or each > _LARGEST_EACH * other.rows):
        return None
    time = next((name for name in other.times if name not in other_columns), None)
    return Many(
        table=table.name,
        columns=columns,
        other=other.name,
        other_columns=other_columns,
        share=round(float(share), 6),
        each=round(float(each), 3),
        time=time,
    )


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
