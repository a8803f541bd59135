"""An expression held against the columns of a table: what each part of it is, or why it does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from tenfold.foundation.errors import DataError, did_you_mean
from tenfold.foundation.row_language.functions import FUNCTIONS, Function
from tenfold.foundation.row_language.parse import read_moment
from tenfold.foundation.row_language.tree import SPOKEN, Call, Column, Kind, Scalar, Tree, Value


def resolve(tree: Tree, text: str, kinds: Mapping[str, Kind]) -> Tree:
    """Return the expression with the kind of each part.

    A text that stands beside a time is read as one, and what is missing takes the kind that is asked for.

    Raises
    ------
    DataError
        When a column is unknown or a part is of another kind than is needed; the character is named.
    """
    if isinstance(tree, Value):
        return tree
    if isinstance(tree, Column):
        if tree.name not in kinds:
            raise DataError(
                f"the expression '{text}' reads '{tree.name}' (character {tree.at}), which is not a column."
                f"{did_you_mean(tree.name, kinds)}"
            )
        return replace(tree, kind=kinds[tree.name])
    function = FUNCTIONS[tree.name]
    arguments = [resolve(each, text, kinds) for each in tree.arguments]
    if not function.least <= len(arguments) <= function.most:
        raise _refuse(text, f"{tree.name} takes {_counted(function)}, found {len(arguments)}", tree.at)
    if tree.name == "case":
        return _case(tree, arguments, text)
    if function.takes[0] == "same":
        kind = _common(arguments, tree, text, function)
        arguments = [_as(each, kind, tree, text) for each in arguments]
    else:
        kind = "null"
        for place, each in enumerate(arguments):
            needed = function.takes[min(place, len(function.takes) - 1)]
            arguments[place] = _as(each, needed, tree, text)  # type: ignore[arg-type]  # the table of functions
    _need_written(function, arguments, tree, text)
    gives = kind if function.gives == "same" else function.gives
    return replace(tree, arguments=tuple(arguments), kind=gives)  # type: ignore[arg-type]  # the table of functions


def kind_of(value: object) -> Kind:
    """Return what kind a value of a row is of.

    Raises
    ------
    DataError
        When expressions do not read such a value.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, date):
        return "time"
    raise DataError(f"a value of type {type(value).__name__} is not read by expressions")


def _case(tree: Call, parts: list[Tree], text: str) -> Tree:
    values = [*(parts[place] for place in range(1, len(parts), 2)), parts[-1]]
    kind = _common(values, tree, text, FUNCTIONS["case"])
    last = len(parts) - 1
    arguments = (
        _as(each, kind if place % 2 or place == last else "truth", tree, text) for place, each in enumerate(parts)
    )
    return replace(tree, arguments=tuple(arguments), kind=kind)


def _common(arguments: list[Tree], tree: Call, text: str, function: Function) -> Kind:
    """Return the one kind that all arguments are of; texts that are written beside a time are times."""
    found: list[Kind] = [each.kind for each in arguments if each.kind != "null"]
    if not found:
        return "null"
    kind = found[0]
    if "time" in found:
        kind = "time"
        found = [
            "time" if isinstance(each, Value) and each.kind == "text" else each.kind
            for each in arguments
            if each.kind != "null"
        ]
    for other in found:
        if other != kind:
            one = next(each for each in arguments if each.kind == kind)
            another = next(each for each in arguments if each.kind == other)
            raise _refuse(text, f"{_shown(one)} is {SPOKEN[kind]} and {_shown(another)} is {SPOKEN[other]}", tree.at)
    if kind not in function.same:
        raise _refuse(text, f"{tree.name} does not compare {SPOKEN[kind]}", tree.at)
    return kind


def _as(tree: Tree, kind: Kind, call: Call, text: str) -> Tree:
    if tree.kind == kind:
        return tree
    if tree.kind == "null":
        return replace(tree, kind=kind) if not isinstance(tree, Call) else Value(value=None, kind=kind, at=tree.at)
    if kind == "time" and isinstance(tree, Value) and isinstance(tree.value, str):
        moment = read_moment(tree.value)
        if moment is None:
            raise _refuse(text, f"'{tree.value}' is not a time such as '2026-03-01 18:30'", tree.at)
        return Value(value=moment, kind="time", at=tree.at)
    hint = ""
    if call.name == "-" and tree.kind == "time":
        hint = "; epoch(a) - epoch(b) is the time between two times in seconds"
    elif call.name == "+" and tree.kind == "text":
        hint = "; texts are joined by ||"
    raise _refuse(text, f"{call.name} needs {SPOKEN[kind]}, {_shown(tree)} is {SPOKEN[tree.kind]}{hint}", tree.at)


def _need_written(function: Function, arguments: list[Tree], tree: Call, text: str) -> None:
    for each in arguments[function.written :] if function.written is not None else ():
        whole = isinstance(each, Value) and (
            isinstance(each.value, str)
            or (isinstance(each.value, float) and each.value.is_integer() and 0 <= each.value <= 1_000_000)
        )
        if not whole:
            raise _refuse(
                text, f"{tree.name} needs {_shown(each)} written out: a text, or a whole number from 0", each.at
            )


def _counted(function: Function) -> str:
    if function.least == function.most:
        return f"{function.least} value{'s' if function.least > 1 else ''}"
    return f"{function.least} to {function.most} values" if function.most < 100 else f"{function.least} or more values"


def _shown(tree: Tree) -> str:
    if isinstance(tree, Column):
        return f"'{tree.name}'"
    if isinstance(tree, Value):
        return "NULL" if tree.value is None else repr(tree.value) if not isinstance(tree.value, datetime) else "a time"
    return f"{tree.name}(…)" if FUNCTIONS[tree.name].spelled else f"what {tree.name} gives"


def _refuse(text: str, what: str, at: int) -> DataError:
    return DataError(f"the expression '{text}' does not fit the data: {what} (character {at})")


def value_of(value: object) -> Scalar:
    """Return a value of a row as expressions see it: numbers as floats, times in UTC without a zone."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return None if value != value else float(value)  # noqa: PLR0124  # NaN is missing
    if isinstance(value, datetime):
        moment = read_moment(value.isoformat())
        assert moment is not None
        return moment
    assert isinstance(value, date)
    return datetime(value.year, value.month, value.day)  # noqa: DTZ001  # UTC without its zone
