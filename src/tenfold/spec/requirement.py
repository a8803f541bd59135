"""The grammar of requirements: ``metric(column) >= baseline + 10%``.

::

    that      = metric [ "(" column ")" ] ( ">=" | "<=" ) bound
    bound     = number | reference [ ( "+" | "-" ) number [ "%" ] ]
    reference = "baseline" | "champion"

A metric may hold a number: ``f2``, ``f0.5``, ``top3_accuracy``, ``pinball_0.9``.

A column whose name holds parentheses, quotes or outer blanks stands in double quotes, with ``""`` for one quote.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, cast

from tenfold.foundation.errors import InputError, did_you_mean
from tenfold.measures.names import METRIC_NAMES, find_metric_name, listed
from tenfold.records.problem import Bound

_LONGEST = 500
_BLANK = re.compile(r"\s*")
_WORD = re.compile(r"[^\W\d]\w*")
_METRIC = re.compile(r"[^\W\d]\w*(?:\.\d+)?")
_COLUMN = re.compile(r'"((?:[^"]|"")+)"|([^()"]+)')
_COMPARISON = re.compile(r">=|<=")
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_UNSIGNED = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_WRONG_COMPARISON = re.compile(r"[<>=!≥≤]+")
REFERENCES = ("baseline", "champion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """What a requirement asks, without its circumstances."""

    metric: str
    direction: Literal[">=", "<="]
    bound: Bound
    column: str | None = None


def parse_criterion(text: str) -> Criterion:
    """Return what the text after ``that:`` asks.

    Raises
    ------
    InputError
        With the position, what was found there and what is wanted.
    """
    if len(text) > _LONGEST:
        raise InputError(f"a requirement has at most {_LONGEST} characters, this one has {len(text)}")
    reader = _Reader(text)
    metric = _metric(reader)
    column = _column(reader)
    direction = _direction(reader)
    bound = _bound(reader)
    reader.end()
    return Criterion(metric=metric, column=column, direction=direction, bound=bound)


def format_criterion(criterion: Criterion) -> str:
    """Return the canonical text of a criterion: parsing it gives the criterion again."""
    column = "" if criterion.column is None else f"({_quoted(criterion.column)})"
    return f"{criterion.metric}{column} {criterion.direction} {format_bound(criterion.bound)}"


def format_bound(bound: Bound) -> str:
    """Return the text of a bound: ``0.68``, ``baseline``, ``champion - 0.01``, ``baseline + 10%``."""
    if bound.reference is None:
        return format_number(bound.offset)
    if bound.offset == 0:
        return bound.reference
    sign = "-" if bound.offset < 0 else "+"
    return f"{bound.reference} {sign} {format_number(abs(bound.offset))}{'%' if bound.percent else ''}"


def format_number(number: float) -> str:
    """Return the shortest text that reads back as ``number``."""
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    return repr(number)


class _Reader:
    """The text and how far it has been read."""

    def __init__(self, text: str):
        self.text = text
        self.at = 0

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self.skip()
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        return match

    def skip(self) -> None:
        blank = _BLANK.match(self.text, self.at)
        self.at = blank.end() if blank else self.at

    def literal(self, mark: str) -> bool:
        self.skip()
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def end(self) -> None:
        self.skip()
        if self.at < len(self.text):
            raise self.wrong("the requirement should end here")

    def wrong(self, wanted: str) -> InputError:
        self.skip()
        rest = self.text[self.at : self.at + 20]
        found = f"'{rest}'" if rest else "the end"
        return InputError(f"'{self.text}' is not a requirement: at character {self.at + 1} {wanted}, found {found}")


def _metric(reader: _Reader) -> str:
    word = reader.take(_METRIC)
    if word is None:
        raise reader.wrong("the name of a metric is wanted")
    if find_metric_name(word[0]) is None:
        guess = did_you_mean(word[0], METRIC_NAMES)
        known = guess or f" Known are: {listed()}."
        raise InputError(f"'{reader.text}' is not a requirement: '{word[0]}' is not a metric.{known}")
    return word[0]


def _column(reader: _Reader) -> str | None:
    if not reader.literal("("):
        return None
    match = reader.take(_COLUMN)
    name = "" if match is None else (match[2].strip() if match[1] is None else match[1].replace('""', '"'))
    if not name:
        raise reader.wrong("the name of a column is wanted")
    if not reader.literal(")"):
        raise reader.wrong("')' is wanted")
    return name


def _direction(reader: _Reader) -> Literal[">=", "<="]:
    match = reader.take(_COMPARISON)
    after = reader.text[reader.at : reader.at + 1]
    if match is None or _WRONG_COMPARISON.match(after):
        wrong = reader.take(_WRONG_COMPARISON)
        if wrong is not None:
            reader.at = wrong.start()
        raise reader.wrong("'>=' or '<=' is wanted")
    return cast('Literal[">=", "<="]', match[0])


def _bound(reader: _Reader) -> Bound:
    number = reader.take(_NUMBER)
    if number is not None:
        if reader.literal("%"):
            reader.at -= 1
            raise reader.wrong("'%' may not stand: it follows 'baseline + …'; write a fraction such as 0.9")
        return Bound(offset=_finite(reader, number[0]))
    word = reader.take(_WORD)
    if word is None or word[0] not in REFERENCES:
        if word is not None:
            reader.at = word.start()
        guess = did_you_mean(word[0], REFERENCES) if word is not None else ""
        raise reader.wrong(f"a number, 'baseline' or 'champion' is wanted{guess and ' (' + guess.strip() + ')'}")
    reference = cast('Literal["baseline", "champion"]', word[0])
    sign = 1.0 if reader.literal("+") else -1.0 if reader.literal("-") else None
    if sign is None:
        return Bound(reference=reference)
    change = reader.take(_UNSIGNED)
    if change is None:
        raise reader.wrong("a number without a sign is wanted")
    percent = reader.literal("%")
    offset = sign * _finite(reader, change[0])
    if offset == 0:
        # "baseline - 0%" asks the same as "baseline", and equal bounds are equal records.
        return Bound(reference=reference)
    return Bound(reference=reference, offset=offset, percent=percent)


def _finite(reader: _Reader, text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InputError(f"'{reader.text}' is not a requirement: {text} is too large a number")
    # Adding zero turns minus zero into zero.
    return number + 0.0


def _quoted(column: str) -> str:
    plain = _COLUMN.fullmatch(column)
    if plain is not None and plain[2] is not None and column == column.strip():
        return column
    doubled = column.replace('"', '""')
    return f'"{doubled}"'
