"""From canonical tables to what is aggregated: keys as numbers, times as microseconds, what lies one level deeper."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from tenfold.connectors.aggregates.plan import Aggregate, Plan, columns_used, plan_features
from tenfold.connectors.aggregates.related import BLANK, NEVER, UNSEEN, Inner, Related
from tenfold.connectors.aggregates.values import Places, Values, values_of
from tenfold.connectors.timed import KEY, ROW, Joined, Timed, key_numbers, key_words, moments_of, need, times_of
from tenfold.foundation.errors import DataError
from tenfold.records.dataset import Kind

_HAPPENED, _KNOWN, _ENDS, _ID = "__happened", "__known", "__ends", "__id"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Beside:
    """What an inner source brings beside the rows of the outer one: columns that stay, and what depends on a moment."""

    kinds: Mapping[str, Kind]
    columns: Mapping[str, Values]
    inner: Inner | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """The rows of a source as they lie: key and times, what is aggregated, and what each row tells of."""

    table: pl.DataFrame
    columns: Mapping[str, Values]
    inners: list[Inner]
    names: pl.Series | None


def aggregated(
    base: Timed, tables: Mapping[str, Timed], joined: Joined, name: str, at: pl.Series | None
) -> tuple[dict[str, pl.Series], Plan]:
    """Return the features of every row of the base, in its order, and how they were planned.

    Parameters
    ----------
    at : polars.Series or None
        The moments of the base's rows; None when no source changes in time.

    Raises
    ------
    DataError
        When columns do not exist or do not fit, or moments are needed and there are none.
    """
    source = tables[joined.source or name]
    deeper = [tables[inner.source or own] for own, inner in joined.sources.items()]
    if at is None and any(each.is_timed for each in (source, *deeper)):
        raise DataError(f"the source '{name}' changes in time: say with `at` which column of the base is the moment")
    keys, related = _related(base, tables, joined, name)
    moments = np.zeros(keys.size, dtype=np.int64)
    if at is not None:
        moments = at.dt.epoch("us").fill_null(0).to_numpy().astype(np.int64)
        if _asks_when(related):
            keys = np.where(at.is_null().to_numpy(), BLANK, keys)
    # Rows that ask the same are answered once.
    asked = pl.DataFrame({"key": keys, "at": moments})
    distinct = asked.unique(maintain_order=True)
    found = related.at(distinct["key"].to_numpy(), distinct["at"].to_numpy())
    back = asked.join(distinct.with_row_index("place"), on=["key", "at"], how="left", maintain_order="left")
    places = back["place"].to_numpy()
    return {made: values.taken(places).series(made) for made, values in found.items()}, related.plan


def _asks_when(related: Related) -> bool:
    return related.timed or any(_asks_when(inner.related) for inner in related.inners)


def _related(base: Timed, tables: Mapping[str, Timed], joined: Joined, name: str) -> tuple[Places, Related]:
    """Return the key of each row of the base, and the sorted rows of the source."""
    source = tables[joined.source or name]
    asked = joined.aggregate
    assert asked is not None
    need(base, joined.on.keys(), base.request.name)
    need(source, (*joined.on.values(), *times_of(source), *((asked.id,) if asked.id else ())), name)
    _check_times(source, asked)
    kinds: dict[str, Kind] = {field.name: field.kind for field in source.fields}
    beside = []
    for inner_name, inner in joined.sources.items():
        beside.append(_beside(source, tables, inner, inner_name, taken=kinds.keys()))
        kinds |= beside[-1].kinds
    if asked.columns is None:
        own = {*joined.on.values(), *times_of(source), asked.id}
        own |= {key for inner in joined.sources.values() for key in inner.on}
        kinds = {column: kind for column, kind in kinds.items() if column not in own}
    plan = plan_features(name, asked, kinds)
    left, right = key_numbers(base, source, joined.on)
    missing = key_words(base, tuple(joined.on)).select(pl.any_horizontal(pl.all().is_null())).to_series()
    keys = left[KEY].cast(pl.Int64).fill_null(UNSEEN).to_numpy()
    keys = np.where(missing.to_numpy(), BLANK, keys)
    used = columns_used(plan.features)
    columns = {column: values for each in beside for column, values in each.columns.items() if column in used}
    own_columns = [column for column in used if column in {field.name for field in source.fields}]
    rows = pl.scan_parquet(source.path).select(own_columns).collect() if own_columns else pl.DataFrame()
    columns |= {column: values_of(rows[column], kinds[column]) for column in own_columns}
    inners = [each.inner for each in beside if each.inner is not None and set(used) & set(each.kinds)]
    table = _with_times(source, right.select(pl.col(KEY).cast(pl.Int64)), name)
    names = None if asked.id is None else key_words(source, (asked.id,)).to_series()
    rows_of = _Rows(table=table, columns=columns, inners=inners, names=names)
    return keys, _sorted(rows_of, name, plan, gap=round(asked.gap_seconds * 1e6), timed=source.is_timed)


def _sorted(rows: _Rows, name: str, plan: Plan, *, gap: int, timed: bool) -> Related:
    """Put rows into one order that does not depend on the order in which they lie."""
    table, columns, inners = rows.table, rows.columns, rows.inners
    arranged = {f"v{at}": pl.Series(values.values) for at, values in enumerate(columns.values())}
    arranged |= {f"p{at}": pl.Series(values.present) for at, values in enumerate(columns.values())}
    arranged |= {f"i{at}": pl.Series(inner.keys) for at, inner in enumerate(inners)}
    table = table.with_columns(pl.Series(made, values) for made, values in arranged.items()).with_row_index("__place")
    if rows.names is not None:
        table = _replaced(table, rows.names, tuple(arranged))
    table = table.filter(pl.all_horizontal(pl.col(KEY, _HAPPENED, _KNOWN).is_not_null()))
    table = table.sort(KEY, _HAPPENED, _KNOWN, *arranged, _ENDS).select("__place", KEY, _HAPPENED, _KNOWN, _ENDS)
    places = table["__place"].to_numpy()
    return Related(
        name=name,
        plan=plan,
        gap=gap,
        timed=timed,
        keys=table[KEY].to_numpy(),
        happened=table[_HAPPENED].to_numpy(),
        known=table[_KNOWN].to_numpy(),
        ends=table[_ENDS].to_numpy(),
        columns={column: values.taken(places) for column, values in columns.items()},
        inners=tuple(Inner(keys=inner.keys[places], related=inner.related) for inner in inners),
    )


def _with_times(source: Timed, table: pl.DataFrame, name: str) -> pl.DataFrame:
    """Add when rows happened, were known and end, in microseconds; the times of a table without any are all alike."""
    request = source.request
    if not source.is_timed:
        return table.with_columns(
            pl.lit(0, pl.Int64).alias(_HAPPENED), pl.lit(0, pl.Int64).alias(_KNOWN), pl.lit(NEVER).alias(_ENDS)
        )

    def micros(column: str) -> pl.Series:
        return moments_of(source, column, name).dt.epoch("us")

    happened = source.happened or request.available_at
    assert happened is not None
    table = table.with_columns(micros(happened).alias(_HAPPENED))
    delay = round((request.available_seconds or 0.0) * 1e6)
    told = pl.col(_HAPPENED) + delay if request.available_at is None else micros(request.available_at)
    ends = pl.lit(None, pl.Int64) if request.valid_to is None else micros(request.valid_to)
    return table.with_columns(told.alias(_KNOWN), ends.alias(_ENDS)).with_columns(
        # What was written before it happened does not count before it happened, and what was never told never counts.
        pl.when(pl.col(_KNOWN).is_not_null()).then(pl.max_horizontal(_HAPPENED, _KNOWN)).alias(_KNOWN),
        pl.col(_ENDS).fill_null(NEVER),
    )


def _replaced(table: pl.DataFrame, names: pl.Series, arranged: tuple[str, ...]) -> pl.DataFrame:
    """Let a row end when another one of the same name becomes known: that one tells the same thing anew."""
    numbered = table.with_columns(names.alias(_ID))
    counting = numbered.filter(pl.all_horizontal(pl.col(_ID, _HAPPENED, _KNOWN).is_not_null()))
    following = counting.sort(_ID, _KNOWN, _HAPPENED, KEY, *arranged).select(
        "__place", pl.col(_KNOWN).shift(-1).over(_ID).alias("__next")
    )
    met = table.join(following, on="__place", how="left", maintain_order="left")
    return met.with_columns(pl.min_horizontal(_ENDS, "__next").alias(_ENDS)).drop("__next")


def _beside(outer: Timed, tables: Mapping[str, Timed], joined: Joined, name: str, *, taken: Collection[str]) -> _Beside:
    """Return what an inner source brings beside the rows of the outer one."""
    if joined.aggregate is None:
        return _looked_up(outer, tables[joined.source or name], joined, name, taken=taken)
    keys, related = _related(outer, tables, joined, name)
    kinds: dict[str, Kind] = {feature.name: feature.kind for feature in related.plan.features}
    _check_free(kinds, taken, name)
    if related.timed:
        return _Beside(kinds=kinds, columns={}, inner=Inner(keys=keys, related=related))
    return _Beside(kinds=kinds, columns=related.at(keys, np.zeros(keys.size, dtype=np.int64)))


def _looked_up(outer: Timed, source: Timed, joined: Joined, name: str, *, taken: Collection[str]) -> _Beside:
    """Return the columns of a source that holds for ever, beside the rows of the outer one that have its keys."""
    if source.is_timed:
        raise DataError(
            f"'{name}' changes in time: write `aggregate: {{columns: {{COLUMN: last}}}}` for its last values"
        )
    need(outer, joined.on.keys(), outer.request.name)
    need(source, (*joined.on.values(), *(joined.columns or ())), name)
    left, right = key_numbers(outer, source, joined.on)
    if right[KEY].drop_nulls().is_duplicated().any():
        raise DataError(f"the source '{name}' holds a key more than once; aggregate it, or say with `time` what counts")
    found = left.select(KEY).join(right.drop_nulls(KEY), on=KEY, how="left", maintain_order="left")[ROW]
    own = [field for field in source.fields if field.name not in joined.on.values()]
    wanted = {
        field.name: field.name if field.name not in taken else f"{name}_{field.name}"
        for field in own
        if joined.columns is None or field.name in joined.columns
    }
    _check_free(wanted.values(), taken, name)
    kinds = {wanted[field.name]: field.kind for field in own if field.name in wanted}
    rows = pl.scan_parquet(source.path).select(*wanted).collect().rename(wanted)
    return _Beside(kinds=kinds, columns={made: values_of(rows[made].gather(found), kinds[made]) for made in kinds})


def _check_free(made: Iterable[str], taken: Collection[str], name: str) -> None:
    twice = next((column for column in made if column in taken), None)
    if twice is not None:
        raise DataError(f"'{twice}' of the source '{name}' has the name of another column; rename it at its source")


def _check_times(source: Timed, asked: Aggregate) -> None:
    if source.is_timed:
        return
    asks = [window.name for window in asked.windows if window.seconds is not None]
    asks += [function for function in asked.rows if function != "count"]
    asks += ["gap"] if asked.gap_seconds else []
    asks += ["id"] if asked.id else []
    if asks:
        raise DataError(
            f"the source '{source.request.name}' has no times, and `{asks[0]}` needs them; say with `time` when its"
            " rows happened"
        )
