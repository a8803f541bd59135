"""The file held against the columns that the data have."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from tenfold.foundation.errors import did_you_mean
from tenfold.spec.consistency import expressions
from tenfold.spec.faults import Fault, raise_faults
from tenfold.spec.schema import Spec

_MOST_LISTED = 12
_OVERRIDE = "data.columns names"


def check_columns(spec: Spec, columns: Sequence[str], *, source_columns: Collection[str] = ()) -> None:
    """Make sure that every column the file names is one of ``columns``, those of the table after ``data.query``.

    Where a query joins sources, ``data.columns`` may also say how a column of a source is read: ``source_columns``.

    Raises
    ------
    SpecError
        With the line, the columns there are, and the nearest one.
    """
    known, readable = frozenset(columns), frozenset(source_columns)
    table, listed = _table(spec), _listed(columns)
    raise_faults(
        (
            Fault(
                message=f"{part} '{name}' is not a column of {table} ({listed}).{did_you_mean(name, columns)}",
                line=line,
            )
            for part, name, line in _columns_named(spec)
            if name not in known and not (part == _OVERRIDE and name in readable)
        ),
        path=spec.path,
    )


def _columns_named(spec: Spec) -> Iterator[tuple[str, str, int | None]]:
    """Yield the part a column plays, its name, and the line."""
    yield "target", spec.problem.target, spec.line_of("problem", "target")
    if spec.problem.time is not None:
        yield "time", spec.problem.time, spec.line_of("problem", "time")
    for setting, text in expressions(spec):
        # Imported here because polars takes 0.1 s, and many files hold no expression.
        from tenfold.foundation.expression import columns_of

        for name in columns_of(text):
            yield f"{'.'.join(setting)} reads", name, spec.line_of(*setting)
    for name in spec.data.columns:
        yield _OVERRIDE, name, spec.line_of("data", "columns", name)
    features = spec.features
    for key in ("lags", "rolling", "encode", "bins", "splines", "text"):
        named = getattr(features, key)
        for name in () if isinstance(named, str) else named:
            yield f"features.{key} names", name, spec.line_of("features", key, name)
    for name in spec.deployment.fields:
        yield "deployment.fields names", name, spec.line_of("deployment", "fields", name)


def _table(spec: Spec) -> str:
    if spec.data.query is not None:
        return "the result of data.query"
    if spec.data.join is not None:
        return "the result of data.join"
    (source,) = spec.data.sources.values()
    return source.path or source.table or "the source"


def _listed(columns: Sequence[str]) -> str:
    if not columns:
        return "it has none"
    more = len(columns) - _MOST_LISTED
    return f"it has: {', '.join(columns[:_MOST_LISTED])}{f' and {more} more' if more > 0 else ''}"
