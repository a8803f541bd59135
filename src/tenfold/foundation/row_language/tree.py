"""What an expression consists of: values, columns, and calls of functions (operators are functions, too)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from tenfold.foundation.errors import DataError

Kind: TypeAlias = Literal["number", "text", "truth", "time", "null"]
Scalar: TypeAlias = float | str | bool | datetime | None

SPOKEN: dict[Kind, str] = {
    "number": "a number",
    "text": "text",
    "truth": "true or false",
    "time": "a time",
    "null": "nothing",
}


class MoreThanOneRow(DataError):
    """An expression that asks for more than the row it is evaluated for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value as it is written; ``at`` counts characters from 1."""

    value: Scalar
    kind: Kind
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column; its kind is known once the table is."""

    name: str
    at: int
    kind: Kind = "null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function of values: ``case`` takes conditions and values in turn, then what holds otherwise."""

    name: str
    arguments: tuple[Tree, ...]
    at: int
    kind: Kind = "null"


Tree: TypeAlias = Value | Column | Call


def columns_in(tree: Tree) -> tuple[str, ...]:
    """Return the names of the columns that an expression reads, in the order of their first mention."""
    if isinstance(tree, Value):
        return ()
    if isinstance(tree, Column):
        return (tree.name,)
    return tuple(dict.fromkeys(name for each in tree.arguments for name in columns_in(each)))
