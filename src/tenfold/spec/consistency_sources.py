"""Sources and joins that contradict themselves: found before anything is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tenfold.foundation.errors import did_you_mean
from tenfold.spec.faults import Fault
from tenfold.spec.schema import Spec
from tenfold.spec.sections_sources import InnerSource, JoinedSource, SourceSection

_DATABASES = ("postgresql://", "postgres://", "mysql://", "mariadb://")
_STREAMS = ("redis://", "rediss://")
_DATABASE_FILES = ("sqlite", "duckdb")


def check_sources(spec: Spec) -> Iterator[Fault]:
    """Yield what cannot be meant of sources and of how they are put together."""
    data = spec.data
    names = ", ".join(data.sources)
    if len(data.sources) > 1 and data.query is None and data.join is None:
        yield Fault(
            message=f"{len(data.sources)} sources ({names}) need `query:`, the SQL that joins them, or `join:`",
            line=spec.line_of("data", "sources"),
        )
    for name, source in data.sources.items():
        line = spec.line_of("data", "sources", name)
        for message in _source_faults(spec, name, source):
            yield Fault(message=message, line=line)
    yield from _join_faults(spec)


def _source_faults(spec: Spec, name: str, source: SourceSection) -> Iterator[str]:
    place = "" if name not in spec.locations else spec.locations[name].secret.reveal()
    if source.table is not None and source.query is not None:
        yield f"the source '{name}' has a table and a query; keep one"
    is_database = (source.url is not None and place.startswith(_DATABASES)) or source.format in _DATABASE_FILES
    if is_database and source.table is None and source.query is None:
        yield f"the source '{name}' is a database: say which `table:` or `query:`"
    if is_database and source.url is not None and source.format is not None:
        yield f"the source '{name}' is a database, which has no file format"
    is_stream = source.url is not None and place.startswith(_STREAMS)
    if is_stream and source.table is None:
        yield f"the source '{name}' is a server of streams: say which with `table:`"
    if source.query is not None and place and not is_database and (source.url is not None or source.format is not None):
        yield f"the source '{name}' takes no `query:`: it is no database"
    if place and not is_stream and (source.since is not None or source.until is not None):
        yield f"`since` and `until` of '{name}' are for streams"
    if source.endpoint is not None and place and not place.startswith("s3://"):
        yield f"`endpoint` of '{name}' is for s3://"
    written = (source.delimiter, source.quote, source.header, source.encoding)
    if source.format not in (None, "csv", "json") and any(value is not None for value in written):
        yield f"delimiter, quote, header and encoding of '{name}' are for delimited text"
    if source.available is not None and source.time is None:
        yield f"`available` of '{name}' counts from a time: say which column with `time:`"
    if source.available is not None and source.available_at is not None:
        yield f"the source '{name}' says with `available` and with `available_at` when a row is known; keep one"
    if source.valid_to is not None and source.valid_from is None:
        yield f"`valid_to` of '{name}' ends what begins with `valid_from:`; say which column that is"
    if source.valid_from is not None and source.time is not None:
        yield f"the source '{name}' has a `time` and a `valid_from`; a row happens when it becomes valid: keep one"


def _join_faults(spec: Spec) -> Iterator[Fault]:
    join = spec.data.join
    if join is None:
        return
    line = spec.line_of("data", "join")
    names = spec.data.sources
    if spec.data.query is not None:
        yield Fault(message="`query` and `join` both make the one table; keep one", line=line)
    if join.base not in names:
        hint = did_you_mean(join.base, names)
        yield Fault(
            message=f"the base of the join, '{join.base}', is no source.{hint}",
            line=spec.line_of("data", "join", "base"),
        )
    for name, joined in join.sources.items():
        at = spec.line_of("data", "join", "sources", name)
        for message in _joined_faults(spec, name, joined):
            yield Fault(message=message, line=at)
    used = {join.base, *_sources_of(join.sources)}
    unused = [name for name in names if name not in used]
    if unused and join.base in names:
        yield Fault(message=f"the join leaves out the source '{unused[0]}'; join it, or remove it", line=line)


def _sources_of(joined: Mapping[str, JoinedSource]) -> Iterator[str]:
    for name, each in joined.items():
        yield each.source or name
        yield from (inner.source or own for own, inner in each.sources.items())


def _joined_faults(spec: Spec, name: str, joined: InnerSource) -> Iterator[str]:
    join, names = spec.data.join, spec.data.sources
    assert join is not None
    own = joined.source or name
    if own not in names:
        yield f"'{own}' of the join is no source.{did_you_mean(own, names)}"
        return
    if own == join.base:
        yield f"'{own}' is the base of the join and cannot join itself"
        return
    is_timed = _is_timed(names[own])
    if is_timed and join.at is None and spec.problem.time is None:
        yield (
            f"rows of '{name}' become known in time: say with `at:`, or with problem.time, which column of"
            f" '{join.base}' is the moment of prediction"
        )
    if not is_timed and (joined.oldest is not None or joined.age):
        yield f"`oldest` and `age` of '{name}' need the source's `time:`"
    yield from _aggregate_faults(name, joined, is_timed=is_timed)
    if not isinstance(joined, JoinedSource) or not joined.sources:
        return
    if joined.aggregate is None:
        yield f"`sources` of '{name}' stand beside its rows before they are aggregated: say how with `aggregate:`"
    for inner_name, inner in joined.sources.items():
        yield from _joined_faults(spec, inner_name, inner)
        inner_source = names.get(inner.source or inner_name)
        if inner.aggregate is None and inner_source is not None and _is_timed(inner_source):
            yield (
                f"'{inner_name}' changes in time: beside the rows of '{name}' write"
                " `aggregate: {columns: {COLUMN: last}}` for its last values"
            )


def _is_timed(source: SourceSection) -> bool:
    return source.time is not None or source.valid_from is not None or source.available_at is not None


def _aggregate_faults(name: str, joined: InnerSource, *, is_timed: bool) -> Iterator[str]:
    asked = joined.aggregate
    if asked is None:
        return
    taken = [key for key, is_set in _LAST_ROW.items() if is_set(joined)]
    if taken:
        yield (
            f"`{taken[0]}` of '{name}' is for the last row, and `aggregate` looks at all of them: join the last one"
            f" under another name with `source: {joined.source or name}`"
        )
    if not is_timed and (asked.gap_seconds or asked.id is not None or any(asked.window_seconds.values())):
        yield f"`windows`, `gap` and `id` of '{name}' need the source's `time:`"
    if len(set(asked.windows)) < len(asked.windows):
        yield f"a window of '{name}' is written twice"
    if 0.0 in asked.window_seconds.values():
        yield f"a window of '{name}' is empty: write how far it goes back, such as 90d, or all"
    if asked.count == 0 or (asked.count is not None and asked.count > asked.most):
        yield (
            f"'{name}' would make {asked.count} columns, and at most {asked.most} are allowed: name fewer functions or"
            " windows, or raise `most`"
        )


_LAST_ROW: Mapping[str, Callable[[InnerSource], bool]] = {
    "columns": lambda joined: joined.columns is not None,
    "oldest": lambda joined: joined.oldest is not None,
    "age": lambda joined: joined.age,
}
