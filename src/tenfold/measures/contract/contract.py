"""The data contract: what every later batch of a table must look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tenfold.foundation.units import parse_seconds
from tenfold.records.dataset import Kind

Severity = Literal["info", "warning", "critical"]

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
KINDS: tuple[Kind, ...] = ("numeric", "categorical", "boolean", "datetime", "text")
COLUMN_RULES = ("missing", "range", "whole", "values", "pattern", "length", "unique")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnContract:
    """What one column must hold.

    Attributes
    ----------
    missing : float
        The largest share of missing values.
    low, high : float or None
        The range of a number; None is open.
    whole : bool
        Numbers have no fraction.
    values : tuple of str
        The allowed values; empty allows any.
    pattern : str or None
        A regular expression (without look-around) that the whole of every word matches.
    shortest, longest : int or None
        The number of characters of a word.
    unique : bool
        No value occurs twice.
    optional : bool
        A batch without the column keeps the contract: the target of rows to predict, an identifier.
    severity : str
        What breaking a rule of this column means. A column that is absent or of another kind is always critical.
    severities : mapping of str to str
        Where a rule (one of `COLUMN_RULES`) is graver or less grave than the column's other ones.
    at_most : float
        The share of rows that may break a rule before it counts as broken; ``missing`` has a share of its own.
    """

    name: str
    kind: Kind
    missing: float = 1.0
    low: float | None = None
    high: float | None = None
    whole: bool = False
    values: tuple[str, ...] = ()
    pattern: str | None = None
    shortest: int | None = None
    longest: int | None = None
    unique: bool = False
    optional: bool = False
    severity: Severity = "warning"
    severities: Mapping[str, Severity] = field(default_factory=dict)
    at_most: float = 0.0

    def severity_of(self, rule: str) -> Severity:
        """Return what breaking a rule of this column means."""
        return self.severities.get(rule, self.severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Columns that together name a row: no two rows agree in all of them. Rows that lack one are not compared."""

    columns: tuple[str, ...]
    severity: Severity = "warning"
    at_most: float = 0.0

    @property
    def id(self) -> str:
        """The name of the rule."""
        return f"key:{','.join(self.columns)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """Columns whose values must stand in another table. Rows that lack one of them are not looked up.

    Attributes
    ----------
    table : str
        The file of the other table, as the contract names it; ``self`` is the table itself.
    key : tuple of str
        The columns there, in the order of ``columns``.
    """

    columns: tuple[str, ...]
    table: str
    key: tuple[str, ...]
    severity: Severity = "warning"
    at_most: float = 0.0

    @property
    def id(self) -> str:
        """The name of the rule."""
        return f"foreign:{','.join(self.columns)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How old the newest row may be: ``within`` is a duration such as ``2d``."""

    column: str
    within: str
    severity: Severity = "warning"

    @property
    def within_seconds(self) -> float:
        """The largest age in seconds."""
        return parse_seconds(self.within)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """How many rows each stretch of time holds; the first and the last, which may be cut, are not judged."""

    column: str
    every: str
    least: int | None = None
    most: int | None = None
    severity: Severity = "warning"

    @property
    def every_seconds(self) -> float:
        """The length of a stretch in seconds."""
        return parse_seconds(self.every)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of the user's own, over the columns of a row or over the whole table.

    Attributes
    ----------
    that : str
        A SQL condition over the columns of a row, true of every row; a row for which it is null keeps it, as in a
        CHECK constraint. Empty where there is a ``sql``.
    sql : str
        One SELECT over the table ``data`` that returns the column ``row`` of the rows that break the rule.
    """

    id: str
    that: str = ""
    sql: str = ""
    severity: Severity = "warning"
    at_most: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a table must look like: its size, its columns, its keys, its age, and rules across columns."""

    columns: tuple[ColumnContract, ...] = field(default_factory=tuple)
    rows: int = 1
    most_rows: int | None = None
    keys: tuple[Key, ...] = ()
    foreign: tuple[ForeignKey, ...] = ()
    freshness: tuple[Freshness, ...] = ()
    volume: tuple[Volume, ...] = ()
    rules: tuple[Rule, ...] = ()
