"""The data as they were read: columns, what was inferred of each and why, and the snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["numeric", "categorical", "boolean", "datetime", "text"]
Personal = Literal["", "some", "most", "codes"]
Role = Literal["feature", "target", "time", "entity", "group", "assign", "weight", "id", "sensitive", "ignored"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """How one column is written at the source, and what it is once read.

    After reading, a value is: ``numeric`` Float64; ``categorical`` and ``text`` String, stripped; ``boolean`` Boolean;
    ``datetime`` Datetime in UTC, microseconds; a missing marker of any kind is null.

    Attributes
    ----------
    missing_markers : tuple of str
        Strings that mean missing, beside null and the empty string: ``?``, ``NA``.
    integer : bool
        All numbers seen were whole.
    decimal_comma, thousands : bool, str
        How numbers are written in text: ``1.234,5`` has a decimal comma and thousands ``.``.
    unit : str
        A sign that stands beside numbers in text and changes nothing in them: ``$``, ``%``.
    brackets : bool
        Numbers in brackets are negative: ``(1,234)``.
    datetime_format : str or None
        strptime pattern; None when the source is typed or ISO 8601. Numbers that count time:
        ``epoch seconds``, ``epoch milliseconds``, ``epoch microseconds`` or ``excel days``.
    timezone : str or None
        Zone of times written without an offset; None means UTC.
    levels : tuple of str
        Known values of a categorical column, sorted; empty when there are too many to list.
    reason : str
        Why the column was read so.
    padded : bool
        Numbers were written with leading zeros: in a column of words they are part of the word, so that a number cannot
        stand for it; in one declared numeric they mean nothing.
    personal : str
        Whether values hold personal data, which never go beyond reading: ``some`` or ``most`` do (each such value is
        replaced by its pseudonym, in a text by its kind), ``codes`` are digits that only look so; empty where none do.
    """

    name: str
    kind: Kind
    integer: bool = False
    missing_markers: tuple[str, ...] = ()
    decimal_comma: bool = False
    thousands: str = ""
    datetime_format: str | None = None
    timezone: str | None = None
    levels: tuple[str, ...] = ()
    reason: str = ""
    unit: str = ""
    brackets: bool = False
    personal: Personal = ""
    padded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table: how it is read, what part it plays, and what was seen.

    ``available`` is ``now`` (known at the prediction), ``later`` (known with the outcome: usable in lags only).
    Statistics are over all rows; ``low``, ``high``, ``mean``, ``deviation`` and ``quartiles`` only for numbers;
    ``top`` holds the most frequent values with their counts.
    """

    field: Field
    role: Role
    reason: str
    available: Literal["now", "later"] = "now"
    impute: str | None = None
    scale: str | None = None
    missing: int = 0
    distinct: int = 0
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    deviation: float | None = None
    quartiles: tuple[float, ...] = ()
    histogram: tuple[tuple[float, int], ...] = ()
    top: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The column's name."""
        return self.field.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source as it was read: where, how it was written, how many rows, and the hash of the snapshot.

    ``location`` is what the file says, never a resolved secret. Of the base of a join, ``fields`` says how its columns
    were read, and ``joined`` names how the other sources were put beside it: rows to predict are read and joined alike.
    """

    name: str
    location: str
    format: str
    rows: int
    snapshot: str
    dialect: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()
    joined: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about the data that a person should know; ``severity`` critical stops the run."""

    rule: str
    severity: Literal["info", "warning", "critical"]
    message: str
    column: str | None = None
    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The table of which a run works on a sample: how many rows it has, and what its columns hold over all of them."""

    rows: int
    columns: tuple[Column, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The data stage's result. Payload ``table.parquet``: the rows in source order, each column as its Field says.

    ``dropped`` counts rows left out by reason (missing target, duplicates and rows that break the contract when asked).
    ``quarantined`` counts the rows of the payload ``quarantine.parquet``, left out or not. ``whole`` is the table that
    the rows were drawn from, where they are a sample; the contract is held against all of it. ``newest`` holds for each
    column whose age the contract limits the newest moment, so that its age can be judged again later.
    """

    rows: int
    columns: tuple[Column, ...]
    sources: tuple[Source, ...]
    snapshot: str
    dropped: Mapping[str, int] = field(default_factory=dict)
    duplicate_rows: int = 0
    findings: tuple[Finding, ...] = ()
    contract: str | None = None
    quarantined: int = 0
    whole: Whole | None = None
    newest: Mapping[str, str] = field(default_factory=dict)

    def column(self, name: str) -> Column:
        """Return the column called ``name``; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def with_role(self, *roles: Role) -> tuple[Column, ...]:
        """Return the columns that play one of these parts."""
        return tuple(column for column in self.columns if column.role in roles)
