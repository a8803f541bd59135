"""Which part each column plays, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.measures.states.profile import ColumnProfile
from tenfold.records.dataset import Field, Role
from tenfold.records.problem import Problem
from tenfold.stages.data.options import ColumnOptions

_ID_NAME = re.compile(
    r"(^|[^a-z])(id|uuid|guid|key|no|nr|num|number|index|idx|row|rownum|rowid|unnamed.*)$", re.IGNORECASE
)
_ID_CAMEL = re.compile(r"[a-z](ID|Id|No|Key)$")
# Below this, all strings being distinct is no sign of an identifier.
_FEWEST_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The part that a column plays, the reason, and what a person should know beside it."""

    role: Role
    reason: str
    notes: tuple[str, ...] = ()


def assign_roles(
    table: pl.DataFrame,
    fields: Sequence[Field],
    profiles: Mapping[str, ColumnProfile],
    problem: Problem,
    declared: Mapping[str, ColumnOptions],
) -> Mapping[str, Part]:
    """Return the part of every column: what the user declared, else what is found.

    Raises
    ------
    DataError
        When a declared column does not exist or cannot play its part.
    """
    names = [known.name for known in fields]
    for name in declared:
        if name not in names:
            raise DataError(f"`columns` names '{name}', which is not a column.{did_you_mean(name, names)}")
    if problem.time is not None and problem.time not in names:
        raise DataError(f"the time '{problem.time}' is not a column.{did_you_mean(problem.time, names)}")
    parts = {}
    for known in fields:
        options = declared.get(known.name, ColumnOptions())
        parts[known.name] = _part(table[known.name], known, profiles[known.name], problem, options)
    return parts


def _part(column: pl.Series, known: Field, profile: ColumnProfile, problem: Problem, options: ColumnOptions) -> Part:
    name = known.name
    if name == problem.target:
        if options.role not in {None, "target"}:
            raise DataError(f"'{name}' is the target and cannot be declared {options.role}")
        return Part(role="target", reason="the target of the problem")
    if options.role is not None:
        return _declared(column, known, options)
    if name == problem.time:
        if known.kind not in {"datetime", "numeric"}:
            raise DataError(f"the time '{name}' holds {_nature(known)}; it must hold times or numbers")
        return Part(role="time", reason="the time of the problem")
    if profile.missing == len(column):
        return Part(role="ignored", reason="every value is missing")
    if profile.distinct == 1 and profile.missing == 0:
        return Part(role="ignored", reason="every row holds the same value")
    if known.personal == "most":
        return Part(role="id", reason="holds personal data: it names people, and is read as pseudonyms")
    if reason := _identifies(column, known, profile):
        return Part(role="id", reason=reason)
    if options.available == "later":
        return Part(role="feature", reason="declared known only later: usable in lags alone")
    return Part(role="feature", reason=known.reason or known.kind)


def _declared(column: pl.Series, known: Field, options: ColumnOptions) -> Part:
    role = options.role
    assert role is not None
    if role == "target":
        raise DataError(f"'{known.name}' is declared the target; name the target under `problem` instead")
    if role == "weight":
        low = column.min()
        if known.kind != "numeric" or (isinstance(low, float) and low < 0) or column.null_count():
            raise DataError(f"the weight '{known.name}' must hold numbers that are not negative, in every row")
    if role == "sensitive" and options.feature:
        return Part(role="feature", reason="sensitive, and declared a feature", notes=("sensitive",))
    if role == "sensitive":
        return Part(role="sensitive", reason="declared sensitive: not a feature")
    return Part(role=role, reason=f"declared {role}")


def _identifies(column: pl.Series, known: Field, profile: ColumnProfile) -> str:
    """Return why a column only names its rows; empty when it does more than that."""
    present = len(column) - profile.missing
    if present < _FEWEST_ROWS or profile.distinct < present or profile.missing > 0.01 * len(column):
        return ""
    if known.kind == "categorical":
        return f"all {present:,} strings are distinct: it names the rows"
    named = bool(_ID_NAME.search(known.name) or _ID_CAMEL.search(known.name))
    if known.kind == "numeric" and known.integer and named:
        return f"{present:,} distinct whole numbers under a name such as an identifier has"
    return ""


def _nature(known: Field) -> str:
    return {"categorical": "words", "text": "text", "boolean": "true and false"}.get(known.kind, known.kind)
